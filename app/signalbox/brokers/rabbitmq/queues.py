"""The state of each queue, merged from answers of different kinds and ages.

A depth is believed at once, with one exception: right after a queue's leader or a node changed, a broker reports 0 or nothing for
some seconds, whatever the queue holds. The last depth is then kept, and marked, until two answers agree.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from signalbox.brokers.model import Destination, Group
from signalbox.brokers.rabbitmq.account import QueueAccount, Reading
from signalbox.brokers.rabbitmq.limits import effective_definition
from signalbox.brokers.rabbitmq.rows import ROWS_PER_SLICE, QueueRow, count, mapping, sequence, text
from signalbox.kernel.slices import in_slices

DISTRUST_S = 12.0  # measured: a quorum queue reports 0 for 4 to 10 s after its leader moved
FRESH_S = 12.0  # a depth from the statistics (3 to 9 s old) replaces only one that is older than this
GONE_AFTER = 2  # complete listings without the queue, or answers that it does not exist
VHOST_GONE_AFTER = 3  # answers that the virtual host does not exist
VHOST_GONE_S = 10.0  # between the first and the last of them: a node that starts answers so too
ACKNOWLEDGED = ("ack", "deliver_no_ack", "get_no_ack")

Key = tuple[str, str]
"""(virtual host, queue)"""


class Depth(msgspec.Struct, frozen=True, gc=False):
    """Ready and unacknowledged messages. A stream has only the number of retained messages, as `ready`."""

    ready: int
    unacked: int | None  # None: AMQP alone does not report it
    dead_lettering: int = 0  # on their way to the dead letter queue, which has not confirmed them

    @property
    def total(self) -> int:
        return self.ready + (self.unacked or 0) + self.dead_lettering


class Counters(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Counters since the start of the node or its statistics, and the depth in the same answer."""

    at: float
    arrived: int
    arrived_complete: bool  # False: the broker does not count all arrivals, so `arrived` is a minimum
    settled: int | None  # None: the broker does not count what these consumers acknowledge
    redelivered: int
    depth: int
    # Includes acknowledged messages that are not counted, where the channel closed just before the broker dropped the uncounted
    # statistics of closed channels (every 2 min). Known at rest only.
    removed_unacked: int | None
    removed_unread: int


@dataclass(eq=False, slots=True)
class Queue:
    """One queue. Only `QueueRegistry` changes it; `changed` means that `facts` must be rebuilt."""

    vhost: str
    name: str
    kind: str = ""  # "classic", "quorum", "stream"; "" until a listing reports it
    generation: int = 0  # how often the queue was seen to be deleted and declared again
    account: QueueAccount = field(default_factory=QueueAccount)
    depth: Depth | None = None
    depth_at: float = 0.0
    unconfirmed: bool = False  # the depth is from before a failover and not confirmed since
    counters: Counters | None = None
    consumers: int | None = None
    capacity: float | None = None
    consumer_rows: tuple[Mapping[str, Any], ...] | None = None
    consumers_at: float | None = None
    stream_consumers: tuple[Mapping[str, Any], ...] = ()  # native consumers of a stream
    stored_offsets: Mapping[str, int] = field(default_factory=dict)
    missing_readers: frozenset[str] = frozenset()  # were not in the last answer; gone if not in the next one either
    offsets_available: bool = True  # False: the broker failed to encode its own answer
    size_bytes: int | None = None
    state: str = ""
    leader: str = ""
    replicas: tuple[str, ...] = ()
    online: tuple[str, ...] = ()
    arguments: Mapping[str, Any] | None = None  # None until a listing reports them
    policy: Mapping[str, Any] = field(default_factory=dict)
    policy_name: str = ""
    exclusive: bool = False
    delivery_limit: int | None = None
    listed_twice: bool = False
    absences: int = 0  # consecutive depth answers without the queue
    unlisted: int = 0  # consecutive complete listings without the queue
    changed: bool = True
    facts: tuple[Destination, tuple[Group, ...]] | None = None  # built from the fields above
    failover_at: float = 0.0
    _source_node: str = ""  # the node that reported the last depth
    _last_reported: Depth | None = None  # believed or not

    @property
    def is_stream(self) -> bool:
        return self.kind == "stream"

    @property
    def definition(self) -> Mapping[str, Any]:
        """The settings that hold, by their names in a policy."""
        return effective_definition(self.kind, self.arguments or {}, self.policy)

    def begin_again(self) -> None:
        """Forget everything: the queue was deleted and declared again."""
        fresh = Queue(self.vhost, self.name, generation=self.generation + 1)
        for name in Queue.__slots__:
            setattr(self, name, getattr(fresh, name))

    def report_depth(self, depth: Depth | None, at: float, *, node: str = "") -> None:
        """Apply the depth that a source reports; None = the source left the queue out. `node` is the node that reported."""
        if node and self._source_node and node != self._source_node:
            self.failover_at = at
        self._source_node = node or self._source_node
        self.absences = self.absences + 1 if depth is None else 0
        is_repeated, self._last_reported = depth == self._last_reported, depth
        if self._is_doubtful(depth, at, is_repeated=is_repeated):
            self._set_depth(self.depth, self.depth_at, unconfirmed=True)
        else:
            self._set_depth(depth, at, unconfirmed=False)

    def _is_doubtful(self, depth: Depth | None, at: float, *, is_repeated: bool) -> bool:
        """Doubt an absence once and during a failover; doubt 0 only during a failover, and after it until it is repeated."""
        is_known_empty = self.depth is not None and self.depth.total == 0
        if is_known_empty or depth == self.depth or (depth is not None and depth.total > 0):
            return False
        if at - self.failover_at < DISTRUST_S:
            return True
        return not is_repeated and (depth is None or self.unconfirmed)

    def _set_depth(self, depth: Depth | None, at: float, *, unconfirmed: bool) -> None:
        self.changed |= depth != self.depth or unconfirmed != self.unconfirmed
        self.depth, self.depth_at, self.unconfirmed = depth, at, unconfirmed


class QueueRegistry:
    def __init__(self) -> None:
        self._queues: dict[Key, Queue] = {}
        self.reported_at: dict[str, float] = {}  # by virtual host: when a source last reported its queues
        self._missing: dict[str, tuple[int, float]] = {}  # virtual host -> how often in a row, and since when

    def __iter__(self) -> Iterator[Queue]:
        return iter(list(self._queues.values()))

    def __len__(self) -> int:
        return len(self._queues)

    def get(self, key: Key) -> Queue | None:
        return self._queues.get(key)

    def get_or_add(self, vhost: str, name: str) -> Queue:
        return self._queues.setdefault((vhost, name), Queue(vhost, name))

    def note_failover(self, at: float) -> None:
        """Note that a node or the connection changed: the next reported depths may be wrong."""
        for queue in self._queues.values():
            queue.failover_at = at

    def note_reported(self, vhost: str, at: float) -> None:
        """Note that a source reported the queues of this virtual host."""
        self.reported_at[vhost] = at
        self._missing.pop(vhost, None)

    def note_missing_vhost(self, vhost: str, at: float) -> None:
        """Note an answer that the virtual host does not exist; when that is certain, its queues are deleted."""
        times, since = self._missing.get(vhost, (0, at))
        self._missing[vhost] = times + 1, since
        if vhost in self.missing_vhosts(at):
            for queue in self._in_vhost(vhost):
                del self._queues[vhost, queue.name]

    def missing_vhosts(self, now: float) -> list[str]:
        """Return the virtual hosts that certainly do not exist."""
        missing = self._missing.items()
        return [vhost for vhost, (times, since) in missing if times >= VHOST_GONE_AFTER and now - since >= VHOST_GONE_S]

    def note_missing_queue(self, key: Key) -> None:
        """Note an answer that a queue does not exist or belongs to one connection; the second in a row deletes it."""
        queue = self._queues.get(key)
        if queue is None:
            return
        queue.unlisted += 1
        if queue.unlisted >= GONE_AFTER:
            del self._queues[key]

    async def apply_totals(self, vhost: str, rows: Sequence[QueueRow], at: float) -> bool:
        """Apply a listing with live totals, which lacks queues without a leader. Returns whether a known queue is newly absent."""
        names: set[str] = set()
        async for row in in_slices(rows, ROWS_PER_SLICE):
            queue = self.get_or_add(vhost, row.name)
            _assign(queue, listed_twice=row.name in names)
            names.add(row.name)
            _apply_description(queue, row)
            if not queue.is_stream:
                queue.report_depth(_depth(row), at, node=text(row.leader) or text(row.node))
        queues = self._in_vhost(vhost)
        return _report_absences([queue for queue in queues if queue.name not in names and not queue.is_stream], at)

    async def apply_coarse(
        self, depths: Mapping[Key, tuple[tuple[int, int, int], str]], vhosts: Sequence[str], at: float
    ) -> bool:
        """Apply the nodes' prometheus metrics: the depth and the leader. Returns as `apply_totals`."""
        async for key, (depth, node) in in_slices(depths.items(), ROWS_PER_SLICE):
            if key[0] in vhosts:
                self.get_or_add(*key).report_depth(Depth(*depth), at, node=node)
        return _report_absences([queue for key, queue in self._queues.items() if key not in depths], at)

    async def apply_page(self, vhost: str, rows: Sequence[QueueRow], at: float, *, has_counters: bool) -> None:
        """Apply a part of a listing, requested at that time."""
        async for row in in_slices(rows, ROWS_PER_SLICE):
            queue = self.get_or_add(vhost, row.name)
            queue.unlisted = 0
            _apply_description(queue, row)
            _apply_statistics(queue, row, at, has_counters=has_counters)

    def note_unlisted(self, vhost: str, names: Collection[str]) -> None:
        """Note that a complete listing has these names only."""
        for queue in self._in_vhost(vhost):
            if queue.name not in names:
                self.note_missing_queue((vhost, queue.name))

    def apply_single(self, row: QueueRow, at: float, *, has_counters: bool) -> None:
        """Apply the answer about one queue, without its state: it is "running" even when the queue's node is down."""
        queue = self.get_or_add(row.vhost, row.name)
        _apply_statistics(queue, row, at, has_counters=has_counters)
        if row.consumer_details is not None:
            _apply_consumer_rows(queue, sequence(row.consumer_details), at)

    def apply_passive(self, vhost: str, name: str, ready: int, consumers: int, at: float) -> None:
        queue = self.get_or_add(vhost, name)
        queue.unlisted = 0
        queue.report_depth(Depth(ready, None), at)
        _assign(queue, consumers=consumers)

    def apply_stream_consumers(self, vhost: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Apply the complete list of native stream consumers of a virtual host."""
        by_stream = _by_queue(rows)
        for queue in self._in_vhost(vhost):
            _assign(queue, stream_consumers=tuple(by_stream.get(queue.name, ())))

    def apply_stored_offsets(self, stream: Queue, offsets: Mapping[str, Any] | None) -> int:
        """Apply the offsets that readers stored by name; None = the broker cannot report them. Returns their number."""
        _assign(stream, offsets_available=offsets is not None)
        if offsets is None:
            return 0
        stored = {reference: offset for reference, offset in offsets.items() if count(offset) is not None}
        missing = {reference: offset for reference, offset in stream.stored_offsets.items() if reference not in stored}
        kept = {reference: offset for reference, offset in missing.items() if reference not in stream.missing_readers}
        _assign(stream, stored_offsets=stored | kept, missing_readers=frozenset(kept))
        return len(stored)

    def apply_consumers(self, vhost: str, rows: Iterable[Mapping[str, Any]], at: float) -> None:
        by_queue = _by_queue(rows)
        for queue in self._in_vhost(vhost):
            _apply_consumer_rows(queue, by_queue.get(queue.name, []), at)

    def _in_vhost(self, vhost: str) -> list[Queue]:
        return [queue for queue in self._queues.values() if queue.vhost == vhost]


def _report_absences(absent: Sequence[Queue], at: float) -> bool:
    """Report that a source left these queues out. Returns whether one of them is newly absent."""
    for queue in absent:
        queue.report_depth(None, at)
    return any(queue.absences == 1 for queue in absent)


def _by_queue(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    by_queue = defaultdict(list)
    for row in rows:
        by_queue[text(mapping(row.get("queue")).get("name"))].append(row)
    return by_queue


def _apply_consumer_rows(queue: Queue, rows: Sequence[Any], at: float) -> None:
    _assign(queue, consumer_rows=tuple(row for row in rows if isinstance(row, dict)))
    queue.consumers_at = at


def _depth(row: QueueRow) -> Depth | None:
    ready, unacked, total = count(row.messages_ready), count(row.messages_unacknowledged), count(row.messages)
    if ready is None or unacked is None:
        return None
    under_way = total - ready - unacked if row.type == "quorum" and total is not None else 0
    return Depth(ready, unacked, max(under_way, 0))


def _apply_description(queue: Queue, row: QueueRow) -> None:
    """Apply what every kind of listing reports: type, state, leader, replicas, arguments. Keep what this one leaves out."""
    arguments = None if row.arguments is None else mapping(row.arguments)
    if _is_another(queue, row.type, arguments):
        queue.begin_again()
    values = {
        "kind": row.type or None,
        "state": text(row.state) or None,
        "leader": text(row.leader) or text(row.node) or None,
        "replicas": _names(row.members),
        "online": _names(row.online),
        "arguments": arguments,
        "exclusive": row.exclusive is True,
    }
    _assign(queue, **{name: value for name, value in values.items() if value is not None})


def _is_another(queue: Queue, kind: str, arguments: Mapping[str, Any] | None) -> bool:
    """Return whether this is another queue of the same name: type and arguments of a queue never change."""
    other_kind = bool(kind and queue.kind) and kind != queue.kind
    return other_kind or (None not in (arguments, queue.arguments) and arguments != queue.arguments)


def _names(value: object) -> tuple[str, ...] | None:
    return tuple(map(text, value)) if isinstance(value, list) else None


def _apply_statistics(queue: Queue, row: QueueRow, at: float, *, has_counters: bool) -> None:
    if queue.is_stream or at - queue.depth_at > FRESH_S:
        queue.report_depth(_depth(row), at)
    _assign(
        queue,
        consumers=count(row.consumers),
        size_bytes=count(row.message_bytes),
        capacity=row.consumer_capacity if isinstance(row.consumer_capacity, int | float) else None,
        policy=mapping(row.effective_policy_definition),
        policy_name=text(row.policy),
        delivery_limit=count(row.delivery_limit),
    )
    if queue.counters is None or at > queue.counters.at:
        _assign(queue, counters=_counters(queue, row, at) if has_counters else None)


def _assign(queue: Queue, **values: object) -> None:
    for name, value in values.items():
        queue.changed |= getattr(queue, name) != value
        setattr(queue, name, value)


def _counters(queue: Queue, row: QueueRow, at: float) -> Counters | None:
    """Return the counters, as far as the broker keeps them for this queue."""
    depth, stats, consumers = _depth(row), mapping(row.message_stats), count(row.consumers) or 0
    if depth is None or queue.is_stream:
        return None
    acknowledged = sum(count(stats.get(name)) or 0 for name in ACKNOWLEDGED)
    delivered, redelivered = count(stats.get("deliver_get")) or 0, count(stats.get("redeliver")) or 0
    published = count(stats.get("publish"))
    if not stats and not depth.total and not consumers:
        published = 0  # no traffic since the start of the node
    gone = (published or 0) - acknowledged - depth.total
    is_counted = not consumers or delivered > 0 or (bool(stats) and gone <= 0)
    definition = queue.definition
    refuses = text(definition.get("overflow")).startswith("reject-publish")  # and counts what it refuses
    first_deliveries = max(delivered - redelivered, 0)
    reading = Reading(
        at, None if refuses else published, acknowledged, first_deliveries, depth.ready, depth.total, consumers
    )
    queue.account.add(reading, loses="dead-letter-exchange" not in definition)
    return Counters(
        at=at,
        arrived=queue.account.arrived,
        arrived_complete=queue.account.complete,
        settled=acknowledged if is_counted else None,
        redelivered=redelivered,
        depth=depth.total,
        removed_unacked=queue.account.removed if is_counted else None,
        removed_unread=queue.account.removed_unread,
    )
