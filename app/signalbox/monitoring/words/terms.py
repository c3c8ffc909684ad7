"""The words that depend on the kind of broker, and why a value is unknown."""

from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind, Why


@dataclass(frozen=True, slots=True)
class Terms:
    clients: str  # the processes that read for a group
    position: str  # how far the group has read


TERMS = {
    BrokerKind.KAFKA: Terms("members", "committed offset"),
    BrokerKind.RABBITMQ: Terms("consumers", "stored offset"),
    BrokerKind.NATS: Terms("consumers", "acknowledged position"),
    BrokerKind.SQS: Terms("consumers", "position"),
}

WHY_UNKNOWN = {
    Why.KNOWN: "the broker reported no value",
    Why.NEVER_COMMITTED: "never committed",
    Why.BEYOND_END: "offset past end",
    Why.NOT_PERMITTED: "a permission is missing",
    Why.NO_LEADER: "a leader is missing on the broker",
    Why.NO_ANSWER: "the broker did not answer",
    Why.NOT_REPORTED: "the broker does not report this value",
}
