"""The configuration of a RabbitMQ connection: AMQP, the management API and the prometheus plugin."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, FilePath, model_validator

from signalbox.brokers.hosts import split_url, valid_host
from signalbox.brokers.settings import ConnectionSettings, Secret

URL_FORM = "a URL such as https://rabbit.example:15671"


def _http_url(url: str) -> str:
    """Check the URL of an HTTP API. A login in it is refused, because pages show the URL."""
    parts = split_url(url, URL_FORM)
    if parts.username or parts.password:
        raise ValueError("a URL without a login: use the keys user and password")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(URL_FORM)
    return url.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class RabbitSettings(ConnectionSettings):
    """One table of kind "rabbitmq". The TLS keys apply to AMQP and to every https:// URL.

    A user needs the tag `monitoring` and the permissions "" "" "" on each virtual host to see everything.
    """

    host: Annotated[str, AfterValidator(valid_host)]
    port: Annotated[int, Field(gt=0, lt=65536)] | None = None  # None: 5672, with TLS 5671
    vhosts: Annotated[tuple[str, ...], Field(min_length=1)] = ("/",)
    user: str = "guest"
    password: Secret = Secret("guest")
    tls: bool = False
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    insecure_skip_verify: bool = False
    management_url: HttpUrl | None = None  # None: http://host:15672, with TLS https://host:15671
    prometheus_urls: tuple[HttpUrl, ...] = ()  # one per node: each reports the queues that it leads
    queues: tuple[str, ...] = ()  # queues to look up by name without the management plugin

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("set cert_file and key_file together")
        if len(set(self.vhosts)) != len(self.vhosts) or not all(self.vhosts):
            raise ValueError("vhosts: list each once, without empty names")
        return self

    @property
    def amqp_port(self) -> int:
        return self.port or (5671 if self.tls else 5672)

    @property
    def management(self) -> str:
        """The base URL of the management plugin."""
        if self.management_url is not None:
            return self.management_url
        scheme, port = ("https", 15671) if self.tls else ("http", 15672)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{port}"
