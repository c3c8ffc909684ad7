"""RabbitMQ 3.10 and later: metrics from the management and prometheus plugins, messages by AMQP 0-9-1."""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

from signalbox.brokers.errors import BrokerError, DestinationMissing
from signalbox.brokers.model import BrokerKind, Capability, DestinationSpec, Message, OldestUnread, Scope, Snapshot
from signalbox.brokers.port import Delivery
from signalbox.brokers.rabbitmq import provision
from signalbox.brokers.rabbitmq.amqp import AmqpConnections
from signalbox.brokers.rabbitmq.consume import RabbitConsumer
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.polling import SWEEP_INTERVAL_S
from signalbox.brokers.rabbitmq.publish import RabbitPublisher
from signalbox.brokers.rabbitmq.queues import QueueRegistry
from signalbox.brokers.rabbitmq.report import SweepReport
from signalbox.brokers.rabbitmq.sampler import Sampler
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.brokers.rabbitmq.sign_in import UnavailableApis, sign_in
from signalbox.brokers.rabbitmq.snapshots import SnapshotBuilder
from signalbox.kernel.clock import Clock, system_clock


class RabbitBroker:
    """See port.Broker. The broker refreshes its own statistics every 5 s, so they may be that much older than their request.

    Gone are: a queue that two listings in a row left out, or that two lookups by name did not find or found exclusive to
    another connection; a queue that is exclusive now; every queue of a virtual host that did not exist in three answers over
    10 s; a reader of a stream whose stored offset two answers in a row left out.
    """

    kind = BrokerKind.RABBITMQ
    capabilities = frozenset({Capability.RATES, Capability.MEMBERS})

    def __init__(self, settings: RabbitSettings, clock: Clock = system_clock) -> None:
        self.name = settings.name
        self.sweep_interval_s = SWEEP_INTERVAL_S
        self.watch_interval_s: float | None = SWEEP_INTERVAL_S
        self._settings = settings
        self._clock = clock
        self._names = QueueNames(settings.vhosts)
        self._queues = QueueRegistry()
        self._snapshots = SnapshotBuilder(settings, self._names)
        self._amqp = AmqpConnections(settings)
        self._publisher = RabbitPublisher(settings.name, self._amqp, self._names)
        self._consumer = RabbitConsumer(settings.name, self._amqp)
        self._sampler: Sampler | None = None
        self._unavailable = UnavailableApis()

    async def connect(self, *, timeout_s: float = 5.0) -> None:
        await self.close()
        sampler = Sampler(self._settings, self._amqp, self._names, self._queues, self._clock)
        try:
            self._unavailable = await sign_in(self._settings, self._amqp, sampler.client, timeout_s=timeout_s)
        except DestinationMissing:
            if not self._snapshots.queue_by_group:  # else the sweep tells what is gone
                await sampler.close()
                await self._amqp.close()
                raise
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
        sampler = self._connected()
        began = self._clock()
        requested_at = began
        try:
            source = await sampler.sample()
        except BrokerError:
            if set(self._queues.missing_vhosts(began)) < set(self._settings.vhosts):
                self._queues.note_failover(self._clock())  # the first depths after its return may be wrong
                raise
            read_at = self._clock()
        else:
            self.sweep_interval_s = max(SWEEP_INTERVAL_S, source.interval_s)  # longer where the listing takes long
            requested_at, read_at = source.requested_at, source.answered_at
        vhosts = {vhost for vhost, at in self._queues.reported_at.items() if at >= min(began, requested_at)}
        snapshot, queues = await self._snapshots.build(self._queues, vhosts, requested_at=requested_at, read_at=read_at)
        report = SweepReport(sampler, self._unavailable)
        return dataclasses.replace(
            snapshot,
            cluster=sampler.health.cluster(
                queues,
                read_at=self._clock(),
                missing_vhosts=self._queues.missing_vhosts(self._clock()),
                missing_permissions=report.missing_permissions(),
                notes=report.notes(),
            ),
            faults=(*snapshot.faults, *report.faults()),
            calls=tuple(call for request in sampler.all if (call := request.call()) is not None),
        )

    async def watch(self, groups: Collection[str]) -> Snapshot:
        sampler = self._connected()
        queue_by_group = self._snapshots.queue_by_group
        keys = {name: queue_by_group[name] for name in groups if name in queue_by_group}
        requested_at = self._clock()
        await sampler.watch(tuple(dict.fromkeys(keys.values())))
        watched_groups, watched_destinations = self._snapshots.watched(self._queues, keys)
        return Snapshot(
            scope=Scope.WATCHED,
            requested_at=requested_at,
            read_at=self._clock(),
            groups=watched_groups,
            destinations=watched_destinations,
            faults=SweepReport(sampler, self._unavailable).watched_faults(self._names),
        )

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """Return {}: the timestamp of a queue's first message is optional and set by its publisher."""
        del groups
        return {}

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        self._connected()
        await self._publisher.publish(destination, message, timeout_s=timeout_s)

    async def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        vhost, queue = self._names.resolve(self.name, destination)
        stream = await self._connected().is_stream((vhost, queue))
        async with contextlib.aclosing(self._consumer.receive(vhost, queue, group, stream=stream)) as deliveries:
            async for delivery in deliveries:
                yield delivery

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """Create durable queues; `settings` are their arguments: {"x-queue-type": "quorum", "x-max-length": "1000"}."""
        self._connected()
        for spec in specs:
            vhost, queue = self._names.resolve(self.name, spec.name, new=True)
            await provision.ensure(self._amqp, vhost, queue, spec.settings)

    def _connected(self) -> Sampler:
        if self._sampler is None:
            raise BrokerError(self.name, "The connection is not open.", "Connect first.")
        return self._sampler
