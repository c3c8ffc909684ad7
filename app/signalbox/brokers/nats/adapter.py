"""The adapter for NATS JetStream. A destination is a stream; a group is a consumer, named "<stream>/<consumer>"."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Snapshot
from signalbox.brokers.nats.connection import NatsConnection
from signalbox.brokers.nats.inspector import SWEEP_EVERY_S, WATCH_EVERY_S, JetStreamInspector
from signalbox.brokers.nats.oldest import OldestUnreadMessages
from signalbox.brokers.nats.provisioner import JetStreamProvisioner
from signalbox.brokers.nats.publisher import JetStreamPublisher
from signalbox.brokers.nats.receiver import JetStreamDelivery, JetStreamReceiver
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.kernel.clock import Clock, system_clock


class NatsBroker:
    """One account on a NATS server or cluster."""

    kind = BrokerKind.NATS
    capabilities = frozenset({Capability.TIME_LAG, Capability.RATES})
    sweep_interval_s = SWEEP_EVERY_S
    watch_interval_s: float | None = WATCH_EVERY_S

    def __init__(self, settings: NatsSettings, *, clock: Clock = system_clock) -> None:
        self.name = settings.name
        self._connection = NatsConnection(settings, clock)
        self._inspector = JetStreamInspector(self._connection, clock)
        self._oldest = OldestUnreadMessages(self._connection, self._inspector)
        self._publisher = JetStreamPublisher(self._connection)
        self._provisioner = JetStreamProvisioner(self._connection)
        self._receiver = JetStreamReceiver(self._connection, self._provisioner)

    async def connect(self, *, timeout_s: float = 5.0) -> None:
        await self._connection.connect(timeout_s)

    async def close(self) -> None:
        await self._connection.close()

    async def sweep(self) -> Snapshot:
        return await self._inspector.sweep()

    async def watch(self, groups: Collection[str]) -> Snapshot:
        return await self._inspector.watch(groups)

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        return await self._oldest.read(groups)

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        await self._publisher.publish(destination, message, timeout_s=timeout_s)

    def receive(self, destination: str, group: str) -> AsyncGenerator[JetStreamDelivery, None]:
        return self._receiver.receive(destination, group)

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        await self._provisioner.ensure(specs)

    def cost_note(self, destinations: int) -> str | None:  # noqa: ARG002 - reading from NATS costs no money
        return None
