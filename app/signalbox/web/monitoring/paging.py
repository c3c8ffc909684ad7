"""Keyset paging: a cursor names the last row shown, not a row number, because rows move. Pure."""

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import msgspec

CURSOR_LENGTH_MAX = 4096  # fits a name of 249 characters of four bytes each, escaped and in base64

Item = TypeVar("Item")
SortValue: TypeAlias = int | float | str | None


@dataclass(frozen=True, slots=True)
class RowKey:
    """The sort key of a row: rank, then value, then connection and name. An unknown value sorts last in both directions."""

    rank: int
    value: SortValue
    connection: str
    name: str

    def ordered(self, *, descending: bool) -> tuple[object, ...]:
        if self.value is None:
            return (self.rank, 1, 0, self.connection, self.name)
        if isinstance(self.value, str):
            # descending text: negated code points, ended by one above all of them
            value: object = (*(-ord(c) for c in self.value), 1) if descending else self.value
        else:
            value = -self.value if descending else self.value
        return (self.rank, 0, value, self.connection, self.name)


class InvalidCursor(ValueError):
    """This list did not issue the cursor."""


def encode_cursor(key: RowKey) -> str:
    packed = msgspec.json.encode((key.rank, key.value, key.connection, key.name))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(text: str, *, sorts_by_text: bool) -> RowKey:
    """Decode a cursor; `sorts_by_text` tells whether the list sorts by a text.

    Raises:
        InvalidCursor: not a cursor, or of another sort order.
    """
    if len(text) > CURSOR_LENGTH_MAX:
        raise InvalidCursor(f"at most {CURSOR_LENGTH_MAX} characters")
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        rank, value, connection, name = msgspec.json.decode(packed, type=tuple[int, SortValue, str, str], strict=True)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise InvalidCursor("a cursor from this list") from error
    if value is not None and isinstance(value, str) is not sorts_by_text:
        raise InvalidCursor("a cursor from the same sort order")
    return RowKey(rank, value, connection, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage(Generic[Item]):
    """One page of a list. `first` counts from 1. A cursor is None where there is no such page."""

    rows: Sequence[Item]
    first: int
    total: int
    previous_cursor: str | None
    next_cursor: str | None

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def paginate(
    items: Sequence[Item],
    key_of: Callable[[Item], RowKey],
    *,
    descending: bool,
    limit: int,
    after: RowKey | None = None,
    before: RowKey | None = None,
) -> RowPage[Item]:
    """Sort the items. Return the rows after `after`, or the last rows before `before`, or the first rows."""

    def ordered(item: Item) -> tuple[object, ...]:
        return key_of(item).ordered(descending=descending)

    rows = sorted(items, key=ordered)
    start = 0
    if after is not None:
        start = bisect_right(rows, after.ordered(descending=descending), key=ordered)
    elif before is not None:
        start = max(0, bisect_left(rows, before.ordered(descending=descending), key=ordered) - limit)
    page = rows[start : start + limit]
    return RowPage(
        rows=page,
        first=start + 1,
        total=len(rows),
        previous_cursor=encode_cursor(key_of(page[0])) if page and start > 0 else None,
        next_cursor=encode_cursor(key_of(page[-1])) if start + limit < len(rows) else None,
    )
