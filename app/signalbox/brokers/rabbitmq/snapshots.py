"""Builds snapshots from the registry, in slices."""

from collections.abc import Collection, Iterable, Mapping

from signalbox.brokers.model import Destination, Fault, Group, Scope, Snapshot, Why
from signalbox.brokers.rabbitmq import facts
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.queues import Key, Queue, QueueRegistry
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.kernel.slices import in_slices

QUEUES_PER_SLICE = 100  # about 3 ms when all changed
NAMES_PER_SLICE = 1000


class SnapshotBuilder:
    """Builds the facts of queues that changed, and remembers which queue each group name means."""

    def __init__(self, settings: RabbitSettings, names: QueueNames) -> None:
        self._settings = settings
        self._names = names
        self.queue_by_group: dict[str, Key] = {}  # as of the last sweep that reported their virtual host
        self._destinations: dict[str, Key] = {}

    async def build(
        self, queues: QueueRegistry, vhosts: Collection[str], *, requested_at: float, read_at: float
    ) -> tuple[Snapshot, list[Queue]]:
        """Return a full snapshot of these virtual hosts, and its queues.

        Gone are the groups and destinations of earlier snapshots whose queue or reader the registry deleted by its rule, and
        those that are excluded now: an exclusive queue took the name.
        """
        destinations: dict[str, Destination] = {}
        reported = [queue for queue in queues if queue.vhost in vhosts]
        included = [queue async for queue in in_slices(reported, QUEUES_PER_SLICE) if self._is_included(queue)]
        async for queue in in_slices(included, QUEUES_PER_SLICE):
            destination, _ = self._facts(queue)
            destinations[destination.name] = destination
            self._destinations[destination.name] = (queue.vhost, queue.name)
        groups, faults = await self._groups(included)
        kept = {(queue.vhost, queue.name) for queue in queues if queue.vhost not in vhosts}
        gone_groups = await _drop_gone(self.queue_by_group, groups, kept)
        gone_destinations = await _drop_gone(self._destinations, destinations, kept)
        snapshot = Snapshot(
            scope=Scope.FULL,
            requested_at=requested_at,
            read_at=read_at,
            groups=groups,
            destinations=destinations,
            gone_groups=gone_groups,
            gone_destinations=gone_destinations,
            faults=tuple(faults),
            excluded=len(reported) - len(included),
        )
        return snapshot, included

    def watched(
        self, queues: QueueRegistry, keys: Mapping[str, Key]
    ) -> tuple[dict[str, Group], dict[str, Destination]]:
        """Return these groups and their destinations, without those whose queue is no longer known."""
        groups: dict[str, Group] = {}
        destinations: dict[str, Destination] = {}
        for name, key in keys.items():
            queue = queues.get(key)
            if queue is None:
                continue
            destination, of_queue = self._facts(queue)
            destinations[destination.name] = destination
            groups.update({group.name: group for group in of_queue if group.name == name})
        return groups, destinations

    def _facts(self, queue: Queue) -> tuple[Destination, tuple[Group, ...]]:
        if queue.changed or queue.facts is None:
            name = self._names.qualified(queue.vhost, queue.name)
            queue.facts = facts.destination(queue, name), facts.groups(queue, name)
            queue.changed = False
        return queue.facts

    def _is_included(self, queue: Queue) -> bool:
        if facts.is_internal(queue) and not self._settings.show_internal:
            return False
        return self._settings.includes(self._names.qualified(queue.vhost, queue.name))

    async def _groups(self, queues: Iterable[Queue]) -> tuple[dict[str, Group], list[Fault]]:
        """Return the groups by name. A stream reader whose name is also that of a queue becomes a fault."""
        groups: dict[str, Group] = {}
        faults, readers = [], []
        async for queue in in_slices(queues, NAMES_PER_SLICE):
            _, (own, *stored) = self._facts(queue)
            groups[own.name] = own
            self.queue_by_group[own.name] = (queue.vhost, queue.name)
            readers += [(reader, queue) for reader in stored]
        for reader, queue in readers:
            if reader.name in groups:
                detail = "A queue has the same name as this reader."
                faults.append(Fault(resource=f"reader {reader.name}", why=Why.NOT_REPORTED, detail=detail))
            else:
                groups[reader.name] = reader
                self.queue_by_group[reader.name] = (queue.vhost, queue.name)
        return groups, faults


async def _drop_gone(known: dict[str, Key], now: Mapping[str, object], kept: Collection[Key]) -> frozenset[str]:
    """Remove the names that are not there now from `known`, except those of unread virtual hosts. Returns the removed ones."""
    missing = known.keys() - now.keys()
    gone = {name async for name in in_slices(missing, NAMES_PER_SLICE) if known[name] not in kept}
    for name in gone:
        del known[name]
    return frozenset(gone)
