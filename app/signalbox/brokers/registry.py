"""Kind -> its settings and its adapter, imported by name on first use: a client library loads only where it is configured."""

from dataclasses import dataclass
from importlib import import_module

from signalbox.brokers.errors import MissingLibrary
from signalbox.brokers.model import BrokerKind
from signalbox.brokers.port import Broker
from signalbox.brokers.settings import ConnectionSettings


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a kind's settings class and its adapter class live, and the extra that its library comes with."""

    settings: str
    adapter: str
    extra: str | None = None


KINDS: dict[BrokerKind, Entry] = {
    BrokerKind.KAFKA: Entry(
        "signalbox.brokers.kafka.settings:KafkaSettings", "signalbox.brokers.kafka.adapter:KafkaBroker"
    ),
    BrokerKind.RABBITMQ: Entry(
        "signalbox.brokers.rabbitmq.settings:RabbitSettings", "signalbox.brokers.rabbitmq.adapter:RabbitBroker"
    ),
    BrokerKind.NATS: Entry("signalbox.brokers.nats.settings:NatsSettings", "signalbox.brokers.nats.adapter:NatsBroker"),
    BrokerKind.SQS: Entry(
        "signalbox.brokers.sqs.settings:SqsSettings", "signalbox.brokers.sqs.adapter:SqsBroker", extra="sqs"
    ),
}


def _load(place: str) -> type:
    module, _, name = place.partition(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, type)  # noqa: S101 - the table above names classes; a test loads every one
    return found


def settings_class(kind: BrokerKind) -> type[ConnectionSettings]:
    """Return the settings class of a kind; importing it loads no client library."""
    return _load(KINDS[kind].settings)


def open_broker(settings: ConnectionSettings) -> Broker:
    """Make the adapter for these settings; nothing connects yet.

    Raises:
        MissingLibrary: the kind's client library is an extra that is not installed.
    """
    entry = KINDS[settings.kind]
    try:
        adapter = _load(entry.adapter)
    except ModuleNotFoundError as missing:
        if entry.extra is None:
            raise
        raise MissingLibrary(
            settings.name,
            f"the library {missing.name} for {settings.kind} connections is not installed.",
            f"Install the extra: pip install 'signalbox-events[{entry.extra}]'",
        ) from missing
    broker: Broker = adapter(settings)
    return broker
