"""What the shop consists of: its destinations, who reads them, and how each reader behaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from signalbox.brokers.model import BrokerKind, DestinationSpec


class Habit(StrEnum):
    """How a reader of the demo behaves."""

    HEALTHY = "keeps up"
    SLOW = "falls behind at every peak and catches up in between"
    PAUSING = "stops reading now and then"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One consumer group of the shop."""

    group: str
    habit: Habit


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One destination, what is written to it, and who reads it."""

    destination: str
    event: str
    readers: tuple[Reader, ...]
    partitions: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)

    def wanted(self) -> DestinationSpec:
        groups = tuple(reader.group for reader in self.readers)
        return DestinationSpec(name=self.destination, partitions=self.partitions, groups=groups, settings=self.settings)


INVOICES = Reader(group="invoice-writer", habit=Habit.HEALTHY)
SEARCH = Reader(group="search-indexer", habit=Habit.SLOW)
LABELS = Reader(group="label-printer", habit=Habit.PAUSING)

# Where a broker has groups, three of them read the same orders; where it has queues, each reader has a queue of its own.
LINES: Mapping[BrokerKind, tuple[Line, ...]] = {
    BrokerKind.NATS: (Line(destination="orders", event="order placed", readers=(INVOICES, SEARCH, LABELS)),),
    BrokerKind.KAFKA: (
        Line(destination="shop.orders", event="order placed", readers=(INVOICES, SEARCH, LABELS), partitions=6),
    ),
    BrokerKind.RABBITMQ: (
        Line(
            destination="payments.capture",
            event="payment asked",
            readers=(INVOICES,),
            settings={"x-queue-type": "quorum"},
        ),
        Line(destination="emails.order-confirmed", event="order confirmed", readers=(SEARCH,)),
        Line(destination="labels.print", event="label asked", readers=(LABELS,)),
    ),
    BrokerKind.SQS: (
        Line(destination="partner-stock", event="stock changed", readers=(SEARCH,)),
        Line(destination="partner-returns", event="return announced", readers=(LABELS,)),
    ),
}
