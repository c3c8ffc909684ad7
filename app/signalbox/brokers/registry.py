"""The settings and adapter class of each broker kind, imported on first use: only configured kinds load their client library."""

from dataclasses import dataclass
from importlib import import_module

from signalbox.brokers.errors import MissingLibrary
from signalbox.brokers.model import BrokerKind
from signalbox.brokers.port import Broker
from signalbox.brokers.settings import ConnectionSettings


@dataclass(frozen=True, slots=True)
class KindEntry:
    """Import paths of a kind's settings and adapter, and the extra that installs its client library."""

    settings: str
    adapter: str
    extra: str | None = None


KINDS: dict[BrokerKind, KindEntry] = {
    BrokerKind.KAFKA: KindEntry(
        "signalbox.brokers.kafka.settings:KafkaSettings", "signalbox.brokers.kafka.adapter:KafkaBroker"
    ),
    BrokerKind.RABBITMQ: KindEntry(
        "signalbox.brokers.rabbitmq.settings:RabbitSettings", "signalbox.brokers.rabbitmq.adapter:RabbitBroker"
    ),
    BrokerKind.NATS: KindEntry(
        "signalbox.brokers.nats.settings:NatsSettings", "signalbox.brokers.nats.adapter:NatsBroker"
    ),
    BrokerKind.SQS: KindEntry(
        "signalbox.brokers.sqs.settings:SqsSettings", "signalbox.brokers.sqs.adapter:SqsBroker", extra="sqs"
    ),
}


def _load_class(path: str) -> type:
    module, _, name = path.partition(":")
    loaded = getattr(import_module(module), name)
    assert isinstance(loaded, type)  # noqa: S101 - the table above names classes; a test loads every one
    return loaded


def settings_class(kind: BrokerKind) -> type[ConnectionSettings]:
    """Return the settings class of a kind. Does not load its client library."""
    return _load_class(KINDS[kind].settings)


def open_broker(settings: ConnectionSettings) -> Broker:
    """Create the adapter for these settings, without connecting.

    Raises:
        MissingLibrary: the client library of this kind is not installed.
    """
    entry = KINDS[settings.kind]
    try:
        adapter = _load_class(entry.adapter)
    except ModuleNotFoundError as missing:
        if entry.extra is None:
            raise
        raise MissingLibrary(
            settings.name,
            f"The library {missing.name} for {settings.kind} connections is not installed.",
            f"Install the extra: pip install 'signalbox-events[{entry.extra}]'",
        ) from missing
    broker: Broker = adapter(settings)
    return broker
