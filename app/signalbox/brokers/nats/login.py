"""Builds the client's sign-in options from the settings and the files that they name.

Files are read at each connect, so that renewed credentials work without a restart. Errors never contain a value.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import nkeys

from signalbox.brokers.errors import LoginRefused
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.brokers.tls import tls_context

CREDENTIALS_BYTES_MAX = 64 * 1024
_JWT = re.compile(r"-+BEGIN NATS USER JWT-+\s+([\w.=-]+)\s+-+END NATS USER JWT-+")
_SEED = re.compile(r"-+BEGIN USER NKEY SEED-+\s+([A-Z2-7]+)\s+-+END USER NKEY SEED-+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Options for `nats.connect`, and when the credentials expire (seconds since the epoch) if they do."""

    options: dict[str, Any] = field(repr=False)
    expires_at: float | None = None


def read_login(settings: NatsSettings) -> Login:
    """Return the options for these settings. Reads files: call it in a thread.

    Raises LoginRefused or CertificateRefused if a file cannot be read or has the wrong content.
    """
    options: dict[str, Any] = {}
    expires_at = None
    if settings.user is not None and settings.password is not None:
        options = {"user": settings.user, "password": settings.password.get_secret_value()}
    elif settings.token is not None:
        options = {"token": settings.token.get_secret_value()}
    elif settings.nkey_seed is not None:
        options = {"nkeys_seed_str": _seed(settings, settings.nkey_seed.get_secret_value(), "nkey_seed")}
    elif settings.nkey_seed_file is not None:
        options = {"nkeys_seed_str": _seed(settings, _read_text(settings, "nkey_seed_file"), "nkey_seed_file")}
    elif settings.credentials_file is not None:
        options, expires_at = _credentials(settings)
    options |= {"tls": tls_context(settings), "tls_handshake_first": settings.tls_first}
    return Login(options=options, expires_at=expires_at)


def _read_text(settings: NatsSettings, key: str) -> str:
    path = getattr(settings, key)
    try:
        with path.open("rb") as file:
            return str(file.read(CREDENTIALS_BYTES_MAX).decode("ascii", "replace"))
    except OSError as error:
        problem = f"Cannot read {key} {path}: {error.strerror}."
        raise LoginRefused(settings.name, problem, "Check the path and its permissions.") from None


def _seed(settings: NatsSettings, text: str, key: str) -> str:
    seed = text.strip()
    try:
        nkeys.from_seed(bytearray(seed.encode())).wipe()
    except (nkeys.NkeysError, ValueError, TypeError):  # the library does not wrap its decoder's errors
        hint = "A seed begins with SU and has 58 characters."
        raise LoginRefused(settings.name, f"{key} contains no nkey seed.", hint) from None
    return seed


def _credentials(settings: NatsSettings) -> tuple[dict[str, Any], float | None]:
    """Parse the file ourselves: the library's own parser loops forever if the JWT is missing."""
    text = _read_text(settings, "credentials_file")
    jwt, seed = _JWT.search(text), _SEED.search(text)
    if jwt is None or seed is None:
        problem = f"The file {settings.credentials_file} is not a credentials file."
        hint = "It needs a block NATS USER JWT and a block USER NKEY SEED, as nsc writes them."
        raise LoginRefused(settings.name, problem, hint)
    sign = partial(_sign, _seed(settings, seed.group(1), "credentials_file"))
    token = jwt.group(1).encode()
    return {"user_jwt_cb": lambda: bytearray(token), "signature_cb": sign}, _expiry(jwt.group(1))


def _sign(seed: str, nonce: str) -> bytes:
    pair = nkeys.from_seed(bytearray(seed.encode()))
    signed = base64.b64encode(pair.sign(nonce.encode()))
    pair.wipe()
    return signed


def _expiry(jwt: str) -> float | None:
    """Return `exp` of a JWT; the server checks its signature."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(jwt.split(".")[1] + "=="))
    except (IndexError, ValueError, binascii.Error):
        return None
    expires = claims.get("exp") if isinstance(claims, dict) else None
    return float(expires) if isinstance(expires, int | float) else None
