"""What a RabbitMQ connection has in its configuration: AMQP, the management plugin's HTTP API, and the prometheus plugin's."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, FilePath, model_validator

from signalbox.brokers.settings import ConnectionSettings, Secret

AMQP_PORT, AMQPS_PORT = 5672, 5671
MANAGEMENT_PORT, MANAGEMENT_TLS_PORT = 15672, 15671


def _web_address(url: str) -> str:
    """Check an address of an HTTP API. A login in it is refused: addresses are shown, secrets never."""
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("an address without a login: user and password are keys of their own")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an address such as https://rabbit.example:15671")
    return url.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_web_address)]


class RabbitSettings(ConnectionSettings):
    """One table of kind "rabbitmq". The TLS keys hold for AMQP and for every https:// address.

    The least right that shows everything: the tag `monitoring`, and permissions "" "" "" on each virtual host.
    """

    host: str
    port: Annotated[int, Field(gt=0, lt=65536)] | None = None  # None: 5672, with TLS 5671
    vhosts: Annotated[tuple[str, ...], Field(min_length=1)] = ("/",)
    user: str = "guest"
    password: Secret = Secret("guest")
    tls: bool = False
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    insecure_skip_verify: bool = False
    management_url: WebAddress | None = None  # None: http://host:15672, with TLS https://host:15671
    prometheus_urls: tuple[WebAddress, ...] = ()  # one per node: each answers for the queues that it leads
    queues: tuple[str, ...] = ()  # what to ask for by name where the management plugin is not there

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file together")
        if len(set(self.vhosts)) != len(self.vhosts) or not all(self.vhosts):
            raise ValueError("vhosts: each once, and none empty")
        return self

    @property
    def amqp_port(self) -> int:
        return self.port or (AMQPS_PORT if self.tls else AMQP_PORT)

    @property
    def management(self) -> str:
        """The base address of the management plugin."""
        if self.management_url is not None:
            return self.management_url
        scheme, port = ("https", MANAGEMENT_TLS_PORT) if self.tls else ("http", MANAGEMENT_PORT)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{port}"
