"""The keys of a `[[connections]]` table of kind "kafka"."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from signalbox.brokers.kafka.addresses import LIST_FORM, split_address
from signalbox.brokers.model import BrokerKind
from signalbox.brokers.settings import ConnectionSettings, Secret


class SaslMechanism(StrEnum):
    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


def _check_address(address: str) -> str:
    split_address(address)
    return address


def _check_list(addresses: object) -> object:
    if isinstance(addresses, str) or not addresses:
        raise ValueError(f"a list of at least one address, such as {LIST_FORM}")
    return addresses


Address = Annotated[str, AfterValidator(_check_address)]


class KafkaSettings(ConnectionSettings):
    """Addresses, TLS and login of a Kafka cluster."""

    kind: BrokerKind = BrokerKind.KAFKA
    bootstrap: Annotated[tuple[Address, ...], BeforeValidator(_check_list)]
    tls: bool = False  # also on if ca_file or cert_file is set, or with insecure_skip_verify
    ca_file: Path | None = None  # PEM; default: the certificate authorities of the system
    cert_file: Path | None = None  # PEM; client certificate, if the broker requires one
    key_file: Path | None = None
    insecure_skip_verify: bool = False
    sasl_mechanism: SaslMechanism | None = None
    user: str | None = None
    password: Secret | None = Field(default=None, repr=False)
    client_id: str = "signalbox"

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("set both cert_file and key_file, or neither")
        login = (self.sasl_mechanism, self.user, self.password)
        if any(part is not None for part in login) and None in login:
            raise ValueError("set sasl_mechanism, user and password: all three or none")
        return self

    @property
    def uses_tls(self) -> bool:
        return self.tls or self.insecure_skip_verify or any((self.ca_file, self.cert_file))

    @property
    def security_protocol(self) -> str:
        """Kafka's name of the protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
        transport = "SSL" if self.uses_tls else "PLAINTEXT"
        return f"SASL_{transport}" if self.sasl_mechanism else transport
