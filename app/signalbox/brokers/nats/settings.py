"""What a NATS JetStream connection needs. A pattern that includes or excludes a stream does so for its consumers too."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, FilePath, model_validator

from signalbox.brokers.model import BrokerKind
from signalbox.brokers.settings import ConnectionSettings, Secret

DEFAULT_PORT = 4222


def _address(url: str) -> str:
    """Check one address and complete it. A login in it is refused: addresses are shown, secrets never."""
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    if parts.username or parts.password:
        raise ValueError("an address without a login: user and password are keys of their own")
    if parts.scheme not in {"nats", "tls"} or not parts.hostname or parts.path.strip("/"):
        raise ValueError("an address such as nats://broker.example:4222 (tls:// to demand TLS)")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or DEFAULT_PORT}"


class NatsSettings(ConnectionSettings):
    """One table of kind "nats". At most one way to sign in; with several addresses each is tried in turn."""

    kind: BrokerKind = BrokerKind.NATS
    urls: Annotated[tuple[Annotated[str, AfterValidator(_address)], ...], Field(min_length=1)]
    user: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    nkey_seed: Secret | None = None
    nkey_seed_file: FilePath | None = None
    credentials_file: FilePath | None = None  # a user's JWT and seed, as `nsc` writes it
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    insecure_skip_verify: bool = False
    tls_first: bool = False  # the server has handshake_first
    domain: str | None = None  # JetStream domain, across leaf nodes
    streams: tuple[str, ...] = ()  # for a user that may not list streams: read these by name

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        ways = {
            "user": self.user,
            "token": self.token,
            "nkey_seed": self.nkey_seed,
            "nkey_seed_file": self.nkey_seed_file,
            "credentials_file": self.credentials_file,
        }
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"one way to sign in, not {' and '.join(given)}")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password together")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file together")
        return self

    @property
    def tls(self) -> bool:
        """Say whether TLS is demanded: then nothing is sent to a server that does not speak it."""
        wanted = (self.ca_file, self.cert_file, self.insecure_skip_verify, self.tls_first)
        return any(wanted) or any(url.startswith("tls://") for url in self.urls)
