"""Users, sessions, tokens and links as facts, and the rules of names, passwords and secrets. Pure."""

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

EVERYWHERE: Final = "*"  # the resource of a grant that holds wherever no other does
NAME_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,62}")
NAME_RULE: Final = "1 to 63 of a-z, 0-9 and . _ @ + -, beginning with a letter or digit"
PASSWORD_LENGTH_MIN: Final = 12
PASSWORD_BYTES_MAX: Final = 1024  # hashing costs by length too
TOKEN_PREFIX: Final = "sbx_"
TOKEN_DAYS_MAX: Final = 90
TOKEN_NAME_LENGTH_MAX: Final = 63
LINK_LIFETIME_S: Final = 24 * 3600.0
LAST_USED_RESOLUTION_S: Final = 60.0  # how exact "last used" is


class SignInMethod(StrEnum):
    """How a user comes in."""

    PASSWORD = "password"
    COMPANY_ACCOUNT = "company account"
    LINK = "one-time link"  # invited, has no password yet
    TOKEN = "token only"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may come in."""

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
    locked_until: float | None = None  # for one address at least; others may sign in by this name

    @property
    def is_admin(self) -> bool:
        return self.rights.role() is Role.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser that is signed in."""

    id: int
    user: int
    created_at: float
    last_used_at: float
    expires_at: float  # at the latest
    address: str
    agent: str

    def is_alive(self, now: float, idle_s: float) -> bool:
        return now < min(self.expires_at, self.last_used_at + idle_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A key for a program; `most` caps what its user may."""

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
    """A one-time link that is still good. Without a user it makes the first admin."""

    id: int
    user: int | None
    user_name: str | None
    created_by: str
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a session or a token stands for, with what it may just now."""

    user: int
    name: str
    rights: Rights
    session: Session | None = None
    token: Token | None = None


def normalized_user_name(text: str) -> str:
    """Return the name in its one form.

    Raises:
        RequestRejected: it cannot be one. What was given is not repeated: people type passwords there, and the audit log forgets nothing.
    """
    name = text.strip().lower()
    if not NAME_PATTERN.fullmatch(name):
        raise RequestRejected(f"A user's name is {NAME_RULE}; this is another.")
    return name


def validated_password(password: str, name: str) -> str:
    """Return a password that may be set.

    Raises:
        RequestRejected: it is too short, too long, or the user's name.
    """
    if len(password) < PASSWORD_LENGTH_MIN:
        raise RequestRejected(
            f"A password has at least {PASSWORD_LENGTH_MIN} characters; this one has {len(password)}."
        )
    if len(password_bytes(password)) > PASSWORD_BYTES_MAX:
        raise RequestRejected(f"A password has at most {PASSWORD_BYTES_MAX} bytes.")
    if name in password.lower() and len(password) < len(name) + PASSWORD_LENGTH_MIN // 2:
        raise RequestRejected("A password is not the user's name with a little added.")
    return password


def password_bytes(password: str) -> bytes:
    """Return what is hashed of a password: any text that a form or a program can send has bytes, half characters too."""
    return password.encode("utf-8", "surrogatepass")


def rights_from_grants(grants: Iterable[tuple[str, int, bool]]) -> Rights:
    """Return the rights that (resource, role, payloads) rows give."""
    found = {resource: Grant(Role(role), bool(payloads)) for resource, role, payloads in grants}
    everywhere = found.pop(EVERYWHERE, Grant())
    return Rights(everywhere, found)


def grant_rows(rights: Rights) -> list[tuple[str, int, bool]]:
    """Return rights as rows; what does not differ from everywhere is none."""
    on = {name: grant for name, grant in rights.on.items() if grant != rights.everywhere}
    return [(name, int(g.role), g.payloads) for name, g in sorted({**on, EVERYWHERE: rights.everywhere}.items())]


def new_secret(prefix: str = "") -> str:
    """Return 256 random bits as text for a cookie, a link or a header."""
    return prefix + secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    """Return what is kept of a secret. It is random and long, so no slow hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def token_hint(token: str) -> str:
    """Return what tells a token apart from others without giving it away: sbx_4d…e1."""
    return f"{token[: len(TOKEN_PREFIX) + 2]}\u2026{token[-2:]}"


def attempt_bucket(kind: str, *parts: str) -> bytes:
    """Return what attempts of a kind are counted under."""
    return hashlib.sha256("\0".join((kind, *parts)).encode("utf-8", "replace")).digest()


def network_of(address: str) -> str:
    """Return the address as attempts are counted: of IPv6 the network, since one machine has all of it.

    An IPv4 address that a socket for both kinds writes as ::ffff:192.0.2.1 is that one: all of them are in one network of IPv6.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
