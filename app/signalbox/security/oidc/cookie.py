"""Seals what a sign-in keeps, so that the browser itself can hold it.

In a cookie rather than in a table: a sign-in has to come back to the browser that began it, so there is a cookie anyway; and
whoever may begin one is not known yet, so what each leaves here would have to be counted, bounded and cleaned away. Encrypted
and authenticated with a key that only this installation has; replicas share it.
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
    """Closes and opens."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._clock = clock

    def encrypt(self, kept: PendingSignIn) -> str:
        return self._fernet.encrypt_at_time(msgspec.json.encode(kept), int(self._clock())).decode("ascii")

    def decrypt(self, sealed: str | None) -> PendingSignIn:
        """Return what was closed. Raises SignInNotPending when it is missing, was not closed here, or is too old."""
        if not sealed or len(sealed) > COOKIE_LENGTH_MAX:
            raise SignInNotPending
        try:
            plain = self._fernet.decrypt_at_time(
                sealed.encode("utf-8", "replace"), SIGN_IN_TIMEOUT_S, int(self._clock())
            )
        except InvalidToken:
            raise SignInNotPending from None
        return msgspec.json.decode(plain, type=PendingSignIn)
