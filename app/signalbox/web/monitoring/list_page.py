"""The list logic that groups and destinations share: filter, sort, page, and one row per unreachable connection. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from signalbox.monitoring.model import Status
from signalbox.web.monitoring.components import plural
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.group_rows import SummaryRow
from signalbox.web.monitoring.list_frame import (
    ListFrame,
    ListType,
    Row,
    View,
    list_dropdowns,
    list_frame,
    url_parameters,
)
from signalbox.web.monitoring.list_query import TEXT_SORTS, ListQuery, closest_names
from signalbox.web.monitoring.paging import RowKey, RowPage, paginate


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreachableRow:
    text: str
    href: str
    connection: str
    read_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(Generic[Row]):
    """The part of the page that a filter change replaces. Order: rows, unreachable, ok_rows, summary_row."""

    frame: ListFrame
    rows: tuple[Row, ...]
    unreachable: tuple[UnreachableRow, ...]
    ok_rows: tuple[Row, ...]  # empty unless there are unreachable rows
    summary_row: SummaryRow | None  # all later pages, if everything on them is ok


def list_page(
    list_type: ListType[View, Row], context: MonitoringContext, views: Sequence[View], query: ListQuery
) -> ListPage[Row]:
    reachable, unreachable = _split_unreachable(list_type, context, filtered(list_type, context, views, query), query)
    page = page_of(list_type, context, reachable, query)
    statuses = Counter(context.status_of(view) for view in views)
    not_ok_rows = sum(context.status_of(view) is not Status.OK for view in page.rows)
    split_at = not_ok_rows if unreachable else len(page.rows)
    frame = list_frame(
        list_type,
        query,
        page,
        total=len(views),
        not_ok=len(views) - statuses[Status.OK],
        dropdowns=list_dropdowns(
            query,
            statuses=statuses,
            connections=context.connections,
            kinds=Counter(list_type.kind_of(view) for view in views),
        ),
        suggestions=[] if page.rows else closest_names(query.text, list({view.name for view in views})),
    )
    return ListPage(
        frame=frame,
        rows=tuple(list_type.row(context, view) for view in page.rows[:split_at]),
        unreachable=unreachable if page.first == 1 else (),
        ok_rows=tuple(list_type.row(context, view) for view in page.rows[split_at:]),
        summary_row=_summary_row(list_type, context, reachable, page, query),
    )


def _summary_row(
    list_type: ListType[View, Row],
    context: MonitoringContext,
    views: Sequence[View],
    page: RowPage[View],
    query: ListQuery,
) -> SummaryRow | None:
    """Sum up the later pages if this is the first page and everything on them is ok."""
    if list_type.summarize is None or page.next_cursor is None or page.first != 1 or query.sort in TEXT_SORTS:
        return None
    on_page = {(view.connection, view.name) for view in page.rows}
    rest = [view for view in views if (view.connection, view.name) not in on_page]
    if any(context.status_of(view) is not Status.OK for view in rest):
        return None
    return list_type.summarize(context, rest, list_type.url(**url_parameters(query) | {"after": page.next_cursor}))


def filtered(
    list_type: ListType[View, Row], context: MonitoringContext, views: Sequence[View], query: ListQuery
) -> list[View]:
    text = query.text.casefold()
    return [
        view
        for view in views
        if query.accepts(context.status_of(view))
        and (not query.connection or view.connection == query.connection)
        and (not query.kind or list_type.kind_of(view) == query.kind)
        and (not text or any(text in name.casefold() for name in list_type.searched_names(view)))
    ]


def filtered_page(
    list_type: ListType[View, Row], context: MonitoringContext, views: Sequence[View], query: ListQuery
) -> RowPage[View]:
    return page_of(list_type, context, filtered(list_type, context, views, query), query)


def page_of(
    list_type: ListType[View, Row], context: MonitoringContext, views: Sequence[View], query: ListQuery
) -> RowPage[View]:
    """Return one page: not ok first, then by the sort column; a text column sorts alone."""
    value_of = list_type.sort_values[query.sort]

    def key_of(view: View) -> RowKey:
        rank = 0 if query.sort in TEXT_SORTS else int(context.status_of(view) is Status.OK)
        return RowKey(rank, value_of(view), view.connection, view.name)

    return paginate(
        views, key_of, descending=query.descending, limit=query.limit, after=query.after, before=query.before
    )


def _split_unreachable(
    list_type: ListType[View, Row], context: MonitoringContext, views: Sequence[View], query: ListQuery
) -> tuple[Sequence[View], tuple[UnreachableRow, ...]]:
    """Replace views on unreachable connections by one row each, unless the query asks for them in particular."""
    reachable = [view for view in views if not context.is_unreachable(view.connection)]
    if query.text or query.connection or query.sort in TEXT_SORTS or not reachable:
        return views, ()
    counts = Counter(view.connection for view in views if context.is_unreachable(view.connection))
    rows = tuple(
        UnreachableRow(
            text=f"{plural(count, list_type.noun)} on {name}, {'all ' if count > 1 else ''}unknown",
            href=list_type.url(**url_parameters(query) | {"connection": name}),
            connection=name,
            read_at=context.connections[name].answered_at,
        )
        for name, count in sorted(counts.items())
    )
    return reachable, rows
