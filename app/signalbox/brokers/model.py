"""Facts reported by brokers, frozen and independent of client libraries. Unknown is `None` in a field, `UNKNOWN` in a column; never 0.

Times are epoch seconds (UTC) by our clock unless a field says "broker's clock". Names are any UTF-8: escape them before display.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

UNKNOWN = -1
"""Marks an unknown value in a column of positions or counts. The row's `Why` gives the reason."""


class BrokerKind(StrEnum):
    KAFKA = "kafka"
    RABBITMQ = "rabbitmq"
    NATS = "nats"
    SQS = "sqs"


class Capability(StrEnum):
    """Optional features of a broker, beyond the roles in port.py."""

    TIME_LAG = "time lag"  # port.Inspector.oldest_unread returns the time of the oldest unread message
    PARTITIONS = "partitions"  # destinations have partitions with their own positions
    RATES = "rates"  # arrived and settled messages are counted
    MEMBERS = "members"  # the broker lists the members of a group


class Why(StrEnum):
    """Why a value is unknown or needs attention."""

    KNOWN = "known"
    NEVER_COMMITTED = "never committed"
    BEYOND_END = "beyond end"  # the committed offset is past the end of the log
    NOT_PERMITTED = "not permitted"
    NO_LEADER = "no leader"
    NO_ANSWER = "no answer"  # late, refused, or moving to another node: retry
    NOT_REPORTED = "not reported"  # this broker does not report the value


class GroupState(StrEnum):
    """The state of a consumer group as the broker reports it."""

    ACTIVE = "active"  # has members, or clients that request messages
    EMPTY = "empty"  # no members (a Kafka consumer that uses assign() looks the same: check its commits)
    REBALANCING = "rebalancing"
    PAUSED = "paused"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    FULL = "full"
    WATCHED = "watched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One resource that a sweep could not read."""

    resource: str  # "group payments", "broker 3", "partition 7 of orders"
    why: Why
    detail: str  # the broker's message or the missing permission, without secrets
    group: str | None = None  # set when the resource is one group
    destination: str | None = None  # set when the resource is one destination


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerCall:
    """The last call of one kind of request: a row of "Data collection" on a connection's page."""

    request: str  # "OffsetFetch", "GET /api/queues", "CONSUMER.INFO"
    interval_s: float  # the interval aimed at, in seconds
    duration_s: float
    at: float
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    id: str
    address: str
    running: bool | None  # None = unknown
    controller: bool = False  # Kafka: the active controller; JetStream: the meta leader
    note: str = ""  # "fenced", "memory alarm", "2 of 3 partitions lead here"
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimit:
    """A limit of an account or node and its current use, such as a JetStream account limit or a node's memory."""

    name: str
    used: int | None
    maximum: int | None  # None = no limit
    unit: str  # "bytes", "streams", "consumers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The health of the cluster at `read_at`."""

    read_at: float
    product: str  # "Apache Kafka", "RabbitMQ", "NATS", "Amazon SQS"
    version: str | None
    nodes: tuple[Node, ...] | None  # None = not reported
    under_replicated: int | None = None  # partitions, queues or streams that lack a replica
    offline: int | None = None  # partitions, queues or streams without a leader
    alarms: tuple[str, ...] = ()  # "memory alarm on rabbit@a: publishers are blocked"
    limits: tuple[ResourceLimit, ...] = ()
    missing_permissions: tuple[str, ...] = ()  # "DESCRIBE on the cluster: groups may be hidden"
    notes: tuple[str, ...] = ()  # missing data that is no fault: "The management API is unavailable: ..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Partitions:
    """A destination's partitions in columns, one row per partition. UNKNOWN values have their reason in `why`.

    A queue or JetStream stream has one row. `end` is the next position to be written, `start` the oldest retained one.
    """

    index: "array[int]"  # 'i'
    leader: "array[int]"  # 'i', node id or UNKNOWN
    start: "array[int]"  # 'q'
    end: "array[int]"  # 'q'
    stable: "array[int]"  # 'q', Kafka's last stable offset; UNKNOWN where there are no transactions
    why: tuple[Why, ...]
    replicas: tuple[tuple[int, ...], ...] = ()  # node ids per row; () = not reported
    in_sync: tuple[tuple[int, ...], ...] = ()
    size_bytes: "array[int] | None" = None  # 'q', one replica

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionLimits:
    """The retention of a destination. None = no limit."""

    age_s: float | None = None
    size_bytes: int | None = None
    messages: int | None = None
    policy: str = ""  # "delete", "compact", "workqueue", "interest", "until acknowledged"
    rejects: bool = False  # at the limit new messages are rejected; False: old ones are deleted, or not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A stream that a destination copies messages from, as the copying broker reports it."""

    name: str
    mirror: bool  # False: one of several sources
    lag: int | None = None  # messages that are not copied yet
    silent_s: float | None = None  # since the last contact; None: in contact
    never_contacted: bool = False
    error: str = ""  # the broker's words
    external: bool = False  # in another account or domain

    @property
    def broken(self) -> bool:
        return bool(self.error) or self.silent_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A topic, queue or stream."""

    name: str
    kind: str  # "topic", "classic queue", "quorum queue", "stream", "standard queue", "FIFO queue"
    identity: str  # changes when the destination is recreated: topic id or creation time, else the name
    partitions: Partitions | None  # None for queues without positions
    internal: bool = False
    messages: int | None = None  # retained (log) or ready plus in flight (queue)
    size_bytes: int | None = None
    retention: RetentionLimits | None = None
    arrived: int | None = None  # counter of all published messages; a decrease is a reset
    arrived_at_least: bool = False  # the broker does not count all arrivals
    counted_at: float | None = None  # when `arrived` was read, if that is earlier than the rest
    messages_at_most: bool = False  # offsets that hold no message are counted in `messages`
    approximate: bool = False  # SQS: the counts are approximate
    state: str = "running"  # the broker's word: "running", "down", "minority", "no leader"
    healthy: bool | None = True  # None = unknown
    why: Why = Why.KNOWN
    settings: Mapping[str, str] = field(default_factory=dict)  # further settings, bounded: "max length" -> "1000"
    dead_letters_to: str | None = None
    origins: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One client of a consumer group."""

    id: str
    client: str
    host: str
    # destination -> partitions; empty while rebalancing or for queues, None = it cannot be decoded
    assigned: Mapping[str, tuple[int, ...]] | None
    note: str = ""  # "prefetch 50", "must still give up orders 3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """A group's positions in columns, one row per partition that it has committed to or owns.

    `destination[i]` indexes `names`. `settled` counts finished messages (Kafka: committed offset; JetStream: last sequence
    minus lag; RabbitMQ: acknowledged), `arrived` published ones (end offset). Both are counters: their differences are
    rates, and a decrease of `arrived` is a reset. `lag` is in messages. UNKNOWN values have their reason in `why`.
    """

    names: tuple[str, ...]
    destination: "array[int]"  # 'i'
    partition: "array[int]"  # 'i'
    settled: "array[int]"  # 'q'
    arrived: "array[int]"  # 'q'
    lag: "array[int]"  # 'q'
    why: tuple[Why, ...] | None = None  # None = every row KNOWN
    start: "array[int] | None" = None  # 'q', log start: a settled position below it means data loss
    stable: "array[int] | None" = None  # 'q', last stable offset where it differs from arrived
    first_unread: "array[int] | None" = None  # 'q', the first offset that may hold an unread message; None = settled
    deleted: "array[int] | None" = None  # 'q', of messages between settled and start, at most; None = all are messages
    counted_at: float | None = None  # when `settled` and `arrived` were read, if that is earlier than `lag`
    counted_lag: "array[int] | None" = None  # 'q', the lag at that time
    lost: "array[int] | None" = (
        None  # 'q', counter: unread messages that were deleted, at least; then `settled` is no position
    )

    def __len__(self) -> int:
        return len(self.partition)

    def row_why(self, row: int) -> Why:
        return Why.KNOWN if self.why is None else self.why[row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A consumer group in one reading. An unchanged group may be the same object as in the previous reading."""

    name: str
    kind: str  # "classic", "new protocol", "share", "streams", "queue consumers", "pull consumer", "push consumer"
    state: GroupState
    positions: Positions
    lag: int | None  # messages, summed over the known rows; None = no row is known
    lag_partial: bool = False  # some rows are unknown: the lag is at least this
    lag_at_most: bool = False  # offsets that hold no message may be counted: the lag of the known rows is at most this
    approximate: bool = False
    state_text: str = ""  # the broker's own word: "PreparingRebalance", "at max ack pending"
    members: tuple[Member, ...] | None = None  # None = not reported or not read yet
    member_count: int | None = None
    members_at: float | None = None
    coordinator: str | None = None
    in_flight: int | None = None  # delivered, not acknowledged (SQS: not visible)
    waiting: int | None = None  # not delivered yet: ready, num_pending, visible
    delayed: int | None = None  # SQS
    redelivered: int | None = None  # a counter or the current number: see the adapter
    dead_lettering: int | None = None  # RabbitMQ: rejected or expired, not yet confirmed by the dead letter queue
    removed_unacked: int | None = None  # RabbitMQ counter: rejected, expired, dropped, or acknowledged and not counted
    arrived_at_least: bool = False  # the broker does not count all arrivals
    why: Why = Why.KNOWN
    notes: tuple[str, ...] = ()  # sentences, such as "compacted: at most this many"

    @property
    def destinations(self) -> tuple[str, ...]:
        return self.positions.names


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The answers of one sweep. Resources that did not answer are in `faults` or absent.

    Absent does not mean deleted: only the names in `gone_*` are, by the rule that each adapter documents.
    """

    scope: Scope
    requested_at: float  # when group positions were requested: the time of `settled`
    read_at: float  # when the last answer came: the time of `arrived`
    groups: Mapping[str, Group]
    destinations: Mapping[str, Destination]
    cluster: Cluster | None = None  # None = not requested this time
    gone_groups: frozenset[str] = frozenset()
    gone_destinations: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()
    calls: tuple[BrokerCall, ...] = ()
    excluded: int = 0  # internal or excluded destinations and groups


@dataclass(frozen=True, slots=True, kw_only=True)
class OldestUnread:
    """The time of the oldest message that a group has not read on one partition.

    By our clock where the broker tells its own (clock_skew.py), else by the clock that stamped the message.
    """

    destination: str
    partition: int
    at: float
    exact: bool  # False: the time lag computed from it is an upper bound, or with `at_least` a lower one
    at_least: bool = False
    position: int | None = None  # the position that the time belongs to; None = the one of the last reading
    not_after: float | None = (
        None  # beside an upper bound: this message is unread too, so the oldest is at least as old
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to publish or a received one. The body is not interpreted here; the broker limits its size."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationSpec:
    """A destination that `Provisioner.ensure` creates."""

    name: str
    partitions: int = 1
    replicas: int = 1
    groups: tuple[str, ...] = ()  # JetStream: durable consumers; other brokers create a group when it reads
    settings: Mapping[str, str] = field(default_factory=dict)  # in the broker's terms: {"x-queue-type": "quorum"}
