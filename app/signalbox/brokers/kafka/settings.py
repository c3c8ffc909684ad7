"""What a `[[connections]]` table of kind "kafka" may hold."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from signalbox.brokers.model import BrokerKind
from signalbox.brokers.settings import ConnectionSettings, Secret

ADDRESS_LIKE = "host:port, such as kafka-1.example.com:9092"


class Mechanism(StrEnum):
    """How to sign in."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


def split_address(address: str) -> tuple[str, int]:
    """Split "host:port"; an IPv6 host stands in brackets.

    Raises:
        ValueError: it is no such address.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"each address must be {ADDRESS_LIKE}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _addresses(addresses: tuple[str, ...]) -> tuple[str, ...]:
    for address in addresses:
        split_address(address)
    return addresses


class KafkaSettings(ConnectionSettings):
    """Addresses, TLS and login of a Kafka cluster."""

    kind: BrokerKind = BrokerKind.KAFKA
    bootstrap: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_addresses)]
    tls: bool = False  # on as well when any of the files below is given
    ca_file: Path | None = None  # PEM; without it the system's authorities
    cert_file: Path | None = None  # PEM, ours, where the broker asks for one
    key_file: Path | None = None
    insecure_skip_verify: bool = False
    sasl_mechanism: Mechanism | None = None
    user: str | None = None
    password: Secret | None = Field(default=None, repr=False)
    client_id: str = "signalbox"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or neither")
        login = (self.sasl_mechanism, self.user, self.password)
        if any(part is not None for part in login) and None in login:
            raise ValueError("sasl_mechanism, user and password belong together: give all three or none")
        return self

    @property
    def uses_tls(self) -> bool:
        return self.tls or self.insecure_skip_verify or any((self.ca_file, self.cert_file))

    @property
    def security_protocol(self) -> str:
        """Kafka's own word for it."""
        wire = "SSL" if self.uses_tls else "PLAINTEXT"
        return f"SASL_{wire}" if self.sasl_mechanism else wire
