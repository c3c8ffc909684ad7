"""The overview: the state of everything, what needs attention, each connection, recent changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import ConnectionView, GroupView, LinkState, Status
from signalbox.monitoring.words import Span
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.attention import Attention, attention
from signalbox.web.monitoring.change_rows import ChangeRow, change_rows
from signalbox.web.monitoring.components import plural
from signalbox.web.monitoring.connection_list import GROUP_NOUNS, ConnectionRow, connection_row, current_totals
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.flow_diagram import FlowDiagram, flow_diagrams
from signalbox.web.monitoring.group_rows import GroupRow, SummaryRow, group_row, summary_row
from signalbox.web.monitoring.totals import most_severe_first, totals_of

ROWS_MAX = 5  # of groups that are not ok, per connection; one row sums up the others
ROWS_IN_ALL_MAX = 120  # a page may watch 200 fragments
SHOW_ALL_UP_TO = 12  # groups in all: then ok groups have rows too
CHANGES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewHead:
    key: str
    sentence: tuple[Span, ...]
    reason: tuple[Span, ...]
    diagrams: tuple[FlowDiagram, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRows:
    """The last rows of a connection: groups without a row of their own. One live fragment."""

    key: str
    name: str
    rows: tuple[SummaryRow, ...]
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSection:
    connection: ConnectionRow
    groups: tuple[GroupRow, ...]
    summary: SummaryRows


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    head: OverviewHead
    attention: Attention
    sections: tuple[ConnectionSection, ...]
    groups: int
    not_ok: int
    changes: tuple[ChangeRow, ...]


def overview(context: MonitoringContext) -> OverviewPage:
    groups = context.monitor.groups()
    return OverviewPage(
        head=overview_head(context),
        attention=attention(context),
        sections=tuple(_section(context, view) for view in context.connections.values()),
        groups=len(groups),
        not_ok=sum(context.status_of(view) is not Status.OK for view in groups),
        changes=change_rows(context.monitor.changes(CHANGES_SHOWN), show_connection=len(context.connections) > 1),
    )


def overview_head(context: MonitoringContext) -> OverviewHead:
    connections, groups = list(context.connections.values()), context.monitor.groups()
    return OverviewHead(
        key=keys.OVERVIEW,
        sentence=words.overview_sentence(connections, groups, context.now),
        reason=words.overview_reason(connections, groups),
        diagrams=flow_diagrams(context),
    )


def _section(context: MonitoringContext, view: ConnectionView) -> ConnectionSection:
    groups = context.monitor.groups(view.name)
    return ConnectionSection(
        connection=connection_row(context, view),
        groups=tuple(group_row(context, group) for group in _groups_with_row(context, view, groups)),
        summary=summary_rows(context, view),
    )


def _groups_with_row(context: MonitoringContext, view: ConnectionView, groups: Sequence[GroupView]) -> list[GroupView]:
    """Return the groups with a row of their own, most severe first: those known to be not ok, or all if there are few."""
    if context.is_unreachable(view.name):
        return []
    if sum(connection.groups for connection in context.connections.values()) <= SHOW_ALL_UP_TO:
        return most_severe_first(groups)
    not_ok = (group for group in groups if group.verdict.status not in {Status.OK, Status.UNKNOWN})
    return most_severe_first(not_ok)[: min(ROWS_MAX, ROWS_IN_ALL_MAX // len(context.connections))]


def summary_rows(context: MonitoringContext, view: ConnectionView) -> SummaryRows:
    groups = context.monitor.groups(view.name)
    with_row = {group.name for group in _groups_with_row(context, view, groups)}
    rest = [group for group in groups if group.name not in with_row]
    if context.is_unreachable(view.name):
        parts = [("unknown", "", rest)]
    else:
        ok = [g for g in rest if g.verdict.status is Status.OK]
        unknown = [g for g in rest if g.verdict.status is Status.UNKNOWN]
        not_ok = [g for g in rest if g.verdict.status not in {Status.OK, Status.UNKNOWN}]
        parts = [("not ok", "not-ok", not_ok), ("unknown", "unknown", unknown), ("ok", "ok", ok)]
    rows = tuple(
        _summary_row(context, view, state, part, urls.groups(connection=view.name, status=status), more=bool(with_row))
        for state, status, part in parts
        if part
    )
    return SummaryRows(key=keys.connection(view.name), name=view.name, rows=rows, stale=view.link is LinkState.STALE)


def _summary_row(
    context: MonitoringContext, view: ConnectionView, state: str, groups: Sequence[GroupView], href: str, *, more: bool
) -> SummaryRow:
    noun = GROUP_NOUNS[view.kind]
    count = plural(len(groups), f"more {noun}" if more else noun)
    text = f"{count}, {'all ' if len(groups) > 1 and state != 'not ok' else ''}{state}"
    if state == "ok" and view.link is LinkState.STALE:
        text = f"{count}, ok at the last update"
    total = current_totals(context, view, groups)
    return summary_row(text, href, total, detail=_last_known_lag(context, view, groups))


def _last_known_lag(context: MonitoringContext, view: ConnectionView, groups: Sequence[GroupView]) -> str:
    total = totals_of(groups, ())
    if not context.is_unreachable(view.name) or total.lag is None or view.answered_at is None:
        return ""
    messages = figures.number(total.lag, approximate=total.approximate)
    return f"They held {messages} messages at the last update, {figures.utc_time(view.answered_at, context.now)}."
