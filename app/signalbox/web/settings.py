"""What `[server]` holds in the configuration."""

import ipaddress
from typing import Annotated, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_loopback(host: str) -> bool:
    """Say whether a listening address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ServerSettings(BaseModel):
    """Where Signalbox listens, under which names it is reached, and what it lets through."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080  # 0: any free one, told in the log
    base_url: str | None = None  # how people reach it, when that is not http://host:port
    trusted_proxies: tuple[str, ...] = ()  # addresses or networks whose X-Forwarded-For and -Proto are believed
    insecure_http: bool = False  # beyond loopback without https
    allow_unauthenticated: bool = False  # who has not signed in may look, wherever they come from
    read_only: bool = False  # nothing can be changed

    @field_validator("base_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
                raise ValueError("an address such as https://signalbox.example.org")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                ipaddress.ip_network(one)
            except ValueError:
                raise ValueError('addresses or networks, such as ["10.0.0.7", "10.1.0.0/16"]') from None
        return value

    @model_validator(mode="after")
    def _encrypted_beyond_loopback(self) -> Self:
        https = urlsplit(self.base_url or "").scheme == "https"
        if https and not self.trusted_proxies:
            raise ValueError(
                "trusted_proxies beside an https base_url: the addresses of the proxy that speaks TLS, such as "
                '["127.0.0.1"]; from others Signalbox cannot tell that a request came by https'
            )
        if not self.only_local and not https and not self.insecure_http:
            raise ValueError(
                "an https base_url, because beyond this machine passwords and cookies would be readable on their way. Put "
                "a proxy that speaks TLS before Signalbox and name both (base_url, trusted_proxies), or put "
                "insecure_http = true if the network itself keeps others from listening"
            )
        return self

    @property
    def only_local(self) -> bool:
        """Whether this machine alone reaches it: nobody else is told of an address."""
        name = urlsplit(self.base_url).hostname if self.base_url else None
        return is_loopback(self.host) and (name is None or is_loopback(name))

    @property
    def proxies(self) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(one) for one in self.trusted_proxies)

    @property
    def address(self) -> str:
        """How browsers reach Signalbox, as far as that is known before it listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"http://{host}:{self.port}"
