"""A consumer group as a row of any list."""

from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import Flow, GroupView, Status
from signalbox.web.lists import StatusLabel
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.components import plural, status_label
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.sparkline import Sparkline, sparkline
from signalbox.web.monitoring.totals import Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One group in a list. Names are not escaped yet."""

    key: str
    href: str
    name: str
    destination: str  # the first one; "" where the group is the queue itself
    detail: str  # "12 partitions", "4 consumers"
    connection: str
    connection_href: str
    kind: str
    status: StatusLabel
    tone: str  # of the sparkline; "" if ok
    stale: bool
    lag_history: Sparkline | None
    lag: str
    bound: str  # "at least", "at most", "about", or ""
    severe: bool
    time_lag: str
    method: str
    rate_in: str
    rate_out: str
    rate_in_at_least: bool
    rate_out_at_least: bool
    read_at: float
    interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """One row for several groups of the same status."""

    text: str
    detail: str = ""
    href: str
    lag: str
    bound: str
    rate_in: str
    rate_in_at_least: bool
    rate_out: str
    rate_out_at_least: bool
    read_at: float | None


def group_row(context: MonitoringContext, view: GroupView) -> GroupRow:
    unreachable = context.is_unreachable(view.connection)
    stale = not unreachable and context.is_stale_group(view)
    status = context.status_of(view)
    flow = Flow(lag=None) if unreachable else view.flow
    status_text = status.value if unreachable else words.status_text(view.verdict, context.now)
    return GroupRow(
        key=keys.group(view.connection, view.name),
        href=urls.group(view.connection, view.name),
        name=view.name,
        destination=_destination(view),
        detail=_detail(view),
        connection=view.connection,
        connection_href=urls.connection(view.connection),
        kind=view.group.kind,
        status=status_label(status, status_text, stale=stale),
        tone="" if status is Status.OK or stale else words.tone(status),
        stale=stale,
        lag_history=sparkline(context.monitor.spark(view.connection, view.name), context.now, label="lag"),
        lag=figures.number(flow.lag, approximate=flow.approximate),
        bound=flow.lag_bound,
        severe=words.tone(status) == "danger",
        time_lag=figures.UNKNOWN_WORD if flow.time_lag is None else figures.duration(flow.time_lag.seconds),
        method=time_lag_method(flow),
        rate_in=figures.rate_number(flow.rate_in),
        rate_out=figures.rate_number(flow.rate_out),
        rate_in_at_least=flow.rate_in is not None and (flow.rate_in_at_least or flow.rates_partial),
        rate_out_at_least=flow.rate_out is not None and flow.rates_partial,
        read_at=view.read_at,
        interval_s=view.interval_s,
    )


def summary_row(text: str, href: str, total: Totals, *, detail: str = "") -> SummaryRow:
    return SummaryRow(
        text=text,
        detail=detail,
        href=href,
        lag=figures.number(total.lag, approximate=total.approximate),
        bound=total.lag_bound,
        rate_in=figures.rate_number(total.rate_in),
        rate_in_at_least=total.rate_in_at_least,
        rate_out=figures.rate_number(total.rate_out),
        rate_out_at_least=total.rate_out_at_least,
        read_at=total.oldest_read_at,
    )


def time_lag_method(flow: Flow) -> str:
    """Return how the time lag was found; "" without lag."""
    return "" if flow.time_lag is None or flow.lag == 0 else flow.time_lag.method.value


def _destination(view: GroupView) -> str:
    names = view.group.destinations
    return "" if not names or view.kind in {BrokerKind.RABBITMQ, BrokerKind.SQS} else names[0]


def _detail(view: GroupView) -> str:
    group = view.group
    parts = []
    if len(group.destinations) > 1:
        parts.append(f"{len(group.destinations) - 1:,} more")
    if view.kind is BrokerKind.KAFKA:
        parts.append(plural(len(group.positions), "partition"))
    elif group.member_count is not None:
        parts.append("no consumers" if group.member_count == 0 else plural(group.member_count, "consumer"))
    if group.in_flight:
        parts.append(f"{figures.number(group.in_flight, approximate=group.approximate)} in flight")
    return ", ".join(parts)
