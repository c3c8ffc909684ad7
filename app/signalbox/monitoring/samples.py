"""Samples of one series in columns, and downsampling that keeps totals, peaks and gaps. Pure.

Times are ms since the epoch (UTC); `arrived` and `settled` are counters. UNKNOWN (-1) is a gap, RESET (-2) a counter that fell,
a lower value a lag of which some partitions are unknown.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from signalbox.brokers.model import UNKNOWN
from signalbox.monitoring.model import Points

RESET = -2
AT_LEAST = -3  # the mark of a partial lag: of 0; -4 is at least 1, and so on
Row = tuple[int, int, int, int]


def at_least(lag: int) -> int:
    """Mark a lag as a minimum, or return the number of one that is marked."""
    return AT_LEAST - lag


def _column() -> "array[int]":
    return array("q")


@dataclass(slots=True)
class Samples:
    """Rows in order of time, in four columns of equal length."""

    at: "array[int]" = field(default_factory=_column)
    lag: "array[int]" = field(default_factory=_column)
    arrived: "array[int]" = field(default_factory=_column)
    settled: "array[int]" = field(default_factory=_column)

    def __len__(self) -> int:
        return len(self.at)

    def __iter__(self) -> Iterator[Row]:
        return zip(self.at, self.lag, self.arrived, self.settled, strict=True)

    def columns(self) -> tuple["array[int]", "array[int]", "array[int]", "array[int]"]:
        return self.at, self.lag, self.arrived, self.settled

    def append(self, at: int, lag: int, arrived: int, settled: int) -> None:
        self.at.append(at)
        self.lag.append(lag)
        self.arrived.append(arrived)
        self.settled.append(settled)

    def extend(self, other: "Samples") -> None:
        for column, added in zip(self.columns(), other.columns(), strict=True):
            column.extend(added)

    def unknown(self, row: int) -> bool:
        return self.lag[row] == self.arrived[row] == self.settled[row] == UNKNOWN

    def between(self, first: int, last: int) -> "Samples":
        """Return a copy of rows `first` up to, not including, `last`."""
        return Samples(*(column[first:last] for column in self.columns()))

    def drop_first(self, count: int) -> None:
        for column in self.columns():
            del column[:count]

    def cut(self, at: int) -> None:
        """Drop the rows of that time or later: the newest reading is right about the time."""
        keep = len(self.at)
        while keep and self.at[keep - 1] >= at:
            keep -= 1
        for column in self.columns():
            del column[keep:]


class Downsampler:
    """Takes samples in order of time and keeps one row per step: the highest lag, the last counters, the last time.

    A counter that fell is RESET in that row, so no rate spans the fall. A gap longer than a step keeps a row of UNKNOWN, even
    beside known samples of the same step. Downsampling twice to the same step changes nothing.
    """

    __slots__ = ("_gap_at", "_known_at", "_last", "rows", "step_ms")

    def __init__(self, step_ms: int, rows: Samples | None = None) -> None:
        self.step_ms = step_ms
        self.rows = Samples()
        self._gap_at: int | None = None  # when the gap since the last known row began
        self._known_at: int | None = None
        self._last = [UNKNOWN, UNKNOWN]  # the last known counters
        for row in rows or ():
            self.add(*row)

    def add(self, at: int, lag: int, arrived: int, settled: int) -> None:
        """Take one sample, later than the ones before."""
        rows = self.rows
        same = len(rows) > 0 and rows.at[-1] // self.step_ms == at // self.step_ms
        if lag == arrived == settled == UNKNOWN:
            self._gap_at = self._gap_at if self._gap_at is not None else at
            if not same:
                rows.append(at, UNKNOWN, UNKNOWN, UNKNOWN)
            return
        counters = self._or_reset(0, arrived), self._or_reset(1, settled)
        broken = self._gap_at is not None and (self._known_at is None or at - self._known_at > self.step_ms)
        if broken and self._gap_at is not None and len(rows) and not rows.unknown(-1):
            rows.append(self._gap_at, UNKNOWN, UNKNOWN, UNKNOWN)
        if not same or (broken and rows.unknown(-1)):
            rows.append(at, lag, *counters)
        else:
            self._combine(at, lag, *counters)
        self._gap_at, self._known_at = None, at

    def _combine(self, at: int, lag: int, arrived: int, settled: int) -> None:
        rows = self.rows
        rows.at[-1] = at
        rows.lag[-1] = _higher(rows.lag[-1], lag)
        rows.arrived[-1] = RESET if rows.arrived[-1] == RESET else arrived
        rows.settled[-1] = RESET if rows.settled[-1] == RESET else settled

    def _or_reset(self, counter: int, value: int) -> int:
        if value == UNKNOWN:
            return UNKNOWN
        fell = value == RESET or value < self._last[counter]
        self._last[counter] = UNKNOWN if value == RESET else value
        return RESET if fell else value


def downsample(samples: Samples, step_ms: int) -> Samples:
    """Return the samples with at most one known row per step."""
    return Downsampler(step_ms, samples).rows


def merge(old: Samples, new: Samples, step_ms: int = 1) -> Samples:
    """Return both; from the step of the first new row on, only the new ones."""
    merged = old.between(0, len(old))
    if len(new):
        merged.cut(new.at[0] // step_ms * step_ms)
    merged.extend(new)
    return merged


def points(samples: Samples, step_ms: int) -> Points:
    """Return the points of a chart. A rate needs two known rows side by side, and no fall between them."""
    return Points(
        at=[at / 1000 for at in samples.at],
        lag=[value if value >= 0 else None for value in samples.lag],
        lag_at_least=[at_least(value) if value <= AT_LEAST else None for value in samples.lag],
        rate_in=_rates(samples.at, samples.arrived),
        rate_out=_rates(samples.at, samples.settled),
        step_s=step_ms / 1000,
    )


def _higher(one: int, other: int) -> int:
    """Return the higher lag; a minimum counts only above what is known whole."""
    whole = max(value if value > AT_LEAST else UNKNOWN for value in (one, other))
    least = max(at_least(value) if value <= AT_LEAST else UNKNOWN for value in (one, other))
    return at_least(least) if least > whole else whole


def _rates(at: "array[int]", counter: "array[int]") -> list[float | None]:
    """Return messages/s between each row and the one before; None for the first."""
    rates: list[float | None] = [None] * len(at)
    for row in range(1, len(at)):
        before, now = counter[row - 1], counter[row]
        if 0 <= before <= now:
            rates[row] = (now - before) * 1000 / (at[row] - at[row - 1])
    return rates
