"""What is known of each queue, put together from answers of different kinds and ages.

A figure is believed at once, but for one case: 0 or nothing, right after the queue's leader or a node changed, is what a broker
says for some seconds whatever is in the queue. Then the last figure is kept, and marked, until two answers agree.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from signalbox.brokers.model import Destination, Group
from signalbox.brokers.rabbitmq.rows import ROWS_AT_ONCE, QueueRow, count, mapping, sequence, words

HOLD_S = 12.0  # a quorum queue was seen to say 0 for 4-10 s after its leader moved
FRESH_S = 12.0  # figures of the statistics (3-9 s old) are taken only when the live ones are older than this
GONE_AFTER = 2  # whole listings without it

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """Messages ready to be handed out, and handed out but not settled. A stream has only the number that it keeps."""

    ready: int
    unacked: int | None  # None: asked by AMQP alone, which does not tell it

    @property
    def total(self) -> int:
        return self.ready + (self.unacked or 0)


@dataclass(frozen=True, slots=True)
class Counters:
    """Since the node, or its statistics, started."""

    published: int
    settled: int
    redelivered: int
    # What was settled and is not counted is in it: for some seconds, and for good where the channel closed just before the broker
    # cleared away what it had not counted of closed channels (each two minutes). None while it cannot be told.
    removed_unacked: int | None


@dataclass(eq=False, slots=True)
class Queue:
    """One queue. Written by `Queues` alone; `changed` tells that what is shown must be made anew."""

    vhost: str
    name: str
    kind: str = ""  # "classic", "quorum", "stream"; "" until a listing tells it
    figures: Figures | None = None
    figures_at: float = 0.0
    held: bool = False  # the figures are from before a change and not yet confirmed
    counters: Counters | None = None
    consumers: int | None = None
    capacity: float | None = None
    members: tuple[Mapping[str, Any], ...] | None = None  # rows about its consumers
    members_at: float | None = None
    stream_readers: tuple[Mapping[str, Any], ...] = ()  # native consumers of a stream
    stored_offsets: Mapping[str, int] = field(default_factory=dict)
    offsets_told: bool = True  # False: the broker failed over its own answer
    size_bytes: int | None = None
    state: str = ""
    leader: str = ""
    replicas: tuple[str, ...] = ()
    online: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    policy_name: str = ""
    exclusive: bool = False
    delivery_limit: int | None = None
    listed_twice: bool = False
    absent: int = 0  # answers in a row that left it out
    unlisted: int = 0  # whole listings in a row that left it out
    changed: bool = True
    shown: tuple[Destination, tuple[Group, ...]] | None = None  # made from the above, kept while nothing changed
    _moved_at: float = 0.0
    _place: str = ""  # the node that its last figures came from
    _last: Figures | None = None  # what the broker said last, believed or not

    @property
    def is_stream(self) -> bool:
        return self.kind == "stream"

    def offer(self, said: Figures | None, at: float, *, place: str = "") -> None:
        """Take what a source says of the figures at this time, and which node it is of."""
        if place and self._place and place != self._place:
            self._moved_at = at
        self._place = place or self._place
        self.absent = self.absent + 1 if said is None else 0
        agree, self._last = said == self._last, said
        if self._doubted(said, at, agree=agree):
            self._believe(self.figures, self.figures_at, held=True)
        else:
            self._believe(said, at, held=False)

    def moved(self, at: float) -> None:
        """A node or the connection to it changed: what is said next may be wrong."""
        self._moved_at = at

    def _doubted(self, said: Figures | None, at: float, *, agree: bool) -> bool:
        """An absence is doubted once, and around a change; a 0 only around a change, or until it is said again after one."""
        if said == self.figures or (said is not None and said.total > 0):
            return False
        if self.figures is not None and self.figures.total == 0:
            return False
        if at - self._moved_at < HOLD_S:
            return True
        return not agree and (said is None or self.held)

    def _believe(self, figures: Figures | None, at: float, *, held: bool) -> None:
        self.changed |= figures != self.figures or held != self.held
        self.figures, self.figures_at, self.held = figures, at, held


class Queues:
    """Every queue of one connection."""

    def __init__(self) -> None:
        self._known: dict[Key, Queue] = {}

    def __iter__(self) -> Iterator[Queue]:
        return iter(list(self._known.values()))

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Key) -> Queue | None:
        return self._known.get(key)

    def named(self, vhost: str, name: str) -> Queue:
        return self._known.setdefault((vhost, name), Queue(vhost, name))

    def moved(self, at: float) -> None:
        for queue in self._known.values():
            queue.moved(at)

    async def take_totals(self, vhost: str, rows: Sequence[QueueRow], at: float) -> bool:
        """Take a listing with live totals, which leaves out queues without a leader. Says whether some known one is missing."""
        seen: set[str] = set()
        for number, row in enumerate(rows):
            await _breathe(number)
            queue = self.named(vhost, row.name)
            queue.listed_twice, twice = row.name in seen, queue.listed_twice
            queue.changed |= twice != queue.listed_twice
            seen.add(row.name)
            _describe(queue, row)
            if not queue.is_stream:
                queue.offer(_figures(row), at, place=words(row.leader) or words(row.node))
        missing = [q for q in self._of(vhost) if q.name not in seen and not q.is_stream]
        for queue in missing:
            queue.offer(None, at)
        return any(queue.absent == 1 for queue in missing)

    async def take_coarse(
        self, found: Mapping[Key, tuple[tuple[int, int], str]], vhosts: Sequence[str], at: float
    ) -> bool:
        """Take what the nodes' prometheus plugins say together: (ready, unacknowledged) and the node that leads."""
        for number, (key, (said, node)) in enumerate(found.items()):
            await _breathe(number)
            if key[0] in vhosts:
                self.named(*key).offer(Figures(*said), at, place=node)
        missing = [q for q in self._known.values() if (q.vhost, q.name) not in found]
        for queue in missing:
            queue.offer(None, at)
        return any(queue.absent == 1 for queue in missing)

    async def take_listing(self, vhost: str, rows: Sequence[QueueRow], at: float, *, counts: bool) -> list[Key]:
        """Take a whole plain listing. Returns what is gone: left out by two in a row."""
        seen = {row.name for row in rows}
        for number, row in enumerate(rows):
            await _breathe(number)
            queue = self.named(vhost, row.name)
            queue.unlisted = 0
            _describe(queue, row)
            _take_statistics(queue, row, at, counts=counts)
        gone = []
        for queue in self._of(vhost):
            if queue.name not in seen:
                queue.unlisted += 1
                if queue.unlisted >= GONE_AFTER:
                    gone.append((vhost, queue.name))
        for key in gone:
            del self._known[key]
        return gone

    def take_single(self, row: QueueRow, at: float, *, counts: bool) -> None:
        """Take the answer about one queue. Its state is not taken: it says "running" of a queue whose node is down."""
        queue = self.named(row.vhost, row.name)
        _take_statistics(queue, row, at, counts=counts)
        if row.consumer_details is not None:
            take_members(queue, sequence(row.consumer_details), at)

    def take_passive(self, vhost: str, name: str, ready: int, consumers: int, at: float) -> None:
        """Take the answer of a passive declare."""
        queue = self.named(vhost, name)
        queue.offer(Figures(ready, None), at)
        queue.changed |= consumers != queue.consumers
        queue.consumers = consumers

    def take_stream_readers(self, vhost: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take every native reader of a virtual host's streams."""
        by_stream: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            by_stream.setdefault(words(mapping(row.get("queue")).get("name")), []).append(row)
        for queue in self._of(vhost):
            readers = tuple(by_stream.get(queue.name, ()))
            queue.changed |= readers != queue.stream_readers
            queue.stream_readers = readers

    def take_stored_offsets(self, stream: Queue, offsets: Mapping[str, Any] | None) -> int:
        """Take what readers stored under a name, None where the broker cannot tell; returns how many."""
        stream.changed |= stream.offsets_told != (offsets is not None)
        stream.offsets_told = offsets is not None
        if offsets is None:
            return 0
        stored = {reference: offset for reference, offset in offsets.items() if count(offset) is not None}
        stream.changed |= stored != stream.stored_offsets
        stream.stored_offsets = stored
        return len(stored)

    def take_consumers(self, vhost: str, rows: Iterable[Mapping[str, Any]], at: float) -> None:
        """Take every consumer of a virtual host."""
        by_queue: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            by_queue.setdefault(words(mapping(row.get("queue")).get("name")), []).append(row)
        for queue in self._of(vhost):
            take_members(queue, by_queue.get(queue.name, []), at)

    def _of(self, vhost: str) -> list[Queue]:
        return [queue for queue in self._known.values() if queue.vhost == vhost]


async def _breathe(number: int) -> None:
    """Let the event loop run once in a slice of rows."""
    if number % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
        await asyncio.sleep(0)


def take_members(queue: Queue, rows: Sequence[Any], at: float) -> None:
    members = tuple(row for row in rows if isinstance(row, dict))
    queue.changed |= members != queue.members
    queue.members, queue.members_at = members, at


def _figures(row: QueueRow) -> Figures | None:
    ready, unacked = count(row.messages_ready), count(row.messages_unacknowledged)
    return None if ready is None or unacked is None else Figures(ready, unacked)


def _describe(queue: Queue, row: QueueRow) -> None:
    """What every listing tells: kind, state, place, arguments."""
    names = {
        "kind": row.type,
        "state": words(row.state),
        "leader": words(row.leader) or words(row.node),
        "replicas": tuple(map(words, sequence(row.members))),
        "online": tuple(map(words, sequence(row.online))),
        "arguments": mapping(row.arguments),
        "exclusive": row.exclusive is True,
    }
    for name, value in names.items():
        if value or name == "exclusive":  # what this kind of listing leaves out is kept
            queue.changed |= getattr(queue, name) != value
            setattr(queue, name, value)


def _take_statistics(queue: Queue, row: QueueRow, at: float, *, counts: bool) -> None:
    figures = _figures(row)
    if queue.is_stream or at - queue.figures_at > FRESH_S:
        queue.offer(figures, at)
    told = {
        "counters": _counters(row) if counts else None,
        "consumers": count(row.consumers),
        "size_bytes": count(row.message_bytes),
        "capacity": row.consumer_capacity if isinstance(row.consumer_capacity, int | float) else None,
        "policy": mapping(row.effective_policy_definition),
        "policy_name": words(row.policy),
        "delivery_limit": count(row.delivery_limit),
    }
    for name, value in told.items():
        queue.changed |= getattr(queue, name) != value
        setattr(queue, name, value)


def _counters(row: QueueRow) -> Counters | None:
    """Absent statistics beside a present number of messages mean no traffic since the node started; else they are not known."""
    messages, stats = count(row.messages), mapping(row.message_stats)
    if messages is None:
        return None
    settled = sum(count(stats.get(name)) or 0 for name in ("ack", "deliver_no_ack", "get_no_ack"))
    published = count(stats.get("publish")) or 0
    otherwise = published - settled - messages
    return Counters(
        published=published,
        settled=settled,
        redelivered=count(stats.get("redeliver")) or 0,
        removed_unacked=otherwise if otherwise >= 0 and row.type != "stream" else None,
    )
