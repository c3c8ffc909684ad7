"""The overview: the state of everything, what needs attention, each connection, recent changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import ConnectionView, GroupView, LinkState, Status
from signalbox.monitoring.words import Span
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.attention import Attention, attention
from signalbox.web.monitoring.change_rows import RecentChanges, overview_changes
from signalbox.web.monitoring.components import plural
from signalbox.web.monitoring.connection_list import GROUP_NOUNS, ConnectionRow, connection_row, current_totals
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.flow_diagram import FlowDiagram, flow_diagrams
from signalbox.web.monitoring.group_rows import GroupRow, SummaryRow, group_row, summary_row
from signalbox.web.monitoring.totals import most_severe_first, totals_of

ROWS_MAX = 5  # of groups that are not ok, per connection; one row sums up the others
ROWS_IN_ALL_MAX = 120  # a page may watch 200 fragments
SHOW_ALL_UP_TO = 12  # groups in all: then ok groups have rows too


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewHead:
    key: str
    sentence: tuple[Span, ...]
    reason: tuple[Span, ...]
    diagrams: tuple[FlowDiagram, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCounts:
    """The counts beside the filter field: one live fragment."""

    key: str
    groups: int
    not_ok: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRows:
    """The last rows of a connection: all groups of each status that has more than rows above. One live fragment."""

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
    counts: GroupCounts
    changes: RecentChanges


def overview(context: MonitoringContext) -> OverviewPage:
    return OverviewPage(
        head=overview_head(context),
        attention=attention(context),
        sections=tuple(_section(context, view) for view in context.connections.values()),
        counts=group_counts(context),
        changes=overview_changes(context),
    )


def group_counts(context: MonitoringContext) -> GroupCounts:
    groups = context.monitor.groups()
    not_ok = sum(context.status_of(view) is not Status.OK for view in groups)
    return GroupCounts(key=keys.OVERVIEW, groups=len(groups), not_ok=not_ok)


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
    """Count whole statuses: the rows above are those of when the page was loaded, and may have another status now."""
    groups = context.monitor.groups(view.name)
    with_row = {group.name for group in _groups_with_row(context, view, groups)}
    if context.is_unreachable(view.name):
        parts = [("unknown", "", list(groups))]
    else:
        ok = [g for g in groups if g.verdict.status is Status.OK]
        unknown = [g for g in groups if g.verdict.status is Status.UNKNOWN]
        not_ok = [g for g in groups if g.verdict.status not in {Status.OK, Status.UNKNOWN}]
        parts = [("not ok", "not-ok", not_ok), ("unknown", "unknown", unknown), ("ok", "ok", ok)]
    rows = tuple(
        _summary_row(context, view, state, part, urls.groups(connection=view.name, status=status), of=len(groups))
        for state, status, part in parts
        if any(group.name not in with_row for group in part)
    )
    return SummaryRows(key=keys.connection(view.name), name=view.name, rows=rows, stale=view.link is LinkState.STALE)


def _summary_row(
    context: MonitoringContext, view: ConnectionView, state: str, groups: Sequence[GroupView], href: str, *, of: int
) -> SummaryRow:
    count, noun = len(groups), GROUP_NOUNS[view.kind]
    state = "ok at the last update" if state == "ok" and view.link is LinkState.STALE else state
    all_of_them = f"{plural(of, noun)}, {'all ' if of > 1 else ''}{state}"
    text = all_of_them if count == of else f"{count:,} of {plural(of, noun)} {state}"
    total = current_totals(context, view, groups)
    return summary_row(text, href, total, detail=_last_known_lag(context, view, groups))


def _last_known_lag(context: MonitoringContext, view: ConnectionView, groups: Sequence[GroupView]) -> str:
    total = totals_of(groups, ())
    if not context.is_unreachable(view.name) or total.lag is None or view.answered_at is None:
        return ""
    messages = figures.number(total.lag, approximate=total.approximate)
    return f"They held {messages} messages at the last update, {figures.utc_time(view.answered_at, context.now)}."
