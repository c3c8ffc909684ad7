"""Key paging over a list that moves: a cursor names the last row seen, not a row number. Pure."""

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

CURSOR_LENGTH_MAX = 4096  # a name of 249 characters at four bytes each, escaped and in base64, fits

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in its list: dearest rank first, then by value (unknown last), then by name.

    `value` is what the list is sorted by; None is unknown and stands last, whichever the direction.
    """

    rank: int
    value: int | float | str | None
    connection: str
    name: str

    def key(self, *, down: bool) -> tuple[object, ...]:
        """Return what sorts: ascending keys are the order of the list."""
        if self.value is None:
            return (self.rank, 1, 0, self.connection, self.name)
        if isinstance(self.value, str):
            # a falling order of texts: turned code points, closed by one that is above all of them
            value: object = (*(-ord(c) for c in self.value), 1) if down else self.value
        else:
            value = -self.value if down else self.value
        return (self.rank, 0, value, self.connection, self.name)


class CursorRefused(ValueError):
    """A cursor that this list never gave."""


def to_cursor(place: Place) -> str:
    """Write a place for an address."""
    packed = msgspec.json.encode((place.rank, place.value, place.connection, place.name))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def from_cursor(text: str, *, of_text: bool) -> Place:
    """Read a place out of an address; `of_text` says that the list is sorted by a text.

    Raises:
        CursorRefused: it is none of ours, or belongs to another order.
    """
    if len(text) > CURSOR_LENGTH_MAX:
        raise CursorRefused(f"at most {CURSOR_LENGTH_MAX} characters")
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        rank, value, connection, name = msgspec.json.decode(
            packed, type=tuple[int, int | float | str | None, str, str], strict=True
        )
    except (ValueError, binascii.Error, msgspec.MsgspecError) as fault:
        raise CursorRefused("a cursor that this list gave") from fault
    if value is not None and isinstance(value, str) is not of_text:
        raise CursorRefused("a cursor of the same sort order")
    return Place(rank, value, connection, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[Item]):
    """One page of a list. `first` counts from 1; the cursors are None where nothing lies before or behind."""

    rows: Sequence[Item]
    first: int
    total: int
    before: str | None
    after: str | None

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def cut(
    items: Sequence[Item],
    place_of: Callable[[Item], Place],
    *,
    down: bool,
    size: int,
    after: Place | None = None,
    before: Place | None = None,
) -> Slice[Item]:
    """Sort and return the rows behind `after`, or the last rows ahead of `before`, or the first ones."""

    def key(item: Item) -> tuple[object, ...]:
        return place_of(item).key(down=down)

    ordered = sorted(items, key=key)
    begin = 0
    if after is not None:
        begin = bisect_right(ordered, after.key(down=down), key=key)
    elif before is not None:
        begin = max(0, bisect_left(ordered, before.key(down=down), key=key) - size)
    rows = ordered[begin : begin + size]
    return Slice(
        rows=rows,
        first=begin + 1,
        total=len(ordered),
        before=to_cursor(place_of(rows[0])) if rows and begin > 0 else None,
        after=to_cursor(place_of(rows[-1])) if begin + size < len(ordered) else None,
    )
