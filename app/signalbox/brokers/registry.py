"""The settings and adapter class of each broker kind, imported on first use: only configured kinds load their client library."""

from importlib import import_module

from signalbox.brokers.errors import MissingLibrary
from signalbox.brokers.model import BrokerKind
from signalbox.brokers.port import Broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.brokers.unavailable import UnavailableBroker

# Settings and adapter of each kind, in a package below this one.
KINDS = {
    BrokerKind.KAFKA: ("kafka.settings:KafkaSettings", "kafka.adapter:KafkaBroker"),
    BrokerKind.RABBITMQ: ("rabbitmq.settings:RabbitSettings", "rabbitmq.adapter:RabbitBroker"),
    BrokerKind.NATS: ("nats.settings:NatsSettings", "nats.adapter:NatsBroker"),
    BrokerKind.SQS: ("sqs.settings:SqsSettings", "sqs.adapter:SqsBroker"),
}
EXTRAS = {BrokerKind.SQS: "sqs"}  # the extra that installs a client library


def _load_class(path: str) -> type:
    module, _, name = path.partition(":")
    loaded = getattr(import_module(f"signalbox.brokers.{module}"), name)
    assert isinstance(loaded, type)  # noqa: S101 - the table above names classes; a test loads every one
    return loaded


def settings_class(kind: BrokerKind) -> type[ConnectionSettings]:
    """Return the settings class of a kind. Does not load its client library."""
    return _load_class(KINDS[kind][0])


def open_broker(settings: ConnectionSettings) -> Broker:
    """Create the adapter for these settings, without connecting.

    If the client library of this kind is not installed, `connect` raises MissingLibrary; if the adapter cannot be created,
    `connect` raises what it raised.
    """
    try:
        adapter = _load_class(KINDS[settings.kind][1])
    except ModuleNotFoundError as missing:
        if settings.kind not in EXTRAS:
            raise
        problem = f"The library {missing.name} for {settings.kind} connections is not installed."
        hint = f"Install the extra: pip install 'signalbox-events[{EXTRAS[settings.kind]}]'"
        return UnavailableBroker(settings, MissingLibrary(settings.name, problem, hint))
    try:
        broker: Broker = adapter(settings)
    except Exception as error:  # noqa: BLE001 - a client library may raise anything, and it costs this connection only
        return UnavailableBroker(settings, error)
    return broker
