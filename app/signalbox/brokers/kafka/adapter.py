"""A Kafka cluster in all roles of `signalbox.brokers.port`."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from signalbox.brokers.kafka.cluster_cache import ClusterCache, Intervals
from signalbox.brokers.kafka.cluster_client import ClusterClient
from signalbox.brokers.kafka.consume import receive
from signalbox.brokers.kafka.deleted_markers import DeletedMarkers
from signalbox.brokers.kafka.produce import KafkaPublisher
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.kafka.sweep import ClusterReader
from signalbox.brokers.kafka.tail_check import TailChecker
from signalbox.brokers.kafka.time_lag import OldestUnreadReader
from signalbox.brokers.kafka.topic_admin import TopicAdmin
from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Snapshot
from signalbox.brokers.port import Delivery
from signalbox.kernel.clock import Clock, system_clock


class KafkaBroker:
    """One connection to one Kafka cluster: several sockets per broker, all opened on first use."""

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
        self._client = ClusterClient(settings)
        self._topics = TopicAdmin(settings.name, self._client)
        self._cache = ClusterCache(settings=settings, client=self._client, clock=clock, intervals=intervals)
        self._reader = ClusterReader(self._cache, TailChecker(self._cache), DeletedMarkers(self._cache))
        self._oldest_unread = OldestUnreadReader(self._cache)
        self._publisher = KafkaPublisher(settings, self._client, self._topics)

    async def connect(self, *, timeout_s: float = 5.0) -> None:
        """As `port.Broker.connect`. The cache remains: a broker that was down has lost nothing."""
        await self._client.bootstrap(timeout_s=timeout_s)
        self._cache.last_read.clear()

    async def close(self) -> None:
        await self._publisher.close()
        await self._client.close()
        self._client.addresses = {}

    def cost_note(self, destinations: int) -> str | None:  # noqa: ARG002 - reading from Kafka costs no money
        """As `port.Broker.cost_note`."""
        return None

    async def sweep(self) -> Snapshot:
        """As `port.Inspector.sweep`."""
        snapshot = await self._reader.sweep()
        self.sweep_interval_s = self._cache.interval_s
        return snapshot

    async def watch(self, groups: Collection[str]) -> Snapshot:
        self._check_connected()
        return await self._reader.watch(groups)

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """As `port.Inspector.oldest_unread`."""
        cached = [self._cache.groups[name].group for name in groups if name in self._cache.groups]
        return await self._oldest_unread.read([group for group in cached if group is not None])

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        self._check_connected()
        await self._publisher.publish(destination, message, timeout_s=timeout_s)

    def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        return receive(self._settings, self._client, self._topics, destination, group)

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        self._check_connected()
        await self._topics.ensure(specs)

    def _check_connected(self) -> None:
        if not self._client.addresses:
            raise self._client.not_connected_error()
