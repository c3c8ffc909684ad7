"""Statuses, verdicts and the views that pages, API and CLI read. Frozen; no sentences, no decisions.

Times are seconds since the epoch, UTC. Rates are messages/s. `None` is unknown, never zero.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from signalbox.brokers.model import BrokerCall, BrokerKind, Capability, Cluster, Destination, Fault, Group, Why
from signalbox.kernel import figures


class Status(StrEnum):
    """The status of a group, partition or destination, most severe first: lists are sorted in this order."""

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


SEVERITY: dict[Status, int] = {status: rank for rank, status in enumerate(Status)}
"""Sort key of a status: the lower, the more severe."""


NEEDS_ATTENTION = frozenset(status for status in Status if SEVERITY[status] <= SEVERITY[Status.BEHIND])


class LinkState(StrEnum):
    CONNECTING = "connecting"  # no answer and no error yet
    CONNECTED = "connected"
    STALE = "stale"  # answered before; the last answer is older than three intervals
    DOWN = "down"


class TimeLagMethod(StrEnum):
    MEASURED = "measured"  # the timestamp of the record at the committed offset
    INTERPOLATED = "interpolated"  # from when our own readings saw that offset being written
    AT_LEAST = "at least"  # older than our readings
    AT_MOST = "at most"  # measured at a record that the group may have read already


class Reason(StrEnum):
    """The fact behind a verdict, where the status leaves it open."""

    BY_AGE = "by age"  # unread messages reach the retention time
    BY_COUNT = "by count"  # new messages push out unread ones
    LOST_ALREADY = "lost already"  # unread messages are already deleted
    LOST_EARLIER = "lost earlier"  # unread messages were deleted, none lately
    LOST_ALL = "lost all"  # all unread messages are deleted, and nothing is left to read
    BATCH = "batch"  # the configuration declares that having no members is normal
    PAUSED = "paused"  # paused at the broker
    UNASSIGNED = "unassigned"  # no member is assigned to the partition, although the group has members
    HISTORY_TOO_SHORT = "history too short"  # our own history is too short for a verdict
    COUNT_ONLY = "count only"  # judged by the trend of a count: no rates, no offsets
    NONE_IN_FLIGHT = "none in flight"  # messages are waiting and none is in flight
    NO_LEADER = "no leader"
    NOT_RUNNING = "not running"  # `detail` has the broker's word for the state
    UNDER_REPLICATED = "under-replicated"
    NEARLY_FULL = "nearly full"
    FULL = "full"  # and new messages are rejected
    COPY_BROKEN = "copy broken"  # a mirror or a source gets no messages
    HOT = "hot"  # one partition receives several times the mean
    CONSUMERS = "consumers"  # consumer groups of the destination need attention; `detail` names the most severe one


LOSS_ENDED = frozenset((Reason.LOST_EARLIER, Reason.LOST_ALL))


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLag:
    """The age of the oldest unread message."""

    seconds: float
    method: TimeLagMethod
    at_least: float = field(default=0.0, compare=False)  # beside "at most": what is proven from below

    @property
    def lower_bound(self) -> float:
        return self.at_least if self.method is TimeLagMethod.AT_MOST else self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The status that the readings showed until `at`, before the last one showed another."""

    status: Status
    at: float  # the last reading that showed it
    time_lag: TimeLag | None = None  # at that reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A status with its beginning, its expected end, and the facts that a sentence needs.

    A status that only the last reading shows is not confirmed: `before` has the one until then. Where that one is kept,
    `newest` has what the last reading shows, and the figures beside the verdict belong to `newest`.
    """

    status: Status
    since: float  # when the status began, as far as we know
    since_exact: bool = True  # False: it was so at the first reading
    until: float | None = None  # when the group has caught up, or loses data
    partition: int | None = None  # the worst partition, if there are several
    destination: str | None = None
    partitions_affected: int = 0  # how many partitions share this status
    lost: int | None = None  # messages already deleted unread
    at_least: bool = False  # not every partition was judged: `partitions_affected` and `lost` are minimums
    lost_at_most: bool = False  # `lost` counts offsets, and some may have held no message
    why: Why = Why.KNOWN
    reason: Reason | None = None
    detail: str = ""  # text from the broker: hostile, escape it
    before: Before | None = None
    newest: "Verdict | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Lag and rates of one group or partition over the last minute."""

    lag: int | None
    lag_partial: bool = False  # some partitions are unknown: the lag is at least this
    lag_at_most: bool = False  # offsets that hold no message may be counted: the lag is at most this
    approximate: bool = False
    time_lag: TimeLag | None = None
    rate_in: float | None = None
    rate_out: float | None = None
    rate_in_at_least: bool = False  # the broker does not count all arrivals
    rates_partial: bool = False  # some partitions are unknown: the rates are at least these
    caught_up_at: float | None = None  # when the slowest partition has caught up at its net rate

    @property
    def lag_bound(self) -> str:
        """Return "at least", "at most" or "about" for a lag that is not exact, else ""."""
        return figures.bound(at_least=self.lag_partial, at_most=self.lag_at_most) if self.lag is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionView:
    destination: str
    partition: int
    verdict: Verdict
    flow: Flow
    settled: int | None
    end: int | None
    start: int | None
    moved_at: float | None  # when `settled` last moved, as far as we know
    member: str | None  # client id of the owner


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """One consumer group as the pages show it. The same object until something in it changes."""

    connection: str
    kind: BrokerKind
    group: Group
    read_at: float
    interval_s: float  # the present reading interval
    verdict: Verdict
    flow: Flow

    @property
    def name(self) -> str:
        return self.group.name


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationView:
    connection: str
    kind: BrokerKind
    destination: Destination
    read_at: float
    interval_s: float
    verdict: Verdict  # its own problem, else that of its consumer groups
    rate_in: float | None
    consumer_groups: tuple[str, ...]  # names of its consumer groups, on the same connection
    loses_at: float | None = None  # when the first consumer group loses messages to retention
    rate_in_at_least: bool = False  # the broker does not count all arrivals, or some partitions are unknown

    @property
    def name(self) -> str:
        return self.destination.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    name: str
    kind: BrokerKind
    link: LinkState
    since: float  # when the link state began
    answered_at: float | None  # when the broker last answered
    error: str = ""  # the problem, a sentence, when down or stale
    hint: str = ""  # what to do now
    fault: str = ""  # the id in the log, if Signalbox itself failed and not the broker
    attempts: int = 0  # failed ones since the last answer
    next_attempt_at: float | None = None
    interval_s: float = 5.0
    watch_interval_s: float | None = None  # of groups on open pages; None: the same
    capabilities: frozenset[Capability] = frozenset()
    cluster: Cluster | None = None
    faults: tuple[Fault, ...] = ()  # the first ones of the last sweep
    fault_count: int = 0  # all of them
    groups_unread: int = 0
    calls: tuple[BrokerCall, ...] = ()
    excluded: int = 0
    groups: int = 0
    groups_ok: int = 0
    groups_attention: int = 0  # of status "behind" or more severe
    destinations: int = 0
    destinations_attention: int = 0  # with a problem of their own, not of their groups
    most_severe: Status = Status.OK  # of all these
    tls_verified: bool = True  # False shows a banner

    @property
    def never_read(self) -> bool:
        """Whether the broker has not answered since Signalbox started: then it is unknown what exists there."""
        return self.answered_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the recent changes: a status or link state that became another.

    `at` is the beginning that the page of the group tells, or, where that lies before the status could be known, such as the
    last progress of a stalled group, the reading that showed it; then `since` has the beginning.
    """

    at: float
    connection: str
    group: str | None  # None: the connection itself
    before: str
    after: Status | LinkState
    detail: str = ""
    since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """History in columns over one time axis, for a chart or sparkline. None is a gap."""

    at: list[float]
    lag: list[float | None]
    lag_at_least: list[float | None]  # instead of `lag` where some partitions were unknown
    rate_in: list[float | None]
    rate_out: list[float | None]
    step_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryUsage:
    """How much space history takes, and whether it is being saved."""

    bytes: int | None  # in the database; None before the first query
    budget_bytes: int
    series: int  # in memory: groups, and partitions of groups that are not ok or watched
    refused: int  # series above the memory limit: not kept
    dropped: int  # samples dropped since the start: the database was not available for an hour
    unreadable: int  # damaged packed hours, left out
    saved_at: float | None
    error: str = ""  # why history cannot be saved now, a sentence
