"""Settings of a NATS JetStream connection. A pattern that includes or excludes a stream also applies to its consumers."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, FilePath, model_validator

from signalbox.brokers.hosts import split_url
from signalbox.brokers.model import BrokerKind
from signalbox.brokers.settings import ConnectionSettings, Secret

DEFAULT_PORT = 4222
URL_FORM = "a URL such as nats://broker.example:4222 (tls:// requires TLS)"


def _complete_url(url: str) -> str:
    """Check one URL and add the default port. A login in the URL is refused, because pages show URLs."""
    parts = split_url(url if "://" in url else f"nats://{url}", URL_FORM)
    if parts.username or parts.password:
        raise ValueError("a URL without a login: set user and password as separate keys")
    if parts.scheme not in {"nats", "tls"} or not parts.hostname or parts.path.strip("/"):
        raise ValueError(URL_FORM)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or DEFAULT_PORT}"


class NatsSettings(ConnectionSettings):
    """One connection of kind "nats". At most one sign-in method; several URLs are tried in turn."""

    kind: BrokerKind = BrokerKind.NATS
    urls: Annotated[tuple[Annotated[str, AfterValidator(_complete_url)], ...], Field(min_length=1)]
    user: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    nkey_seed: Secret | None = None
    nkey_seed_file: FilePath | None = None
    credentials_file: FilePath | None = None  # a user's JWT and seed, as `nsc` writes them
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    insecure_skip_verify: bool = False
    tls_first: bool = False  # as handshake_first on the server
    domain: str | None = None  # JetStream domain, across leaf nodes
    streams: tuple[str, ...] = ()  # read these by name, for a user who may not list streams

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        methods = ("user", "token", "nkey_seed", "nkey_seed_file", "credentials_file")
        given = [name for name in methods if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"only one sign-in method, not {' and '.join(given)}")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password together")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file together")
        return self

    @property
    def tls(self) -> bool:
        """Whether TLS is required: nothing is sent to a server without TLS."""
        tls_keys = (self.ca_file, self.cert_file, self.insecure_skip_verify, self.tls_first)
        return any(tls_keys) or any(url.startswith("tls://") for url in self.urls)
