"""Arithmetic on columns of counters where UNKNOWN is a value: it is never compared, summed or taken for a fall."""

import operator
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from signalbox.brokers.model import UNKNOWN
from signalbox.kernel.intervals import STALE_INTERVALS

RATE_S = 60.0  # rates are means over a minute
SHORTEST_RATE_S = 0.5  # a shorter time between two answers is mostly jitter
LATENESS = 1.1  # readings come a little late

if TYPE_CHECKING:
    Column = array[int]
else:
    Column = array  # not subscriptable before Python 3.12


def rate_window_s(interval_s: float) -> float:
    """Return how far back the readings lie that a rate is the mean of: a minute, or three intervals if those are longer."""
    return LATENESS * max(RATE_S, STALE_INTERVALS * interval_s)


def less(arrived: Column, lag: Column) -> Column:
    """Return where queues without positions stand, counted in arrivals: all that came but what waits."""
    return array("q", (UNKNOWN if UNKNOWN in (a, w) else a - w for a, w in zip(arrived, lag, strict=True)))


def fallen(new: Column, known: Column) -> list[int]:
    if new is known or not any(map(operator.lt, new, known)):
        return []
    return [row for row, (now, before) in enumerate(zip(new, known, strict=True)) if UNKNOWN < now < before]


def merged(new: Column, known: Column) -> Column:
    if UNKNOWN not in new or not known:
        return new
    return array("q", (before if now == UNKNOWN else now for now, before in zip(new, known, strict=True)))


def grown(new: Column, known: Column, *, first: bool) -> int:
    """Return by how much the rows grew that were known before; at first the sum of all that are known."""
    if first:
        return sum(value for value in new if value != UNKNOWN)
    return sum(now - before for now, before in zip(new, known, strict=True) if UNKNOWN not in (now, before))


def moved_to(column: Column, source: Sequence[int]) -> Column:
    return array("q", (column[row] if row >= 0 else UNKNOWN for row in source))


def blanked(column: Column, rows: Sequence[int]) -> Column:
    copy = array("q", column)
    for row in rows:
        copy[row] = UNKNOWN
    return copy


def mean_known(base: Column, last: Column, seconds: float) -> float | None:
    grown = [now - before for now, before in zip(last, base, strict=True) if UNKNOWN not in (now, before)]
    return mean(sum(grown), seconds) if grown else None


def mean(difference: int, seconds: float) -> float | None:
    return difference / seconds if seconds >= SHORTEST_RATE_S else None
