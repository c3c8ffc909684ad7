"""The state of a pending sign-in as an encrypted, authenticated cookie; replicas share the key.

Not a table: the sign-in is bound to one browser anyway, and rows of anonymous users would have to be limited and cleaned up.
"""

import base64
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from signalbox.kernel.clock import Clock
from signalbox.security.oidc.errors import SignInNotPending
from signalbox.security.oidc.model import SIGN_IN_TIMEOUT_S, PendingSignIn

COOKIE_LENGTH_MAX: Final = 4096


class SignInCookie:
    """Encrypts and decrypts pending sign-ins."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._clock = clock

    def encrypt(self, pending: PendingSignIn) -> str:
        return self._fernet.encrypt_at_time(msgspec.json.encode(pending), int(self._clock())).decode("ascii")

    def decrypt(self, cookie: str | None) -> PendingSignIn:
        """Return the pending sign-in. Raises SignInNotPending if the cookie is missing, forged or too old."""
        if not cookie or len(cookie) > COOKIE_LENGTH_MAX:
            raise SignInNotPending
        try:
            plain = self._fernet.decrypt_at_time(
                cookie.encode("utf-8", "replace"), SIGN_IN_TIMEOUT_S, int(self._clock())
            )
        except InvalidToken:
            raise SignInNotPending from None
        return msgspec.json.decode(plain, type=PendingSignIn)
