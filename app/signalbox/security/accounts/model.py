"""Users, sessions, tokens and links, and the rules for names, passwords and secrets. Pure."""

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from signalbox.security.errors import RequestRejected
from signalbox.security.model import Grant, Rights, Role

EVERYWHERE: Final = "*"  # the resource of the grant for everything without a grant of its own
NAME_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,62}")
NAME_RULE: Final = "1 to 63 characters of a-z, 0-9 and . _ @ + -, starting with a letter or digit"
PASSWORD_LENGTH_MIN: Final = 12
PASSWORD_BYTES_MAX: Final = 1024  # long inputs cost hashing time
TOKEN_PREFIX: Final = "sbx_"
TOKEN_DAYS_MAX: Final = 90
TOKEN_NAME_LENGTH_MAX: Final = 63
LINK_LIFETIME_S: Final = 24 * 3600.0
LAST_USED_RESOLUTION_S: Final = 60.0  # last use is written at most this often


class SignInMethod(StrEnum):
    """How a user signs in."""

    PASSWORD = "password"
    SSO = "SSO"
    LINK = "one-time link"  # invited, no password yet
    TOKEN = "token only"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user."""

    id: int
    name: str
    rights: Rights
    sign_in_method: SignInMethod
    password_set_at: float | None
    created_at: float
    created_by: str
    last_seen_at: float | None
    sessions: int = 0
    tokens: int = 0
    link_expires_at: float | None = None  # of the open one-time link
    locked_until: float | None = None  # for at least one address; sign-in from others still works

    @property
    def is_admin(self) -> bool:
        return self.rights.role() is Role.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser."""

    id: int
    user: int
    created_at: float
    last_used_at: float
    expires_at: float  # however much it is used
    address: str
    agent: str

    def is_alive(self, now: float, idle_s: float) -> bool:
        return now < min(self.expires_at, self.last_used_at + idle_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An API token; `max_rights` caps the rights of its user."""

    id: int
    user: int
    user_name: str
    name: str
    hint: str
    max_rights: Rights
    resource: str
    created_at: float
    expires_at: float
    last_used_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLink:
    """A valid one-time link. Without a user it creates the first admin."""

    id: int
    user: int | None
    user_name: str | None
    created_by: str
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The user of a session or token, with its current rights."""

    user: int
    name: str
    rights: Rights
    session: Session | None = None
    token: Token | None = None


def normalized_user_name(text: str) -> str:
    """Return the name in lower case, without spaces around it.

    Raises:
        RequestRejected: malformed. The message does not repeat the input: people type passwords there.
    """
    name = text.strip().lower()
    if not NAME_PATTERN.fullmatch(name):
        raise RequestRejected(f"This is not a user name. Expected {NAME_RULE}.")
    return name


def validated_password(password: str, name: str) -> str:
    """Return the password if it may be set.

    Raises:
        RequestRejected: too short, too long, or too close to the user's name.
    """
    if len(password) < PASSWORD_LENGTH_MIN:
        raise RequestRejected(
            f"The password is too short: use at least {PASSWORD_LENGTH_MIN} characters, not {len(password)}."
        )
    if len(password_bytes(password)) > PASSWORD_BYTES_MAX:
        raise RequestRejected(f"The password is too long: use at most {PASSWORD_BYTES_MAX} bytes.")
    if name in password.lower() and len(password) < len(name) + PASSWORD_LENGTH_MIN // 2:
        raise RequestRejected("The password is too similar to the user name. Choose another one.")
    return password


def password_bytes(password: str) -> bytes:
    """Return the bytes to hash. A lone surrogate, which a form or program can send, has bytes too."""
    return password.encode("utf-8", "surrogatepass")


def rights_from_grants(grants: Iterable[tuple[str, int, bool]]) -> Rights:
    """Return rights from (resource, role, payloads) rows."""
    parsed = {resource: Grant(Role(role), bool(payloads)) for resource, role, payloads in grants}
    everywhere = parsed.pop(EVERYWHERE, Grant())
    return Rights(everywhere, parsed)


def grant_rows(rights: Rights) -> list[tuple[str, int, bool]]:
    """Return rights as rows, without those that equal the grant for everywhere."""
    on = {name: grant for name, grant in rights.on.items() if grant != rights.everywhere}
    return [(name, int(g.role), g.payloads) for name, g in sorted({**on, EVERYWHERE: rights.everywhere}.items())]


def new_secret(prefix: str = "") -> str:
    """Return 256 random bits as text for a cookie, a link or a header."""
    return prefix + secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    """Return the stored hash of a secret. It is random and long, so no slow hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def token_hint(token: str) -> str:
    """Return a short form that identifies a token without revealing it: sbx_4d…e1."""
    return f"{token[: len(TOKEN_PREFIX) + 2]}\u2026{token[-2:]}"


def attempt_bucket(kind: str, *parts: str) -> bytes:
    """Return the key under which attempts of a kind are counted."""
    return hashlib.sha256("\0".join((kind, *parts)).encode("utf-8", "replace")).digest()


def network_of(address: str) -> str:
    """Return the address that attempts are counted by: for IPv6 the /64, since one machine has all of it.

    ::ffff:192.0.2.1 counts as 192.0.2.1: a dual-stack socket writes all IPv4 addresses in one /64.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
