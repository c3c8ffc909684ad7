"""The query parameters of /api/v1, declared for OpenAPI and parsed as the pages parse theirs."""

from collections.abc import Callable, Mapping
from typing import Annotated, TypeAlias, TypeVar

from litestar.di import NamedDependency
from litestar.params import QueryParameter

from signalbox.web.errors import BadRequest
from signalbox.web.lists import InvalidParameter, parse_int
from signalbox.web.monitoring.list_query import (
    DESTINATION_SORTS,
    GROUP_SORTS,
    NOT_OK,
    PAGE_ROWS,
    PAGE_ROWS_MAX,
    STATUS_WORDS,
    WINDOWS,
    ListQuery,
    parse_list_query,
    parse_window,
)

FIRST_MAX = 1_000_000
Result = TypeVar("Result")
Filters: TypeAlias = Mapping[str, str]

Text: TypeAlias = Annotated[str | None, QueryParameter(description="part of a name, case-insensitive")]
Status: TypeAlias = Annotated[str | None, QueryParameter(description=f"{NOT_OK}, or one of {', '.join(STATUS_WORDS)}")]
Connection: TypeAlias = Annotated[str | None, QueryParameter(description="name of a connection")]
GroupKind: TypeAlias = Annotated[
    str | None, QueryParameter(description="kind of a group, such as classic, share, queue consumers")
]
DestinationKind: TypeAlias = Annotated[
    str | None, QueryParameter(description="kind of a destination, such as topic, quorum queue")
]
GroupSort: TypeAlias = Annotated[
    str | None, QueryParameter(description=f"one of {', '.join(GROUP_SORTS)}; default lag")
]
DestinationSort: TypeAlias = Annotated[
    str | None, QueryParameter(description=f"one of {', '.join(DESTINATION_SORTS)}; default in")
]
Direction: TypeAlias = Annotated[str | None, QueryParameter(name="dir", description="down or up")]
After: TypeAlias = Annotated[str | None, QueryParameter(description="the cursor next of the previous response")]
Before: TypeAlias = Annotated[str | None, QueryParameter(description="the cursor previous of the previous response")]
Limit: TypeAlias = Annotated[
    str | None, QueryParameter(description=f"number of rows, 1 to {PAGE_ROWS_MAX}; default {PAGE_ROWS}")
]
RowLimit: TypeAlias = Annotated[
    str | None, QueryParameter(description=f"number of rows, 1 to {PAGE_ROWS_MAX}; default {PAGE_ROWS_MAX}")
]
First: TypeAlias = Annotated[str | None, QueryParameter(description="number of rows to skip; default 0")]
Window: TypeAlias = Annotated[str | None, QueryParameter(description=f"one of {', '.join(WINDOWS)}; default 1h")]


def list_filters(
    *,
    q: Text = None,
    status: Status = None,
    connection: Connection = None,
    direction: Direction = None,
    after: After = None,
    before: Before = None,
    limit: Limit = None,
) -> Filters:
    return _given(q=q, status=status, connection=connection, dir=direction, after=after, before=before, limit=limit)


def group_parameters(filters: NamedDependency[Filters], kind: GroupKind = None, sort: GroupSort = None) -> ListQuery:
    return parsed(lambda: parse_list_query({**filters, **_given(kind=kind, sort=sort)}, GROUP_SORTS))


def destination_parameters(
    filters: NamedDependency[Filters], kind: DestinationKind = None, sort: DestinationSort = None
) -> ListQuery:
    return parsed(lambda: parse_list_query({**filters, **_given(kind=kind, sort=sort)}, DESTINATION_SORTS))


def rows_parameters(first: First = None, limit: RowLimit = None) -> tuple[int, int]:
    """Return how many rows to skip and how many to return."""
    given = _given(first=first, limit=limit)
    return (
        parsed(lambda: parse_int(given, "first", default=0, minimum=0, maximum=FIRST_MAX)),
        parsed(lambda: parse_int(given, "limit", default=PAGE_ROWS_MAX, maximum=PAGE_ROWS_MAX)),
    )


def window_parameter(window: Window = None) -> str:
    return parsed(lambda: parse_window(_given(window=window)))


def _given(**parameters: str | None) -> Filters:
    return {key: value for key, value in parameters.items() if value is not None}


def parsed(parse: Callable[[], Result]) -> Result:
    """Return what `parse` returns; an invalid parameter becomes a BadRequest."""
    try:
        return parse()
    except InvalidParameter as error:
        raise BadRequest(f"{error}.") from error
