"""From what is known to one snapshot: what was told in this round, under its shown names, in slices."""

import asyncio
from collections.abc import Collection, Iterable, Mapping

from signalbox.brokers.model import Destination, Fault, Group, Scope, Snapshot, Why
from signalbox.brokers.rabbitmq import view
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.queues import Key, Queue, Queues
from signalbox.brokers.rabbitmq.settings import RabbitSettings

QUEUES_AT_ONCE = 100  # about 3 ms when all changed


class Shown:
    """What was shown of each queue last, kept while nothing in it changed; and which queue a group's name means."""

    def __init__(self, settings: RabbitSettings, names: QueueNames) -> None:
        self._settings = settings
        self._names = names
        self.queue_of: dict[str, Key] = {}  # by group name, as of the last sweep

    def facts(self, queue: Queue) -> tuple[Destination, tuple[Group, ...]]:
        if queue.changed or queue.shown is None:
            name = self._names.shown(queue.vhost, queue.name)
            queue.shown = view.destination(queue, name), view.groups(queue, name)
            queue.changed = False
        return queue.shown

    def visible(self, queue: Queue) -> bool:
        if view.is_internal(queue) and not self._settings.show_internal:
            return False
        return self._settings.includes(self._names.shown(queue.vhost, queue.name))

    async def whole(
        self, queues: Queues, told: Collection[str], *, requested_at: float, read_at: float
    ) -> tuple[Snapshot, list[Queue]]:
        """Return every visible queue of these virtual hosts, and which they are."""
        destinations: dict[str, Destination] = {}
        groups: dict[str, Group] = {}
        faults: list[Fault] = []
        shown, excluded = [], 0
        for number, queue in enumerate(queue for queue in queues if queue.vhost in told):
            if number % QUEUES_AT_ONCE == QUEUES_AT_ONCE - 1:
                await asyncio.sleep(0)
            if not self.visible(queue):
                excluded += 1
                continue
            shown.append(queue)
            destination, _ = self.facts(queue)
            destinations[destination.name] = destination
        faults += self._add_groups(shown, groups)
        snapshot = Snapshot(
            scope=Scope.FULL,
            requested_at=requested_at,
            read_at=read_at,
            groups=groups,
            destinations=destinations,
            faults=tuple(faults),
            excluded=excluded,
        )
        return snapshot, shown

    def of(self, queues: Queues, wanted: Mapping[str, Key]) -> tuple[dict[str, Group], dict[str, Destination]]:
        """Return these groups and their destinations, those whose queue is still known."""
        groups: dict[str, Group] = {}
        destinations: dict[str, Destination] = {}
        for name, key in wanted.items():
            queue = queues.get(key)
            if queue is None:
                continue
            destination, of_queue = self.facts(queue)
            destinations[destination.name] = destination
            groups.update({group.name: group for group in of_queue if group.name == name})
        return groups, destinations

    def _add_groups(self, shown: Iterable[Queue], groups: dict[str, Group]) -> list[Fault]:
        """A queue's own group comes first: a stream's reader whose name is the same as a queue's is told, not shown."""
        faults, readers = [], []
        self.queue_of = {}
        for queue in shown:
            _, (own, *stored) = self.facts(queue)
            groups[own.name] = own
            self.queue_of[own.name] = (queue.vhost, queue.name)
            readers += [(reader, queue) for reader in stored]
        for reader, queue in readers:
            if reader.name in groups:
                detail = "a queue has the name under which this reader would be shown"
                faults.append(Fault(resource=f"reader {reader.name}", why=Why.NOT_REPORTED, detail=detail))
            else:
                groups[reader.name] = reader
                self.queue_of[reader.name] = (queue.vhost, queue.name)
        return faults
