"""RabbitMQ 3.10 and later: figures by the management and prometheus plugins, messages by AMQP 0-9-1."""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Scope, Snapshot
from signalbox.brokers.port import Delivery
from signalbox.brokers.rabbitmq import provision
from signalbox.brokers.rabbitmq.amqp import AmqpConnections
from signalbox.brokers.rabbitmq.cluster import cluster
from signalbox.brokers.rabbitmq.consume import RabbitConsumer
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.publish import RabbitPublisher
from signalbox.brokers.rabbitmq.queues import Queues
from signalbox.brokers.rabbitmq.report import Report
from signalbox.brokers.rabbitmq.sampling import Sampler
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.brokers.rabbitmq.signing_in import Missing, sign_in
from signalbox.brokers.rabbitmq.snapshots import Shown
from signalbox.brokers.rabbitmq.tiers import PACE_S
from signalbox.kernel.clock import Clock, system_clock


class RabbitBroker:
    """See port.Broker. Figures older than their call's age are never newer than the broker's own: 5 s for its statistics."""

    kind = BrokerKind.RABBITMQ
    capabilities = frozenset({Capability.RATES, Capability.MEMBERS})

    def __init__(self, settings: RabbitSettings, clock: Clock = system_clock) -> None:
        self.name = settings.name
        self.sweep_interval_s = PACE_S
        self.watch_interval_s: float | None = PACE_S
        self._settings = settings
        self._clock = clock
        self._names = QueueNames(settings.vhosts)
        self._queues = Queues()
        self._shown = Shown(settings, self._names)
        self._amqp = AmqpConnections(settings)
        self._publisher = RabbitPublisher(settings.name, self._amqp, self._names)
        self._consumer = RabbitConsumer(settings.name, self._amqp)
        self._sampler: Sampler | None = None
        self._missing = Missing()

    async def connect(self, *, timeout_s: float = 5.0) -> None:
        await self.close()
        sampler = Sampler(self._settings, self._amqp, self._names, self._queues, self._clock)
        try:
            self._missing = await sign_in(self._settings, self._amqp, sampler.asker, timeout_s=timeout_s)
        except BaseException:
            await sampler.close()
            await self._amqp.close()
            raise
        self._sampler = sampler

    async def close(self) -> None:
        sampler, self._sampler = self._sampler, None
        if sampler is not None:
            await sampler.close()
        await self._publisher.close()
        await self._amqp.close()

    def cost_note(self, destinations: int) -> str | None:
        del destinations
        return None

    async def sweep(self) -> Snapshot:
        sampler = self._open()
        began = self._clock()
        try:
            source = await sampler.round()
        except BrokerError:
            self._queues.moved(self._clock())  # when it comes back, its first figures may be wrong
            raise
        self.sweep_interval_s = max(PACE_S, source.spacing_s)  # longer where the broker needs long to list its queues
        told = {vhost for vhost, at in sampler.told().items() if at >= min(began, source.requested_at)}
        gone = self._gone(sampler)
        snapshot, shown = await self._shown.whole(
            self._queues, told, requested_at=source.requested_at, read_at=source.answered_at
        )
        report = Report(sampler, self._missing)
        return dataclasses.replace(
            snapshot,
            cluster=cluster(
                sampler.health,
                shown,
                read_at=self._clock(),
                missing_rights=report.missing_rights(),
                notes=report.notes(),
            ),
            gone_groups=gone[0] - snapshot.groups.keys(),
            gone_destinations=gone[1] - snapshot.destinations.keys(),
            faults=(*snapshot.faults, *report.faults()),
            calls=tuple(call for tier in sampler.all if (call := tier.call()) is not None),
        )

    async def watch(self, groups: Collection[str]) -> Snapshot:
        sampler = self._open()
        wanted = {name: self._shown.queue_of[name] for name in groups if name in self._shown.queue_of}
        keys = tuple(dict.fromkeys(wanted.values()))
        requested_at = self._clock()
        await sampler.watch(keys)
        found = self._shown.of(self._queues, wanted)
        return Snapshot(
            scope=Scope.WATCHED,
            requested_at=requested_at,
            read_at=self._clock(),
            groups=found[0],
            destinations=found[1],
            faults=Report(sampler, self._missing).watched_faults(self._names),
        )

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """Nothing: the time of a queue's head is what its publisher claims, where it claims one at all."""
        del groups
        return {}

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        self._open()
        await self._publisher.publish(destination, message, timeout_s=timeout_s)

    async def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        vhost, queue = self._names.checked(self.name, destination)
        stream = await self._open().is_stream((vhost, queue))
        async with contextlib.aclosing(self._consumer.receive(vhost, queue, group, stream=stream)) as deliveries:
            async for delivery in deliveries:
                yield delivery

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """Make queues, durable; `settings` are their arguments: {"x-queue-type": "quorum", "x-max-length": "1000"}."""
        self._open()
        for spec in specs:
            await provision.ensure(self._amqp, *self._names.checked(self.name, spec.name, new=True), spec.settings)

    def _open(self) -> Sampler:
        if self._sampler is None:
            raise BrokerError(self.name, "the connection is not open.", "Connect first.")
        return self._sampler

    def _gone(self, sampler: Sampler) -> tuple[frozenset[str], frozenset[str]]:
        """Return the names of groups and destinations that two listings in a row left out."""
        gone, sampler.details.gone = frozenset(sampler.details.gone), set()
        groups = frozenset(name for name, key in self._shown.queue_of.items() if key in gone)
        return groups, frozenset(self._names.shown(*key) for key in gone)
