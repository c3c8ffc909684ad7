"""The list of consumer groups."""

from collections.abc import Iterator, Sequence

from signalbox.kernel import figures
from signalbox.monitoring import keys
from signalbox.monitoring.model import GroupView
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.components import plural
from signalbox.web.monitoring.group_rows import GroupRow, SummaryRow, group_row
from signalbox.web.monitoring.list_frame import ColumnSpec
from signalbox.web.monitoring.list_page import ListType
from signalbox.web.monitoring.totals import totals_of


def _searched_names(view: GroupView) -> Iterator[str]:
    yield view.name
    yield from view.group.destinations
    for member in view.group.members or ():
        yield member.client


def _summarize(views: Sequence[GroupView], href: str) -> SummaryRow:
    total = totals_of(views)
    return SummaryRow(
        text=f"{plural(len(views), 'more group')}, all ok",
        href=href,
        lag=figures.number(total.lag, approximate=total.approximate),
        rate_in=figures.rate_number(total.rate_in),
        rate_out=figures.rate_number(total.rate_out),
        read_at=total.oldest_read_at,
    )


GROUP_LIST: ListType[GroupView, GroupRow] = ListType(
    noun="group",
    key=keys.GROUPS,
    url=urls.groups,
    placeholder="Group, destination or member",
    columns=(
        ColumnSpec("name", "Group and destination", ""),
        ColumnSpec("connection", "Connection", ""),
        ColumnSpec("", "Status", ""),
        ColumnSpec("", "Last hour", "drop-1"),
        ColumnSpec("lag", "Lag", "num"),
        ColumnSpec("time-lag", "Time lag", "num"),
        ColumnSpec("in", "In/s", "num drop-2"),
        ColumnSpec("out", "Out/s", "num drop-2"),
        ColumnSpec("updated", "Updated", "num"),
    ),
    sort_values={
        "lag": lambda g: g.flow.lag,
        "time-lag": lambda g: None if g.flow.time_lag is None else g.flow.time_lag.seconds,
        "in": lambda g: g.flow.rate_in,
        "out": lambda g: g.flow.rate_out,
        "updated": lambda g: g.read_at,
        "name": lambda g: g.name,
        "connection": lambda g: g.connection,
    },
    kind_of=lambda g: g.group.kind,
    searched_names=_searched_names,
    row=group_row,
    summarize=_summarize,
)
<<<<<<< HEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSummaryRow:
    """One row for the groups of all later pages, if all of them are ok."""

    text: str
    href: str
    lag: str
    rate_in: str
    rate_out: str
    read_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupList:
    """The part of the page that a filter change replaces. Order: rows, unreachable, ok_rows, summary_row."""

    frame: ListFrame
    rows: tuple[GroupRow, ...]
    unreachable: tuple[UnreachableRow, ...]
    ok_rows: tuple[GroupRow, ...]
    summary_row: GroupSummaryRow | None


def group_list(context: MonitoringContext, query: ListQuery) -> GroupList:
    listed = list_page(GROUPS, context, context.monitor.groups(), query)
    return GroupList(
        frame=listed.frame,
        rows=tuple(group_row(context, view) for view in listed.rows),
        unreachable=listed.unreachable,
        ok_rows=tuple(group_row(context, view) for view in listed.ok_rows),
        summary_row=_summary_row(context, listed, query),
    )


def _summary_row(context: MonitoringContext, listed: ListPage[GroupView], query: ListQuery) -> GroupSummaryRow | None:
    """Sum the groups of later pages if this is the first page and all of them are ok."""
    page = listed.page
    if page.next_cursor is None or page.first != 1 or query.sort in TEXT_SORTS:
        return None
    shown = {(view.connection, view.name) for view in page.rows}
    rest = [view for view in listed.reachable if (view.connection, view.name) not in shown]
    if any(context.status_of(view) is not Status.OK for view in rest):
        return None
    total = totals_of(rest)
    return GroupSummaryRow(
        text=f"{plural(len(rest), 'more group')}, all ok",
        href=urls.groups(**url_parameters(query) | {"after": page.next_cursor}),
        lag=figures.number(total.lag, approximate=total.approximate),
        rate_in=figures.rate_number(total.rate_in),
        rate_out=figures.rate_number(total.rate_out),
        read_at=total.oldest_read_at,
    )
=======
>>>>>>> main
