"""Facts about how things flow: statuses, verdicts and the views that pages, API and CLI read. Frozen, no words, no decisions.

Times are seconds since the epoch, UTC. Rates are messages a second. `None` is unknown, never zero.
"""

from dataclasses import dataclass
from enum import StrEnum

from signalbox.brokers.model import BrokerCall, BrokerKind, Capability, Cluster, Destination, Fault, Group, Why


class Status(StrEnum):
    """How a group, partition or destination flows. The order is dearest first: the order of a list of trouble."""

    WILL_LOSE_DATA = "will lose data"
    STOPPED = "stopped"
    STALLED = "stalled"
    HELD_BACK = "held back"
    PAST_END = "offset past end"
    REWOUND = "rewound"
    BEHIND = "behind"
    NEVER_COMMITTED = "never committed"
    UNKNOWN = "unknown"
    NOT_PERMITTED = "not permitted"
    REBALANCING = "rebalancing"
    CATCHING_UP = "catching up"
    NO_MEMBERS = "no members"
    OK = "ok"


class Link(StrEnum):
    """How a connection is."""

    CONNECTING = "connecting"  # never answered yet, and not yet refused
    CONNECTED = "connected"
    STALE = "stale"  # answered before; the last answer is older than three intervals
    DOWN = "down"


class Method(StrEnum):
    """How a time lag was found."""

    MEASURED = "measured"  # the time of the record at the position
    INTERPOLATED = "interpolated"  # when our own history saw the position written
    AT_LEAST = "at least"  # older than our history reaches
    AT_MOST = "at most"  # measured at a record that may have been read already


class Reason(StrEnum):
    """Which fact a verdict rests on, where its status alone leaves that open."""

    BY_AGE = "by age"  # unread messages grow older than their destination keeps them
    BY_COUNT = "by count"  # newer messages push unread ones out
    LOST_ALREADY = "lost already"  # the oldest unread ones are deleted, and more wait
    BATCH = "batch"  # the configuration says that nobody reading is normal
    PAUSED = "paused"  # somebody paused it at the broker
    HISTORY_TOO_SHORT = "history too short"  # our own history is too short to tell
    COUNT_ONLY = "count only"  # judged by the trend of a count; there are no rates and no positions
    NONE_IN_FLIGHT = "none in flight"  # messages wait and none is handed out
    NO_LEADER = "no leader"
    NOT_RUNNING = "not running"  # the broker's own word for its state is in `detail`
    UNDER_REPLICATED = "under-replicated"
    NEARLY_FULL = "nearly full"
    HOT = "hot"  # one partition takes several times the mean


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLag:
    """How old the oldest unread message is."""

    seconds: float
    method: Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is so, since when, and until when; with the facts that a sentence needs."""

    status: Status
    since: float  # when this status began, as far as we saw
    since_exact: bool = True  # False: it was so when we first looked
    until: float | None = None  # when it ends by itself: caught up, or data lost
    partition: int | None = None  # the dearest partition, where one is to blame
    destination: str | None = None
    partitions_affected: int = 0  # how many partitions share this status
    lost: int | None = None  # messages already deleted unread
    why: Why = Why.KNOWN
    reason: Reason | None = None
    detail: str = ""  # what the broker said, hostile: escape it


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The figures of one group or partition over the last minute."""

    lag: int | None
    lag_partial: bool = False  # at least this: rows are unknown
    approximate: bool = False
    time_lag: TimeLag | None = None
    rate_in: float | None = None
    rate_out: float | None = None
    drained_at: float | None = None  # at the net rate of the slowest partition


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionView:
    """One partition of one group."""

    destination: str
    partition: int
    verdict: Verdict
    flow: Flow
    settled: int | None
    end: int | None
    start: int | None
    moved_at: float | None  # when `settled` last moved, as far as we saw
    member: str | None  # client id of the owner


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """One consumer group as the pages draw it. The same object until something in it changes."""

    connection: str
    kind: BrokerKind
    group: Group
    read_at: float
    interval_s: float  # how often it is read just now: age > 3 of these is stale
    verdict: Verdict
    flow: Flow

    @property
    def name(self) -> str:
        return self.group.name


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationView:
    """One destination as the pages draw it."""

    connection: str
    kind: BrokerKind
    destination: Destination
    read_at: float
    interval_s: float
    verdict: Verdict  # ok, behind (grows, lacks a copy, hot), will lose data, unknown, not permitted
    rate_in: float | None
    readers: tuple[str, ...]  # names of the groups that read it, on the same connection
    loses_at: float | None = None  # when a reader first loses records to retention

    @property
    def name(self) -> str:
        return self.destination.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """One connection as the pages draw it."""

    name: str
    kind: BrokerKind
    link: Link
    since: float  # when the link became so
    answered_at: float | None  # when it last answered
    error: str = ""  # what was found, a sentence, when down or stale
    do: str = ""  # what to do about it
    attempts: int = 0  # failed ones since the last answer
    next_attempt_at: float | None = None
    interval_s: float = 5.0
    watch_interval_s: float | None = None  # of what a page shows; None: as often as everything
    capabilities: frozenset[Capability] = frozenset()
    cluster: Cluster | None = None
    faults: tuple[Fault, ...] = ()  # of the last sweep
    calls: tuple[BrokerCall, ...] = ()
    excluded: int = 0
    groups: int = 0
    groups_ok: int = 0
    destinations: int = 0
    tls_verified: bool = True  # False shows a banner

    @property
    def unread(self) -> bool:
        """Whether it has not answered since Signalbox started: then nobody knows what is there and what is gone."""
        return self.answered_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of "What changed": a verdict or a link that became another."""

    at: float
    connection: str
    group: str | None  # None: the connection itself
    before: str
    after: Status | Link
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """History in columns on one time axis, for a chart or sparkline. None is a gap: nothing was known then."""

    at: list[float]
    lag: list[float | None]
    rate_in: list[float | None]
    rate_out: list[float | None]
    step_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What history takes, and whether it is being kept."""

    bytes: int | None  # in the database; None before it was first asked
    budget_bytes: int
    series: int  # in memory: groups, and partitions of groups that are not ok or watched
    refused: int  # series beyond what memory may hold: not kept
    dropped: int  # samples given up since the start, because the database could not take them for an hour
    unreadable: int  # packed hours that were damaged and left out
    saved_at: float | None
    error: str = ""  # why it cannot be saved just now, a sentence
