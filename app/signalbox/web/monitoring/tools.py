"""What every list has around its rows: filters, dropdowns, heads that sort, a pager, an empty state. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signalbox.monitoring.model import Status
from signalbox.web.lists import Dropdown, EmptyState, Filter, Option, Pager, Suggestion
from signalbox.web.monitoring.asked import NOT_OK, STATUS_WORDS, Asked
from signalbox.web.monitoring.paging import Slice

Address = Callable[..., str]
SORTED_BY = {"time-lag": "time lag", "in": "rate in", "out": "rate out", "read": "age", "kept": "how long it is kept"}
NONE_YET = "They appear here as soon as a connection has answered and has some."


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column; `href` is "" where it cannot be sorted by."""

    label: str
    css: str
    href: str
    direction: str  # "", "up", "down": how the list is sorted by it now


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFrame:
    """Everything of a list but its rows."""

    key: str  # the feed key that tells when order or membership changed
    action: str
    placeholder: str
    query: Asked
    filters: tuple[Filter, ...]
    dropdowns: tuple[Dropdown, ...]
    hidden_fields: tuple[tuple[str, str], ...]  # parameters that a change of the filter keeps
    columns: tuple[Column, ...]
    pager: Pager
    empty: EmptyState | None


def frame(
    asked: Asked,
    part: Slice[Any],
    *,
    address: Address,
    key: str,
    things: str,
    placeholder: str,
    heads: Sequence[tuple[str, str, str]],
    total: int,
    not_ok: int,
    dropdowns: tuple[Dropdown, ...],
    near: Sequence[str],
) -> ListFrame:
    query = query_of(asked)
    return ListFrame(
        key=key,
        action=address(),
        placeholder=placeholder,
        query=asked,
        filters=(
            Filter(address(**query | {"status": None}), "All", total, not asked.status),
            Filter(address(**query | {"status": NOT_OK}), "Not ok", not_ok, asked.status == NOT_OK),
        ),
        dropdowns=dropdowns,
        hidden_fields=tuple((name, query[name]) for name in ("sort", "dir") if query[name]),
        columns=_columns(heads, asked, address),
        pager=_pager(part, asked, address, things=things),
        empty=None if part.rows else _empty(asked, address, things=things, total=total, near=near),
    )


def query_of(asked: Asked) -> dict[str, Any]:
    """Return the parameters that ask for the same list, from its first row."""
    return {
        "q": asked.text,
        "status": asked.status,
        "connection": asked.connection,
        "kind": asked.kind,
        "sort": asked.sort if asked.sort != asked.first_sort else None,
        "dir": None if asked.down == asked.natural else ("down" if asked.down else "up"),
    }


def dropdowns(
    asked: Asked, *, statuses: Mapping[Status, int], connections: Iterable[str], kinds: Mapping[str, int]
) -> tuple[Dropdown, ...]:
    """Return what a list may be narrowed to: only statuses and kinds that are there, and what is chosen now."""
    told = [
        Option(word, f"{status} ({statuses.get(status, 0):,})", word == asked.status)
        for word, status in STATUS_WORDS.items()
        if statuses.get(status) or word == asked.status
    ]
    told.insert(0, Option(NOT_OK, "not ok", asked.status == NOT_OK))
    names = sorted({*connections, *((asked.connection,) if asked.connection else ())})
    sorts = sorted({*kinds, *((asked.kind,) if asked.kind else ())})
    return (
        Dropdown("status", "Status", "any", tuple(told)),
        Dropdown("connection", "Connection", "all", tuple(Option(n, n, n == asked.connection) for n in names)),
        Dropdown("kind", "Kind", "any", tuple(Option(k, f"{k} ({kinds.get(k, 0):,})", k == asked.kind) for k in sorts)),
    )


def _columns(heads: Sequence[tuple[str, str, str]], asked: Asked, address: Address) -> tuple[Column, ...]:
    """Return the heads; the one that sorts now turns the order, the others begin in their natural one."""
    made = []
    for sort, label, css in heads:
        query = query_of(asked) | {"sort": sort if sort != asked.first_sort else None, "dir": None}
        mine = sort == asked.sort
        if mine and asked.down == asked.natural:
            query["dir"] = "up" if asked.down else "down"
        made.append(Column(label, css, address(**query) if sort else "", _turned(asked) if mine else ""))
    return tuple(made)


def _turned(asked: Asked) -> str:
    return "down" if asked.down else "up"


def _pager(part: Slice[Any], asked: Asked, address: Address, *, things: str) -> Pager:
    query = query_of(asked)
    by = SORTED_BY.get(asked.sort, asked.sort)
    order = f"by {by}" if asked.sort in {"name", "connection"} else f"not ok first, then by {by}"
    return Pager(
        text=f"{part.first:,} to {part.last:,} of {part.total:,} {things}, {order}" if part.rows else "",
        previous_href=address(**query | {"before": part.before}) if part.before else "",
        next_href=address(**query | {"after": part.after}) if part.after else "",
    )


def _empty(asked: Asked, address: Address, *, things: str, total: int, near: Sequence[str]) -> EmptyState:
    if not asked.narrowed:
        return EmptyState(title=f"No {things} yet", search="", suggestions=(), clear_href="", filters="", hint=NONE_YET)
    query = query_of(asked)
    status = f"status {asked.status.replace('-', ' ')}" if asked.status else ""
    kind = f"kind {asked.kind}" if asked.kind else ""
    narrowed_by = " and ".join(part for part in (status, kind) if part)
    filters = (
        f"with {narrowed_by}" if narrowed_by else "",
        f"on {asked.connection}" if asked.connection else "",
    )
    return EmptyState(
        title=f"None of {total:,} {things} matches",
        search=asked.text,
        suggestions=tuple(
            Suggestion(name, address(**query | {"q": name, "status": None, "kind": None})) for name in near
        ),
        clear_href=address(),
        filters=" ".join(part for part in filters if part),
        hint="",
    )
