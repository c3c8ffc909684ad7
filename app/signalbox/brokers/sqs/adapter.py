"""The adapter for Amazon SQS. SQS reports no rates, ages or consumers, so they are not among its capabilities."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from signalbox.brokers.errors import DestinationMissing
from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Snapshot
from signalbox.brokers.port import Delivery
from signalbox.brokers.sqs.connection import SqsConnection
from signalbox.brokers.sqs.inspector import SqsInspector
from signalbox.brokers.sqs.pricing import cost_note
from signalbox.brokers.sqs.settings import SqsSettings
from signalbox.brokers.sqs.transport import SqsTransport
from signalbox.kernel.clock import Clock, system_clock


class SqsBroker:
    """See port.Broker."""

    kind = BrokerKind.SQS
    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, settings: SqsSettings, clock: Clock = system_clock) -> None:
        self.name = settings.name
        self._settings = settings
        self._connection = SqsConnection(settings)
        self._inspector = SqsInspector(self._connection, clock)
        self._transport = SqsTransport(self._connection)
        self.sweep_interval_s = self._inspector.sweep_interval_s
        self.watch_interval_s: float | None = self._inspector.watch_interval_s

    async def connect(self, *, timeout_s: float = 5.0) -> None:
        """Sign in and list the queues, the cheapest request that checks the login."""
        await self._connection.open(timeout_s=timeout_s)
        try:
            await self._inspector.refresh_list(timeout_s=timeout_s)
        except BaseException:
            await self._connection.close()
            raise

    async def close(self) -> None:
        await self._connection.close()

    async def sweep(self) -> Snapshot:
        snapshot = await self._inspector.sweep()
        self._update_intervals()
        return snapshot

    async def watch(self, groups: Collection[str]) -> Snapshot:
        snapshot = await self._inspector.watch(groups)
        self._update_intervals()
        return snapshot

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        return await self._inspector.oldest_unread(groups)

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        await self._transport.publish(destination, message, timeout_s=timeout_s)

    def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        return self._transport.receive(destination, group)

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """Create queues; `settings` are SQS's own attributes: {"VisibilityTimeout": "5"}."""
        for spec in specs:
            try:
                await self._connection.queue_url(spec.name)
            except DestinationMissing:
                attributes = {"FifoQueue": "true"} if spec.name.endswith(".fifo") else {}
                created = await self._connection.call(
                    "create_queue", QueueName=spec.name, Attributes={**attributes, **spec.settings}
                )
                self._connection.add_urls([created["QueueUrl"]])
            self._inspector.queues.add([spec.name])

    def cost_note(self, destinations: int) -> str | None:
        """See pricing.py; None for an endpoint that is not Amazon's."""
        if not self._inspector.is_amazon:
            return None
        return cost_note(destinations, self._settings.interval_for(destinations), self._settings.watched_interval_s)

    def _update_intervals(self) -> None:
        self.sweep_interval_s = self._inspector.sweep_interval_s
        self.watch_interval_s = self._inspector.watch_interval_s
