"""The destinations of the shop, their consumer groups, and how each group behaves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from signalbox.brokers.model import BrokerKind, DestinationSpec


class Behavior(StrEnum):
    """How a consumer group of the demo behaves."""

    HEALTHY = "always up to date"
    SLOW = "falls behind at every peak and catches up in between"
    PAUSING = "pauses now and then"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopConsumer:
    """One consumer group of the shop."""

    group: str
    behavior: Behavior


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopDestination:
    """One destination, the type of its events, and its consumer groups."""

    name: str
    event: str
    consumers: tuple[ShopConsumer, ...]
    partitions: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)

    def spec(self) -> DestinationSpec:
        groups = tuple(consumer.group for consumer in self.consumers)
        return DestinationSpec(name=self.name, partitions=self.partitions, groups=groups, settings=self.settings)


INVOICES = ShopConsumer(group="invoice-writer", behavior=Behavior.HEALTHY)
SEARCH = ShopConsumer(group="search-indexer", behavior=Behavior.SLOW)
LABELS = ShopConsumer(group="label-printer", behavior=Behavior.PAUSING)

# On brokers with consumer groups three of them read the same orders; on brokers with queues each consumer has its own queue.
DESTINATIONS: Mapping[BrokerKind, tuple[ShopDestination, ...]] = {
    BrokerKind.NATS: (ShopDestination(name="orders", event="order placed", consumers=(INVOICES, SEARCH, LABELS)),),
    BrokerKind.KAFKA: (
        ShopDestination(name="shop.orders", event="order placed", consumers=(INVOICES, SEARCH, LABELS), partitions=6),
    ),
    BrokerKind.RABBITMQ: (
        ShopDestination(
            name="payments.capture",
            event="payment requested",
            consumers=(INVOICES,),
            settings={"x-queue-type": "quorum"},
        ),
        ShopDestination(name="emails.order-confirmed", event="order confirmed", consumers=(SEARCH,)),
        ShopDestination(name="labels.print", event="label requested", consumers=(LABELS,)),
    ),
    BrokerKind.SQS: (
        ShopDestination(name="partner-stock", event="stock changed", consumers=(SEARCH,)),
        ShopDestination(name="partner-returns", event="return announced", consumers=(LABELS,)),
    ),
}
