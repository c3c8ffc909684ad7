"""A Kafka cluster in all roles of `signalbox.brokers.port`."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.kafka.consume import receive
from signalbox.brokers.kafka.known import Intervals, Known
from signalbox.brokers.kafka.nodes import Nodes
from signalbox.brokers.kafka.produce import Publisher
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.kafka.sweep import Reader
from signalbox.brokers.kafka.timelag import OldestReader
from signalbox.brokers.kafka.topics import Topics
from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Snapshot
from signalbox.brokers.port import Delivery
from signalbox.kernel.clock import Clock, system_clock


class KafkaBroker:
    """One connection to one Kafka cluster: several sockets per broker, all opened when first needed."""

    kind = BrokerKind.KAFKA
    capabilities = frozenset(Capability)

    def __init__(
        self, settings: KafkaSettings, *, clock: Clock = system_clock, intervals: Intervals | None = None
    ) -> None:
        intervals = intervals or Intervals()
        self.name = settings.name
        self.sweep_interval_s = intervals.sweep_s
        self.watch_interval_s: float | None = intervals.watch_s
        self._settings = settings
        self._nodes = Nodes(settings)
        self._topics = Topics(settings.name, self._nodes)
        self._known = Known(settings=settings, nodes=self._nodes, clock=clock, intervals=intervals)
        self._reader = Reader(self._known)
        self._oldest = OldestReader(self._known)
        self._publisher = Publisher(settings, self._nodes, self._topics)

    async def connect(self, *, timeout_s: float = 5.0) -> None:
        """As `port.Broker.connect`. What was known before stays known: a broker that was away has lost nothing."""
        await self._nodes.bootstrap(timeout_s=timeout_s)
        self._known.asked.clear()

    async def close(self) -> None:
        """As `port.Broker.close`."""
        await self._publisher.close()
        await self._nodes.close()
        self._nodes.addresses = {}

    def cost_note(self, destinations: int) -> str | None:  # noqa: ARG002 - asking Kafka costs nothing
        """As `port.Broker.cost_note`."""
        return None

    async def sweep(self) -> Snapshot:
        """As `port.Inspector.sweep`."""
        return await self._reader.sweep()

    async def watch(self, groups: Collection[str]) -> Snapshot:
        """As `port.Inspector.watch`."""
        self._connected()
        return await self._reader.watch(groups)

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """As `port.Inspector.oldest_unread`."""
        held = [self._known.groups[name].group for name in groups if name in self._known.groups]
        return await self._oldest.read([group for group in held if group is not None])

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        """As `port.Publisher.publish`."""
        self._connected()
        await self._publisher.publish(destination, message, timeout_s=timeout_s)

    def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        """As `port.Consumer.receive`."""
        return receive(self._settings, self._nodes, self._topics, destination, group)

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """As `port.Provisioner.ensure`."""
        self._connected()
        await self._topics.ensure(specs)

    def _connected(self) -> None:
        if not self._nodes.addresses:
            raise BrokerUnavailable(self.name, "is not connected.", "Connect first.")
