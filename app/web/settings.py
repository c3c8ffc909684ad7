"""What `[server]` holds in the configuration."""

import ipaddress
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


def is_loopback(host: str) -> bool:
    """Say whether a listening address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ServerSettings(BaseModel):
    """Where Signalbox listens and under which names it is reached."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080  # 0: any free one, told in the log
    base_url: str | None = None  # how people reach it, when that is not http://host:port
    allow_unauthenticated: bool = False  # listen beyond loopback though there is no sign-in

    @field_validator("base_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
                raise ValueError("an address such as https://signalbox.example.org")
        return value

    @model_validator(mode="after")
    def _loopback_unless_allowed(self) -> Self:
        if not is_loopback(self.host) and not self.allow_unauthenticated:
            raise ValueError(
                "127.0.0.1, ::1 or localhost, because there is no sign-in: anyone who reaches another address sees everything. "
                "Put allow_unauthenticated = true beside it if a proxy or network keeps others out"
            )
        return self
