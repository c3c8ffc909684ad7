"""What needs attention, most urgent first: data loss, then stopped or stalled, then unreachable, then behind."""

from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.judge_destination import needs_attention
from signalbox.monitoring.model import (
    NEEDS_ATTENTION,
    SEVERITY,
    ConnectionView,
    DestinationView,
    GroupView,
    LinkState,
    Status,
)
from signalbox.monitoring.words import Span
from signalbox.web.lists import StatusLabel
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.components import plural, status_label
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.destination_rows import destination_status
from signalbox.web.monitoring.totals import severity_key

ROWS_MAX = 7
ROWS_OF_MANY = 5  # if there are more than ROWS_MAX
NO_RETENTION_LIMIT = "none (no retention limit)"
NO_LOSS = "not within 24 h"  # how far ahead the judge predicts data loss


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionRow:
    status: StatusLabel
    href: str
    name: str
    location: str  # the connection of a group, the broker of a connection
    text: tuple[Span, ...]
    impact: str
    impact_detail: str
    since: float
    since_exact: bool
    data_loss_at: float | None
    data_loss_in: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    key: str
    rows: tuple[AttentionRow, ...]
    total: int
    more_href: str


def attention(context: MonitoringContext) -> Attention:
    groups = sorted(
        (
            view
            for view in context.monitor.groups()
            if view.verdict.status in NEEDS_ATTENTION and not context.is_unreachable(view.connection)
        ),
        key=severity_key,
    )
    losing = [view for view in groups if view.verdict.status is Status.WILL_LOSE_DATA]
    rest = groups[len(losing) :]
    blocked = [view for view in rest if view.verdict.status in {Status.STOPPED, Status.STALLED}]
    behind = rest[len(blocked) :]
    connections = sorted(
        (view for view in context.connections.values() if view.link in {LinkState.DOWN, LinkState.STALE}),
        key=lambda view: view.link is not LinkState.DOWN,
    )
    destinations = sorted(
        (
            view
            for view in context.monitor.destinations()
            if needs_attention(view.verdict) and not context.is_unreachable(view.connection)
        ),
        key=lambda view: (SEVERITY[view.verdict.status], view.connection, view.name),
    )
    by_urgency: list[GroupView | ConnectionView | DestinationView] = [
        *losing,
        *blocked,
        *connections,
        *destinations,
        *behind,
    ]
    total = len(by_urgency)
    rows = (_row(context, view) for view in by_urgency[: ROWS_MAX if total <= ROWS_MAX else ROWS_OF_MANY])
    return Attention(key=keys.OVERVIEW, rows=tuple(rows), total=total, more_href=urls.groups(status="not-ok"))


def _row(context: MonitoringContext, view: GroupView | ConnectionView | DestinationView) -> AttentionRow:
    if isinstance(view, GroupView):
        return _group(context, view)
    return _connection(context, view) if isinstance(view, ConnectionView) else _destination(context, view)


def _destination(context: MonitoringContext, view: DestinationView) -> AttentionRow:
    verdict, messages = view.verdict, view.destination.messages
    sentence, reason = words.destination_sentence(view, context.now), words.destination_reason(view, context.now)
    count = figures.number(messages, approximate=view.destination.approximate)
    return AttentionRow(
        status=status_label(verdict.status, destination_status(view, context.now)),
        href=urls.destination(view.connection, view.name),
        name=view.name,
        location=view.connection,
        text=(*sentence, Span(" "), *reason),
        impact="unknown" if messages is None else f"{count} {'message' if messages == 1 else 'messages'}",
        impact_detail=plural(len(view.consumer_groups), "consumer group"),
        since=verdict.since,
        since_exact=verdict.since_exact,
        data_loss_at=None,
        data_loss_in=figures.UNKNOWN_WORD,
    )


def _group(context: MonitoringContext, view: GroupView) -> AttentionRow:
    verdict, flow = view.verdict, view.flow
    data_loss_at = verdict.until if verdict.status is Status.WILL_LOSE_DATA else None
    lag = f"{flow.lag_bound} {figures.number(flow.lag, approximate=flow.approximate)}".lstrip()
    time_lag = flow.time_lag
    return AttentionRow(
        status=status_label(verdict.status),
        href=urls.group(view.connection, view.name),
        name=view.name,
        location=view.connection,
        text=(*words.group_sentence(view, context.now), Span(" "), *words.group_reason(view, context.now)),
        impact="unknown" if flow.lag is None else f"{lag} {'message' if flow.lag == 1 else 'messages'} waiting",
        impact_detail="" if time_lag is None else f"{figures.duration(time_lag.seconds)} behind, {time_lag.method}",
        since=verdict.since,
        since_exact=verdict.since_exact,
        data_loss_at=data_loss_at,
        data_loss_in=_no_loss(context, view)
        if data_loss_at is None
        else figures.duration(max(0.0, data_loss_at - context.now)),
    )


def _no_loss(context: MonitoringContext, view: GroupView) -> str:
    """Say that no data loss is predicted. Without the retention of every destination that is unknown."""
    found = [context.monitor.destination(view.connection, name) for name in view.group.destinations]
    known = all(
        each is not None and (each.destination.retention is not None or "queue" in each.destination.kind)
        for each in found
    )
    if not known:
        return figures.UNKNOWN_WORD
    limits = [each.destination.retention for each in found if each is not None]
    unlimited = all(limit is not None and not (limit.age_s or limit.size_bytes or limit.messages) for limit in limits)
    return NO_RETENTION_LIMIT if unlimited and limits else NO_LOSS


def _connection(context: MonitoringContext, view: ConnectionView) -> AttentionRow:
    return AttentionRow(
        status=status_label(view.link),
        href=urls.connection(view.name),
        name=view.name,
        location=view.kind.value,
        text=(*words.connection_sentence(view, context.now), Span(" "), *words.connection_reason(view, context.now)),
        impact="unknown",
        impact_detail=_affected_groups(view),
        since=view.since,
        since_exact=True,
        data_loss_at=None,
        data_loss_in="unknown",
    )


def _affected_groups(view: ConnectionView) -> str:
    if view.never_read:
        return "no data yet"
    return f"{plural(view.groups, 'group')} {'unknown' if view.link is LinkState.DOWN else 'stale'}"
