"""Everything of a list except its rows: filters, dropdowns, sortable columns, pager, empty state. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from signalbox.monitoring.model import DestinationView, GroupView, Status
from signalbox.web.lists import Dropdown, EmptyState, Filter, Option, Pager, Suggestion
from signalbox.web.monitoring.components import plural
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.group_rows import SummaryRow
from signalbox.web.monitoring.list_query import NOT_OK, STATUS_WORDS, TEXT_SORTS, ListQuery
from signalbox.web.monitoring.paging import RowPage, SortValue

View = TypeVar("View", GroupView, DestinationView)
Row = TypeVar("Row")
UrlBuilder: TypeAlias = Callable[..., str]
SORTED_BY = {"time-lag": "time lag", "in": "rate in", "out": "rate out", "updated": "last update"}
NONE_YET = "They appear here when a connection has responded and has some."


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column of a list; `sort` is "" where the list cannot be sorted by it."""

    sort: str
    label: str
    css: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListType(Generic[View, Row]):
    noun: str
    key: str  # the feed key that changes with order or membership
    url: UrlBuilder
    placeholder: str
    columns: Sequence[ColumnSpec]
    sort_values: Mapping[str, Callable[[View], SortValue]]
    kind_of: Callable[[View], str]
    searched_names: Callable[[View], Iterable[str]]
    row: Callable[[MonitoringContext, View], Row]
    summarize: Callable[[MonitoringContext, Sequence[View], str], SummaryRow] | None = (
        None  # of ok views, and the URL that lists them
    )


@dataclass(frozen=True, slots=True)
class ColumnHead:
    """The head of a column; `href` is "" if it does not sort."""

    label: str
    css: str
    href: str
    direction: str  # "up" or "down" in the column that sorts now, else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFrame:
    key: str  # the feed key that changes with order or membership
    action: str
    placeholder: str
    query: ListQuery
    filters: tuple[Filter, ...]
    dropdowns: tuple[Dropdown, ...]
    hidden_fields: tuple[tuple[str, str], ...]  # parameters that the filter form keeps
    columns: tuple[ColumnHead, ...]
    pager: Pager
    empty_state: EmptyState | None


def list_frame(
    list_type: ListType[View, Row],
    query: ListQuery,
    page: RowPage[View],
    *,
    total: int,
    not_ok: int,
    dropdowns: tuple[Dropdown, ...],
    suggestions: Sequence[str],
) -> ListFrame:
    """Build the frame. `total` and `not_ok` count the whole list, without filters."""
    parameters, url, noun = url_parameters(query), list_type.url, list_type.noun
    return ListFrame(
        key=list_type.key,
        action=url(),
        placeholder=list_type.placeholder,
        query=query,
        filters=(
            Filter(url(**parameters | {"status": None}), "All", total, not query.status),
            Filter(url(**parameters | {"status": NOT_OK}), "Not ok", not_ok, query.status == NOT_OK),
        ),
        dropdowns=dropdowns,
        hidden_fields=tuple((name, parameters[name]) for name in ("sort", "dir") if parameters[name]),
        columns=_column_heads(list_type.columns, query, url),
        pager=_pager(page, query, url, noun=noun),
        empty_state=None if page.rows else _empty_state(query, url, noun=noun, total=total, suggestions=suggestions),
    )


def url_parameters(query: ListQuery) -> dict[str, Any]:
    """Return the URL parameters of the first page of the same list."""
    direction = "down" if query.descending else "up"
    return {
        "q": query.text,
        "status": query.status,
        "connection": query.connection,
        "kind": query.kind,
        "sort": query.sort if query.sort != query.default_sort else None,
        "dir": direction if query.descending != query.default_descending else None,
    }


def list_dropdowns(
    query: ListQuery, *, statuses: Mapping[Status, int], connections: Iterable[str], kinds: Mapping[str, int]
) -> tuple[Dropdown, ...]:
    """Return the dropdowns, with only the statuses and kinds that exist and the selected one."""
    status_options = [
        Option(word, f"{status} ({statuses.get(status, 0):,})", word == query.status)
        for word, status in STATUS_WORDS.items()
        if statuses.get(status) or word == query.status
    ]
    status_options.insert(0, Option(NOT_OK, "not ok", query.status == NOT_OK))
    names = sorted({*connections, query.connection} - {""})
    kind_names = sorted({*kinds, query.kind} - {""})
    return (
        Dropdown("status", "Status", "any", tuple(status_options)),
        Dropdown("connection", "Connection", "all", tuple(Option(n, n, n == query.connection) for n in names)),
        Dropdown(
            "kind", "Kind", "any", tuple(Option(k, f"{k} ({kinds.get(k, 0):,})", k == query.kind) for k in kind_names)
        ),
    )


def _column_heads(columns: Sequence[ColumnSpec], query: ListQuery, url: UrlBuilder) -> tuple[ColumnHead, ...]:
    """Link each sortable column to its default direction, and the column that sorts now to the opposite one."""
    heads = []
    for column in columns:
        parameters = url_parameters(query) | {"dir": None}
        parameters["sort"] = column.sort if column.sort != query.default_sort else None
        sorts_now = column.sort == query.sort
        if sorts_now and query.descending == query.default_descending:
            parameters["dir"] = "up" if query.descending else "down"
        direction = "down" if query.descending else "up"
        heads.append(
            ColumnHead(
                column.label, column.css, url(**parameters) if column.sort else "", direction if sorts_now else ""
            )
        )
    return tuple(heads)


def _pager(page: RowPage[Any], query: ListQuery, url: UrlBuilder, *, noun: str) -> Pager:
    parameters = url_parameters(query)
    sorted_by = f"by {SORTED_BY.get(query.sort, query.sort)}"
    order = sorted_by if query.sort in TEXT_SORTS else f"not ok first, then {sorted_by}"
    shown = "" if page.total == 1 else f"{page.first:,} to {page.last:,} of "
    return Pager(
        text=f"{shown}{plural(page.total, noun)}, {order}" if page.rows else "",
        previous_href=url(**parameters | {"before": page.previous_cursor}) if page.previous_cursor else "",
        next_href=url(**parameters | {"after": page.next_cursor}) if page.next_cursor else "",
    )


def _empty_state(query: ListQuery, url: UrlBuilder, *, noun: str, total: int, suggestions: Sequence[str]) -> EmptyState:
    if not query.is_filtered:
        return EmptyState(title=f"No {noun}s yet", search="", suggestions=(), clear_href="", filters="", hint=NONE_YET)
    parameters = url_parameters(query) | {"status": None, "kind": None}
    status = f"status {query.status.replace('-', ' ')}" if query.status else ""
    kind = f"kind {query.kind}" if query.kind else ""
    narrowed_by = " and ".join(part for part in (status, kind) if part)
    filters = (f"with {narrowed_by}" if narrowed_by else "", f"on {query.connection}" if query.connection else "")
    return EmptyState(
        title=f"None of {total:,} {noun}s matches",
        search=query.text,
        suggestions=tuple(Suggestion(name, url(**parameters | {"q": name})) for name in suggestions),
        clear_href=url(),
        filters=" ".join(part for part in filters if part),
        hint="",
    )
