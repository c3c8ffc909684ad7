"""The `[oidc]` table of the configuration. Imports no library of the `oidc` extra."""

import ssl
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, field_validator

from signalbox.security.model import Grant, parse_role

LIBRARIES: Final = ("authlib", "joserfc")
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

ShortText = Annotated[str, Field(min_length=1, max_length=255)]


def libraries_missing() -> bool:
    """Return whether the `oidc` extra is not installed."""
    return any(find_spec(name) is None for name in LIBRARIES)


def is_safe_url(address: str) -> bool:
    """Return whether a secret may be sent to this URL: TLS or loopback."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username is not None or not address.isascii() or not address.isprintable() or " " in address:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)


class RoleSettings(BaseModel):
    """One `[[oidc.roles]]` table: the role for a claim value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    value: ShortText  # a shell pattern over the claim's values
    role: Literal["viewer", "operator", "admin"]
    on: tuple[str, ...] = ()  # connections; empty: everywhere
    payloads: bool = False

    @property
    def grant(self) -> Grant:
        role = parse_role(self.role)
        assert role is not None  # noqa: S101 - the literals above are roles; a test parses each
        return Grant(role, self.payloads)


class OidcSettings(BaseModel):
    """The provider, our client registration, and the roles from claims."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    issuer: ShortText
    client_id: ShortText
    client_secret: SecretStr | None = None  # None: a public client, protected by PKCE only
    scopes: tuple[ShortText, ...] = ("openid", "profile")
    claim: ShortText = "groups"
    name_claim: ShortText = "preferred_username"
    roles: Annotated[tuple[RoleSettings, ...], Field(min_length=1)]
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0  # for one response, from connecting to the last byte
    ca_file: FilePath | None = None  # of a private certificate authority

    @field_validator("issuer")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        if not is_safe_url(value) or urlsplit(value).query or urlsplit(value).fragment:
            raise ValueError("the provider's https address, such as https://login.example.org (http on loopback only)")
        return value

    @field_validator("ca_file")
    @classmethod
    def _holds_certificates(cls, value: Path | None) -> Path | None:
        try:
            ssl.create_default_context(cafile=value)
        except OSError:
            raise ValueError("a readable PEM file of certificates") from None
        return value

    @field_validator("scopes")
    @classmethod
    def _asks_for_an_id_token(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError('a list with "openid": without it there is no ID token')
        return value

    @property
    def host(self) -> str:
        """The provider's host."""
        return urlsplit(self.issuer).netloc
