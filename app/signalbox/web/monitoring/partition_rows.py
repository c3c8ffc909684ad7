"""The partitions of a group: not ok first, then by number, so that rows move only when a status changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import SEVERITY, GroupView, PartitionView, Status
from signalbox.monitoring.words import Span
from signalbox.web import urls
from signalbox.web.lists import StatusLabel
from signalbox.web.monitoring.components import plural, status_label
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.group_rows import time_lag_method

ROWS_MAX = 100  # of the live table; the API lists all partitions


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRow:
    destination: str  # "" if the group has only one
    partition: int
    status: StatusLabel
    reason: Sequence[Span]
    lag: str
    bound: str  # "at most", or ""
    not_ok: bool
    time_lag: str
    method: str
    rate_in: str
    rate_out: str
    committed_offset: str
    end_offset: str
    moved_at: float | None
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionTable:
    key: str
    total: int
    not_ok: int
    rows: tuple[PartitionRow, ...]
    rest: str  # what the rows above ROWS_MAX are, or ""
    rest_lag: str
    all_href: str
    several_destinations: bool
    stale: bool


def partition_table(context: MonitoringContext, view: GroupView) -> PartitionTable:
    partitions = context.partitions(view)
    no_member = figures.UNKNOWN_WORD if view.group.members is None else "none"
    stale = context.is_unreachable(view.connection) or context.is_stale_group(view)
    ordered = sorted(partitions, key=lambda p: (SEVERITY[p.verdict.status], p.destination, p.partition))
    rest = ordered[ROWS_MAX:]
    several = len({p.destination for p in partitions}) > 1
    return PartitionTable(
        key=keys.group(view.connection, view.name),
        total=len(ordered),
        not_ok=_count_not_ok(ordered),
        rows=tuple(
            _row(p, view.kind, context.now, several=several, stale=stale, no_member=no_member)
            for p in ordered[:ROWS_MAX]
        ),
        rest=_rest(rest),
        rest_lag=_total_lag(rest),
        all_href=urls.api("groups", view.connection, view.name, "partitions"),
        several_destinations=several,
        stale=stale,
    )


def _row(
    view: PartitionView, kind: BrokerKind, now: float, *, several: bool, stale: bool, no_member: str
) -> PartitionRow:
    flow, status = view.flow, view.verdict.status
    return PartitionRow(
        destination=view.destination if several else "",
        partition=view.partition,
        status=status_label(status, words.status_text(view.verdict, now), stale=stale),
        reason=words.partition_reason(view, kind, now),
        lag=figures.number(flow.lag, approximate=flow.approximate),
        bound=flow.lag_bound,
        not_ok=status is not Status.OK,
        time_lag=figures.UNKNOWN_WORD if flow.time_lag is None else figures.duration(flow.time_lag.seconds),
        method=time_lag_method(flow),
        rate_in=figures.rate_number(flow.rate_in, decimal=True),
        rate_out=figures.rate_number(flow.rate_out, decimal=True),
        committed_offset=_committed_offset(view, kind),
        end_offset=figures.number(view.end),
        moved_at=view.moved_at,
        member=view.member or no_member,
    )


def _committed_offset(view: PartitionView, kind: BrokerKind) -> str:
    known_empty = view.settled is None and view.flow.lag == 0 and kind is BrokerKind.KAFKA
    return "none" if view.verdict.status is Status.NEVER_COMMITTED or known_empty else figures.number(view.settled)


def _count_not_ok(views: Sequence[PartitionView]) -> int:
    return sum(view.verdict.status is not Status.OK for view in views)


def _rest(views: Sequence[PartitionView]) -> str:
    if not views:
        return ""
    not_ok = _count_not_ok(views)
    return f"{plural(len(views), 'more partition')}, " + (f"{not_ok:,} not ok" if not_ok else "all ok")


def _total_lag(views: Sequence[PartitionView]) -> str:
    lags = [view.flow.lag for view in views if view.flow.lag is not None]
    total = figures.number(sum(lags) if lags else None)
    return f"at least {total}" if lags and len(lags) < len(views) else total
