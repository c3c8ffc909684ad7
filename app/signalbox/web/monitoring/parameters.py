"""The parameters of /api/v1's lists, declared for OpenAPI and read by the same rules as the pages' addresses."""

from collections.abc import Callable, Mapping
from typing import Annotated, TypeAlias, TypeVar

from litestar.params import QueryParameter

from signalbox.web.errors import NotUnderstood
from signalbox.web.lists import InvalidParameter, parse_int
from signalbox.web.monitoring.asked import (
    DESTINATION_SORTS,
    GROUP_SORTS,
    NOT_OK,
    PAGE_ROWS_MAX,
    STATUS_WORDS,
    WINDOWS,
    Asked,
    asked,
)
from signalbox.web.monitoring.asked import window as read_window

FIRST_MAX = 1_000_000
Result = TypeVar("Result")

Text: TypeAlias = Annotated[str | None, QueryParameter(description="a part of a name, whatever its case")]
Status: TypeAlias = Annotated[str | None, QueryParameter(description=f"{NOT_OK}, or one of {', '.join(STATUS_WORDS)}")]
Connection: TypeAlias = Annotated[str | None, QueryParameter(description="the name of one connection")]
GroupKind: TypeAlias = Annotated[
    str | None, QueryParameter(description="as a group tells it: classic, share, queue consumers")
]
DestinationKind: TypeAlias = Annotated[
    str | None, QueryParameter(description="as a destination tells it: topic, quorum queue")
]
GroupSort: TypeAlias = Annotated[
    str | None, QueryParameter(description=f"one of {', '.join(GROUP_SORTS)}; lag by itself")
]
DestinationSort: TypeAlias = Annotated[
    str | None, QueryParameter(description=f"one of {', '.join(DESTINATION_SORTS)}; in by itself")
]
Direction: TypeAlias = Annotated[str | None, QueryParameter(name="dir", description="down or up")]
After: TypeAlias = Annotated[str | None, QueryParameter(description="a cursor that this list gave as next")]
Before: TypeAlias = Annotated[str | None, QueryParameter(description="a cursor that this list gave as previous")]
Limit: TypeAlias = Annotated[str | None, QueryParameter(description=f"rows, 1 to {PAGE_ROWS_MAX}; 50 by itself")]
First: TypeAlias = Annotated[
    str | None, QueryParameter(description="how many rows to leave out at the front; 0 by itself")
]
Window: TypeAlias = Annotated[str | None, QueryParameter(description=f"one of {', '.join(WINDOWS)}; 1h by itself")]


def group_parameters(
    *,
    q: Text = None,
    status: Status = None,
    connection: Connection = None,
    kind: GroupKind = None,
    sort: GroupSort = None,
    direction: Direction = None,
    after: After = None,
    before: Before = None,
    limit: Limit = None,
) -> Asked:
    given = _given(
        q=q,
        status=status,
        connection=connection,
        kind=kind,
        sort=sort,
        dir=direction,
        after=after,
        before=before,
        limit=limit,
    )
    return _understood(lambda: asked(given, GROUP_SORTS))


def destination_parameters(
    *,
    q: Text = None,
    status: Status = None,
    connection: Connection = None,
    kind: DestinationKind = None,
    sort: DestinationSort = None,
    direction: Direction = None,
    after: After = None,
    before: Before = None,
    limit: Limit = None,
) -> Asked:
    given = _given(
        q=q,
        status=status,
        connection=connection,
        kind=kind,
        sort=sort,
        dir=direction,
        after=after,
        before=before,
        limit=limit,
    )
    return _understood(lambda: asked(given, DESTINATION_SORTS))


def rows_parameters(first: First = None, limit: Limit = None) -> tuple[int, int]:
    """Return how many rows to leave out and how many to give."""
    given = _given(first=first, limit=limit)
    return (
        _understood(lambda: parse_int(given, "first", default=0, minimum=0, maximum=FIRST_MAX)),
        _understood(lambda: parse_int(given, "limit", default=PAGE_ROWS_MAX, maximum=PAGE_ROWS_MAX)),
    )


def window_parameter(window: Window = None) -> str:
    return _understood(lambda: read_window(_given(window=window)))


def _given(**parameters: str | None) -> Mapping[str, str]:
    return {key: value for key, value in parameters.items() if value is not None}


def _understood(read: Callable[[], Result]) -> Result:
    try:
        return read()
    except InvalidParameter as fault:
        raise NotUnderstood(f"{fault}.") from fault
