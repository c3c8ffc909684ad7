"""Arithmetic on columns of counters where UNKNOWN is a value: never compared, never summed."""

import operator
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from signalbox.brokers.model import UNKNOWN
from signalbox.kernel.intervals import STALE_INTERVALS

RATE_S = 60.0  # rates are means over a minute
SHORTEST_RATE_S = 0.5  # over a shorter time, jitter dominates a rate
LATENESS = 1.1  # readings come a little late

if TYPE_CHECKING:
    Column = array[int]
else:
    Column = array  # not subscriptable before Python 3.12


def known(value: int) -> int | None:
    return None if value == UNKNOWN else value


def rate_window_s(interval_s: float) -> float:
    """Return how far back a rate looks: a minute, or three intervals if those are longer."""
    return LATENESS * max(RATE_S, STALE_INTERVALS * interval_s)


def read_positions(arrived: Column, lag: Column) -> Column:
    """Return the positions of queues, counted in arrivals: all arrivals minus the messages that are waiting."""
    return array("q", (UNKNOWN if UNKNOWN in (a, w) else a - w for a, w in zip(arrived, lag, strict=True)))


def within(settled: Column, arrived: Column) -> Column:
    """Return the positions without those past the end: a commit that no message can have led to is no progress."""
    if not any(map(operator.gt, settled, arrived)):
        return settled
    pairs = zip(settled, arrived, strict=True)
    return array("q", [UNKNOWN if UNKNOWN < end < position else position for position, end in pairs])


def fallen_rows(new: Column, known: Column) -> list[int]:
    if new is known or not any(map(operator.lt, new, known)):
        return []
    return [row for row, (now, before) in enumerate(zip(new, known, strict=True)) if UNKNOWN < now < before]


def fill_unknown(new: Column, known: Column) -> Column:
    if UNKNOWN not in new or not known:
        return new
    return array("q", (before if now == UNKNOWN else now for now, before in zip(new, known, strict=True)))


def total_growth(new: Column, known: Column, *, first: bool) -> int:
    """Return the growth of the rows that were known before; the first time, the sum of all known rows."""
    if first:
        return sum(value for value in new if value != UNKNOWN)
    return sum(now - before for now, before in zip(new, known, strict=True) if UNKNOWN not in (now, before))


def reordered(column: Column, source: Sequence[int]) -> Column:
    return array("q", (column[row] if row >= 0 else UNKNOWN for row in source))


def with_unknown(column: Column, rows: Sequence[int]) -> Column:
    copy = array("q", column)
    for row in rows:
        copy[row] = UNKNOWN
    return copy


def total_rate(first: Column, last: Column, seconds: float) -> float | None:
    growth = [now - before for now, before in zip(last, first, strict=True) if UNKNOWN not in (now, before)]
    return rate(sum(growth), seconds) if growth else None


def rate(growth: int, seconds: float) -> float | None:
    return growth / seconds if seconds >= SHORTEST_RATE_S else None


def still_known(column: Column, known: Column) -> bool:
    """Return whether every row that was ever known is known now, and there is one."""
    if UNKNOWN not in column:
        return len(column) > 0
    return any(value != UNKNOWN for value in known) and not any(
        now == UNKNOWN != before for now, before in zip(column, known, strict=True)
    )
