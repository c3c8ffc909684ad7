"""A group as a row of a list, whatever the list. Pure but for the curve, which the monitor keeps in memory."""

from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import Flow, GroupView, LinkState, Status
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.sparks import Spark, spark


@dataclass(frozen=True, slots=True)
class Sign:
    """A status as it is drawn: mark, tone and words."""

    mark: str
    tone: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One group in a list. Texts are ready to be shown, names are not escaped yet."""

    key: str
    href: str
    name: str
    reads: str  # the destination it reads, a name from the broker; "" where that goes without saying
    place: str  # what else there is to say: "12 partitions", "4 consumers"
    connection: str
    connection_href: str
    kind: str
    sign: Sign
    tone: str  # of the curve: only what is not ok has one
    stale: bool
    curve: Spark | None
    lag: str
    at_least: bool
    strong: bool
    time_lag: str
    method: str
    rate_in: str
    rate_out: str
    read_at: float
    interval_s: float


def sign(status: Status | LinkState, told: str = "") -> Sign:
    return Sign(words.mark(status), words.tone(status), told or status.value)


def lag_text(flow: Flow) -> str:
    return figures.count(flow.lag, approximate=flow.approximate)


def group_row(glance: Glance, view: GroupView) -> GroupRow:
    unseen = glance.unseen(view.connection)
    stale = not unseen and glance.stale_group(view)
    status = glance.status_of(view)
    flow = Flow(lag=None) if unseen else view.flow
    told = status.value if unseen else words.status_text(view.verdict, glance.now)
    values = glance.monitor.spark(view.connection, view.name).lag
    return GroupRow(
        key=keys.group(view.connection, view.name),
        href=urls.group(view.connection, view.name),
        name=view.name,
        reads=reads(view),
        place=place(view),
        connection=view.connection,
        connection_href=urls.connection(view.connection),
        kind=view.group.kind,
        sign=sign(status, f"{told}, then" if stale else told),
        tone="" if status is Status.OK or stale else words.tone(status),
        stale=stale,
        curve=spark(values, what="lag"),
        lag=lag_text(flow),
        at_least=flow.lag_partial and flow.lag is not None,
        strong=words.tone(status) == "danger",
        time_lag=figures.UNKNOWN_WORD if flow.time_lag is None else figures.duration(flow.time_lag.seconds),
        method=method(flow),
        rate_in=figures.rate_number(flow.rate_in),
        rate_out=figures.rate_number(flow.rate_out),
        read_at=view.read_at,
        interval_s=view.interval_s,
    )


def method(flow: Flow) -> str:
    """Return how a time lag is known; "" where nothing waits, and there is nothing to measure."""
    return "" if flow.time_lag is None or flow.lag == 0 else flow.time_lag.method.value


def reads(view: GroupView) -> str:
    """Return the first destination that a group reads, or "" where the group is the queue itself."""
    names = view.group.destinations
    return "" if not names or view.kind in {BrokerKind.RABBITMQ, BrokerKind.SQS} else names[0]


def place(view: GroupView) -> str:
    """Say in a few words what else a group reads, and who reads for it."""
    group = view.group
    told = []
    if len(group.destinations) > 1:
        told.append(f"{len(group.destinations) - 1:,} more")
    if view.kind is BrokerKind.KAFKA:
        told.append(plural(len(group.positions), "partition"))
    elif group.member_count is not None:
        told.append("no consumer" if group.member_count == 0 else plural(group.member_count, "consumer"))
    if group.in_flight:
        told.append(f"{figures.count(group.in_flight, approximate=group.approximate)} in flight")
    return ", ".join(told)


def plural(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
