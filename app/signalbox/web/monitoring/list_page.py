"""The list logic that groups and destinations share: filter, sort, page, and one row per unreachable connection. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from signalbox.monitoring.model import DestinationView, GroupView, Status
from signalbox.web.monitoring.components import plural
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.list_frame import (
    ColumnSpec,
    ListFrame,
    UrlBuilder,
    list_dropdowns,
    list_frame,
    url_parameters,
)
from signalbox.web.monitoring.list_query import TEXT_SORTS, ListQuery, closest_names
from signalbox.web.monitoring.paging import RowKey, RowPage, SortValue, paginate

View = TypeVar("View", GroupView, DestinationView)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListType(Generic[View]):
    """What differs between the lists."""

    noun: str
    key: str  # the feed key that changes with order or membership
    url: UrlBuilder
    placeholder: str
    columns: Sequence[ColumnSpec]
    sort_values: Mapping[str, Callable[[View], SortValue]]
    kind_of: Callable[[View], str]
    searched_names: Callable[[View], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreachableRow:
    """All groups or destinations of one unreachable connection."""

    text: str
    href: str
    connection: str
    read_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(Generic[View]):
    """One page of a list, in this order: rows, unreachable, ok_rows. `ok_rows` is empty without unreachable ones."""

    frame: ListFrame
    page: RowPage[View]
    reachable: Sequence[View]  # all that match, on all pages
    rows: Sequence[View]
    unreachable: tuple[UnreachableRow, ...]
    ok_rows: Sequence[View]


def list_page(
    list_type: ListType[View], context: MonitoringContext, views: Sequence[View], query: ListQuery
) -> ListPage[View]:
    reachable, unreachable = _split_unreachable(list_type, context, filtered(list_type, context, views, query), query)
    page = page_of(list_type, context, reachable, query)
    statuses = Counter(context.status_of(view) for view in views)
    not_ok_rows = sum(context.status_of(view) is not Status.OK for view in page.rows)
    split_at = not_ok_rows if unreachable else len(page.rows)
    names = list({view.name for view in views})
    frame = list_frame(
        query,
        page,
        url=list_type.url,
        key=list_type.key,
        noun=list_type.noun,
        placeholder=list_type.placeholder,
        columns=list_type.columns,
        total=len(views),
        not_ok=len(views) - statuses[Status.OK],
        dropdowns=list_dropdowns(
            query,
            statuses=statuses,
            connections=context.connections,
            kinds=Counter(list_type.kind_of(view) for view in views),
        ),
        suggestions=[] if page.rows else closest_names(query.text, names),
    )
    return ListPage(
        frame=frame,
        page=page,
        reachable=reachable,
        rows=page.rows[:split_at],
        unreachable=unreachable if page.first == 1 else (),
        ok_rows=page.rows[split_at:],
    )


def filtered(
    list_type: ListType[View], context: MonitoringContext, views: Sequence[View], query: ListQuery
) -> list[View]:
    """Return the views that match the query's filters."""
    text = query.text.casefold()
    return [
        view
        for view in views
        if query.accepts(context.status_of(view))
        and (not query.connection or view.connection == query.connection)
        and (not query.kind or list_type.kind_of(view) == query.kind)
        and (not text or any(text in name.casefold() for name in list_type.searched_names(view)))
    ]


def page_of(
    list_type: ListType[View], context: MonitoringContext, views: Sequence[View], query: ListQuery
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
    list_type: ListType[View], context: MonitoringContext, views: Sequence[View], query: ListQuery
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
