"""What a broker tells, as frozen facts. No client library, no words for people, no decisions.

Unknown is a value: `None` in a field, `UNKNOWN` (-1) in a column, and never zero.
Times are seconds since the epoch (UTC) by our own clock unless a field says "broker's clock"; sizes are bytes.
Names are whatever UTF-8 the broker gave: hostile input to whoever shows them.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

UNKNOWN = -1
"""In a column of positions or counts: not known. The row's `Why` says why."""


class BrokerKind(StrEnum):
    """The kinds of broker that Signalbox reads."""

    KAFKA = "kafka"
    RABBITMQ = "rabbitmq"
    NATS = "nats"
    SQS = "sqs"


class Capability(StrEnum):
    """What a screen or service may ask of a broker beyond the roles that every broker fills."""

    TIME_LAG = "time lag"  # the time of the oldest unread message can be read (port.Inspector.oldest_unread)
    PARTITIONS = "partitions"  # destinations have partitions with positions of their own
    RATES = "rates"  # what came in and what was settled are counted
    MEMBERS = "members"  # who reads is told


class Why(StrEnum):
    """Why a figure is not known, or what is special about it. A state of its own, never a zero."""

    KNOWN = "known"
    NEVER_COMMITTED = "never committed"
    BEYOND_END = "beyond end"
    NOT_PERMITTED = "not permitted"
    NO_LEADER = "no leader"
    NO_ANSWER = "no answer"  # late, refused, or in transit to another node: ask again
    NOT_REPORTED = "not reported"  # this broker has no such figure


class GroupState(StrEnum):
    """What the broker says of a consumer group."""

    ACTIVE = "active"  # has members, or is asked for messages
    EMPTY = "empty"  # nobody reads just now (a Kafka consumer by assign() looks like this too: judge by commits)
    REBALANCING = "rebalancing"
    PAUSED = "paused"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """How much one snapshot tried to read."""

    FULL = "full"
    WATCHED = "watched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One resource that could not be read this time, with the reason in a sentence free of secrets."""

    resource: str  # "group payments", "broker 3", "partition 7 of orders"
    why: Why
    detail: str  # what the broker said, or which right is missing
    group: str | None = None  # set when the resource is one group
    destination: str | None = None  # set when the resource is one destination


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerCall:
    """How one kind of question was asked last: the rows of "How it is read" on a connection's page."""

    request: str  # "OffsetFetch", "GET /api/queues", "CONSUMER.INFO"
    interval_s: float  # the interval aimed at, in seconds
    duration_s: float
    at: float
    rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A server of the cluster."""

    id: str
    address: str
    running: bool | None  # None = not known
    controller: bool = False  # Kafka: leads the quorum; JetStream: the meta leader
    note: str = ""  # "fenced", "memory alarm", "2 of 3 partitions lead here"
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimit:
    """What an account or node may use, and uses: JetStream's account limits, a node's disk watermark."""

    name: str
    used: int | None
    maximum: int | None  # None = no limit
    unit: str  # "bytes", "streams", "consumers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The cluster's own health, as of `read_at`."""

    read_at: float
    product: str  # "Apache Kafka", "RabbitMQ", "NATS", "Amazon SQS"
    version: str | None
    nodes: tuple[Node, ...] | None  # None = not told
    under_replicated: int | None = None  # partitions (queues, streams) that lack a copy
    offline: int | None = None  # partitions (queues, streams) that nobody leads
    alarms: tuple[str, ...] = ()  # "memory alarm on rabbit@a: publishers are blocked"
    limits: tuple[ResourceLimit, ...] = ()
    missing_rights: tuple[str, ...] = ()  # "DESCRIBE on the cluster: groups may be hidden"
    notes: tuple[str, ...] = ()  # what is missing without being wrong: "the management plugin is not there: ..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Partitions:
    """A destination's partitions, in columns, one row a partition. UNKNOWN where not known; `why` says why.

    A queue, and a JetStream stream, have one row. Positions: `end` is the next to be written, `start` the oldest kept.
    """

    index: "array[int]"  # 'i'
    leader: "array[int]"  # 'i', a node's id or UNKNOWN
    start: "array[int]"  # 'q'
    end: "array[int]"  # 'q'
    stable: "array[int]"  # 'q', Kafka's last stable offset; UNKNOWN where there are no transactions
    why: tuple[Why, ...]
    replicas: tuple[tuple[int, ...], ...] = ()  # per row, node ids; () where the broker does not tell
    in_sync: tuple[tuple[int, ...], ...] = ()
    size_bytes: "array[int] | None" = None  # 'q', one copy

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long a destination keeps. None = no limit of that sort."""

    age_s: float | None = None
    size_bytes: int | None = None
    messages: int | None = None
    policy: str = ""  # "delete", "compact", "workqueue", "interest", "until acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A topic, queue or stream."""

    name: str
    kind: str  # "topic", "classic queue", "quorum queue", "stream", "standard queue", "FIFO queue"
    identity: str  # changes when it is deleted and made anew: topic id, creation time; the name where there is none
    partitions: Partitions | None  # None for queues without positions
    internal: bool = False
    messages: int | None = None  # kept (log) or waiting in all (queue)
    size_bytes: int | None = None
    retention: Retention | None = None
    arrived: int | None = None  # counter of all that ever came in; a fall means that it was reset
    approximate: bool = False  # SQS: the counts are the broker's guess
    state: str = "running"  # as the broker names it: "running", "down", "minority", "no leader"
    healthy: bool | None = True  # False = that state asks for a person; None = not known
    why: Why = Why.KNOWN
    settings: Mapping[str, str] = field(default_factory=dict)  # what else it tells, bounded: "max length" -> "1000"
    dead_letters_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One client that reads for a group."""

    id: str
    client: str
    host: str
    assigned: Mapping[str, tuple[int, ...]]  # destination -> partitions; empty while rebalancing or for queues
    note: str = ""  # "prefetch 50", "must still give up orders 3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Where a group stands, in columns, one row a partition that it has committed to or owns.

    `destination[i]` indexes `names`. `settled` counts what is done with (Kafka: the committed offset; JetStream: last sequence
    minus lag; RabbitMQ: acknowledged), `arrived` what came in (the end offset). Both are counters: their differences are
    rates, a fall of `arrived` is a reset. `lag` is in messages. UNKNOWN where not known, and `why` says why.
    """

    names: tuple[str, ...]
    destination: "array[int]"  # 'i'
    partition: "array[int]"  # 'i'
    settled: "array[int]"  # 'q'
    arrived: "array[int]"  # 'q'
    lag: "array[int]"  # 'q'
    why: tuple[Why, ...] | None = None  # None = every row KNOWN
    start: "array[int] | None" = None  # 'q', log start: settled below it = lost
    stable: "array[int] | None" = None  # 'q', last stable offset, where it differs from arrived

    def __len__(self) -> int:
        return len(self.partition)

    def row_why(self, row: int) -> Why:
        return Why.KNOWN if self.why is None else self.why[row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A consumer group as one reading found it. An unchanged group may be the same object as last time."""

    name: str
    kind: str  # "classic", "new protocol", "share", "streams", "queue consumers", "pull consumer", "push consumer"
    state: GroupState
    positions: Positions
    lag: int | None  # messages over all rows that are known; None if none is
    lag_partial: bool = False  # rows are missing or unknown: the lag is at least this
    approximate: bool = False
    state_text: str = ""  # the broker's own word: "PreparingRebalance", "at max ack pending"
    members: tuple[Member, ...] | None = None  # None = not told or not yet read
    member_count: int | None = None
    members_at: float | None = None
    coordinator: str | None = None
    in_flight: int | None = None  # handed out, not settled: unacked, ack pending, not visible
    waiting: int | None = None  # not handed out yet: ready, num_pending, visible
    delayed: int | None = None  # SQS
    redelivered: int | None = None  # counted or "now in redelivery": see the adapter
    removed_unacked: int | None = None  # RabbitMQ: rejected, expired, dropped, or settled and not counted; a counter
    why: Why = Why.KNOWN
    notes: tuple[
        str, ...
    ] = ()  # facts for a person: "compacted: at most this many", "read by AMQP: its lag is unknown"

    @property
    def destinations(self) -> tuple[str, ...]:
        return self.positions.names


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One reading. Holds only what was answered this time; what was not is in `faults` or simply absent.

    Absent is not gone: only `gone_*` names were confirmed gone, by the rule of their adapter.
    """

    scope: Scope
    requested_at: float  # when positions of groups were asked for: the time that belongs to `settled`
    read_at: float  # when the last answer came: the time that belongs to `arrived`
    groups: Mapping[str, Group]
    destinations: Mapping[str, Destination]
    cluster: Cluster | None = None  # None = not asked this time
    gone_groups: frozenset[str] = frozenset()
    gone_destinations: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()
    calls: tuple[BrokerCall, ...] = ()
    excluded: int = 0  # internal or excluded destinations and groups that were left out


@dataclass(frozen=True, slots=True, kw_only=True)
class OldestUnread:
    """The time of the oldest message that a group has not read on one partition, by the broker's clock."""

    destination: str
    partition: int
    at: float
    exact: bool  # False: the time lag is at most what follows from it


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is published and received. Bounded by the broker's own limit; the body is never interpreted here."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationSpec:
    """A destination that must exist: what the demo, the tests and the runtime ensure."""

    name: str
    partitions: int = 1
    replicas: int = 1
    groups: tuple[str, ...] = ()  # JetStream: durable consumers; elsewhere a group comes to be by reading
    settings: Mapping[str, str] = field(default_factory=dict)  # broker's own words: {"x-queue-type": "quorum"}
