"""Amazon SQS, in every role of port.py. What it cannot tell (rates, ages, who reads) is not among its capabilities."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from signalbox.brokers.errors import DestinationMissing
from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Snapshot
from signalbox.brokers.port import Delivery
from signalbox.brokers.sqs.account import Account
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
        self._account = Account(settings)
        self._inspector = SqsInspector(self._account, clock)
        self._transport = SqsTransport(self._account)
        self.sweep_interval_s = self._inspector.sweep_interval_s
        self.watch_interval_s: float | None = self._inspector.watch_interval_s

    async def connect(self, *, timeout_s: float = 5.0) -> None:
        """Sign in, and list the queues: the cheapest question that proves it."""
        await self._account.open(timeout_s=timeout_s)
        try:
            await self._inspector.refresh_list(timeout_s=timeout_s)
        except BaseException:
            await self._account.close()
            raise

    async def close(self) -> None:
        await self._account.close()

    async def sweep(self) -> Snapshot:
        snapshot = await self._inspector.sweep()
        self._set_pace()
        return snapshot

    async def watch(self, groups: Collection[str]) -> Snapshot:
        snapshot = await self._inspector.watch(groups)
        self._set_pace()
        return snapshot

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        return await self._inspector.oldest_unread(groups)

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        await self._transport.publish(destination, message, timeout_s=timeout_s)

    def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        return self._transport.receive(destination, group)

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """Make queues; `settings` are SQS's attributes by their own names: {"VisibilityTimeout": "5"}."""
        for one in specs:
            try:
                await self._account.url(one.name)
            except DestinationMissing:
                attributes = {"FifoQueue": "true"} if one.name.endswith(".fifo") else {}
                made = await self._account.call(
                    "create_queue", QueueName=one.name, Attributes={**attributes, **one.settings}
                )
                self._account.learn([made["QueueUrl"]])
            self._inspector.queues.expect([one.name])

    def cost_note(self, destinations: int) -> str | None:
        """See pricing.py; None at an endpoint that is not Amazon's."""
        if not self._inspector.amazon:
            return None
        return cost_note(destinations, self._settings.every_s(destinations), self._settings.watched_interval_s)

    def _set_pace(self) -> None:
        self.sweep_interval_s = self._inspector.sweep_interval_s
        self.watch_interval_s = self._inspector.watch_interval_s
