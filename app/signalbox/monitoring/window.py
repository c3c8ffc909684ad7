"""The last readings of one group (or destination), kept by reference: columns are never changed, so an idle group costs nothing.

Fine over the last minute for rates; further back, coarsely and only as far as something is still unread, for time lag.
Nothing is believed to have gone back on one reading: such a reading is held, and the next one decides.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from signalbox.brokers.model import UNKNOWN, Positions
from signalbox.monitoring import columns
from signalbox.monitoring.columns import Column
from signalbox.monitoring.model import TimeLag, TimeLagMethod

FINE_SPACING_S = 4.5  # readings of the watch tier (1 s) are thinned to about the sweep's
COARSE_SPACING_S = 60.0
COARSE_CELLS_MAX = 1500  # rows times coarse readings of one group: 30 minutes of 50 partitions
COARSE_READINGS_MAX = 60
CONFIRM_AFTER_S = 0.9  # a server back from a pause gives old answers for up to half a second
STEADY_MOVES = 3


class PushResult(StrEnum):
    """What became of a reading."""

    TAKEN = "taken"
    LATE = "late"  # asked before one that was taken already: dropped
    DOUBTED = "doubted"  # something went back: held until the next reading says the same


@dataclass(frozen=True, slots=True)
class GroupReading:
    """One reading: `requested_at` belongs to `settled`, `read_at` to `arrived`."""

    requested_at: float
    read_at: float
    settled: Column
    arrived: Column
    lag: int | None
    whole: bool  # every row of both columns is known
    start: Column | None = None


class ReadingWindow:
    """The recent past of one group. Rows are those of its newest positions."""

    def __init__(self, *, positional: bool) -> None:
        self._positional = positional  # False: counters; a fall is a reset of the counter, not a rewind
        self.readings: list[GroupReading] = []  # oldest first
        self.names: tuple[str, ...] = ()
        self.destination: Column = array("i")
        self.partition: Column = array("i")
        self.first_at: float | None = None
        self.came = 0  # counter of arrivals, summed over rows; survives rows that come, go and reset
        self.went = 0
        self.rewound: dict[int, float] = {}  # row -> when it was first seen to have gone back
        self._known_settled: Column = array("q")  # the last known value of each row
        self._known_arrived: Column = array("q")
        self._moved: array[float] = array("d")  # when each row's settled last moved; 0 = never seen
        self._still: array[float] = array("d")  # since when each row stands while messages wait; 0 = it does not
        self._doubt_at: float | None = None
        self._interval_s = 5.0
        self._minute: list[GroupReading] = []  # what a rate is the mean of
        self.position: Column = array("q")  # how far each row is read, in the counter of what arrived

    def __len__(self) -> int:
        return len(self.partition)

    @property
    def newest(self) -> GroupReading:
        return self.readings[-1]

    def push(
        self, requested_at: float, read_at: float, positions: Positions, *, lag: int | None, interval_s: float
    ) -> PushResult:
        """Take one reading, unless it is late or the first that says that something went back."""
        if self.readings and requested_at <= self.newest.requested_at:
            return PushResult.LATE
        source = None if self._same_rows(positions) else self._source(positions)
        went_back = self._went_back(positions, source)
        if went_back and (self._doubt_at is None or requested_at - self._doubt_at < CONFIRM_AFTER_S):
            self._doubt_at = self._doubt_at or requested_at
            return PushResult.DOUBTED
        if source is not None:
            self._lay_out(positions, source)
        self._interval_s = interval_s
        reading = self._reading(requested_at, read_at, positions, lag)
        if went_back:
            self._cut(reading)
        self._doubt_at = None
        self._take(reading, positions.lag)
        return PushResult.TAKEN

    def forget_destination(self, name: str) -> None:
        """Cut the history of a destination that was made anew: what was counted before belongs to another one."""
        rows = [row for row, index in enumerate(self.destination) if self.names[index] == name]
        self._blank(rows, settled=True, arrived=True)
        self._minute = self._recent() if self.readings else []

    def flat(self) -> bool:
        """Say whether nothing moved over the whole window, by identity alone: cheap, and never wrongly true."""
        settled, arrived = self.newest.settled, self.newest.arrived
        return all(r.settled is settled and r.arrived is arrived for r in self.readings)

    def moved_at(self, row: int) -> float | None:
        """Return when the row's position last moved as far as we saw; None = never seen to move."""
        return self._moved[row] or None

    def last_moved_at(self) -> float | None:
        """Return when any row last moved."""
        return max(self._moved, default=0.0) or None

    def still_since(self, row: int) -> float | None:
        """Return since when the row stands while messages wait; None if it does not."""
        return self._still[row] or None

    def rates(self, row: int) -> tuple[float | None, float | None]:
        """Return messages a second in and out, means over the last minute; None while there is nothing to compare with."""
        last = self.newest
        base = next((r for r in self._minute if r.arrived[row] != UNKNOWN), None)
        came = _rate(base, last, row, settled=False) if base else None
        base = next((r for r in self._minute if r.settled[row] != UNKNOWN), None)
        went = _rate(base, last, row, settled=True) if base else None
        return came, went

    def total_rates(self) -> tuple[float | None, float | None]:
        """Return the same summed over the rows that are known."""
        minute = self._minute
        if not minute:
            return None, None
        last = self.newest
        base = next((r for r in minute[:-1] if r.whole), minute[0])
        if base.whole and last.whole:
            return columns.mean(sum(last.arrived) - sum(base.arrived), last.read_at - base.read_at), columns.mean(
                sum(last.settled) - sum(base.settled), last.requested_at - base.requested_at
            )
        return (
            columns.mean_known(base.arrived, last.arrived, last.read_at - base.read_at),
            columns.mean_known(base.settled, last.settled, last.requested_at - base.requested_at),
        )

    def totals(self) -> tuple[int | None, int | None]:
        """Return the counters of what came and what was settled over all rows; None while no row was ever known."""
        came = any(value != UNKNOWN for value in self._known_arrived)
        went = any(value != UNKNOWN for value in self._known_settled)
        return (self.came if came else None), (self.went if went else None)

    def lags(self, over_s: float) -> list[int]:
        """Return the sums of lag over so many seconds, oldest first; those that were known."""
        since = self.newest.read_at - over_s
        return [r.lag for r in self.readings if r.lag is not None and r.read_at >= since]

    def written(self, row: int) -> tuple[GroupReading | None, GroupReading]:
        """Return the last reading before the oldest unread message of a row was written, if we saw it, and the next one."""
        position, after = self.position[row], self.newest
        for reading in reversed(self.readings):
            arrived = reading.arrived[row]
            if arrived == UNKNOWN:
                continue
            if arrived <= position:
                return reading, after
            after = reading
        return None, after

    def time_lag(self, row: int) -> TimeLag | None:
        """Return how old the row's oldest unread message is, from when our readings saw its position written."""
        position, end = self.position[row], self.newest.arrived[row]
        if UNKNOWN in (position, end):
            return None
        if end <= position:
            return TimeLag(seconds=0.0, method=TimeLagMethod.INTERPOLATED)
        before, after = self.written(row)
        if before is None:
            return TimeLag(seconds=self.newest.read_at - after.read_at, method=TimeLagMethod.AT_LEAST)
        share = (position - before.arrived[row] + 0.5) / (after.arrived[row] - before.arrived[row])
        at = before.read_at + share * (after.read_at - before.read_at)
        return TimeLag(seconds=self.newest.read_at - at, method=TimeLagMethod.INTERPOLATED)

    def oldest_rows(self, rows: Iterable[int]) -> list[int]:
        """Return those of `rows` whose oldest unread message is oldest: one step back in time for all of them at once."""
        position, end = self.position, self.newest.arrived
        left = [row for row in rows if 0 <= position[row] < end[row]]
        for reading in reversed(self.readings[:-1]):
            arrived = reading.arrived
            earlier = [row for row in left if arrived[row] > position[row]]
            if not earlier:
                return left
            left = earlier
        return left

    def older_than(self, seconds: float) -> list[int]:
        """Return the rows whose oldest unread message is not proven to be younger than this."""
        since = self.newest.read_at - seconds
        past = next((r for r in self.readings if r.read_at >= since), self.newest)
        return [
            row
            for row, (done, end) in enumerate(zip(self.position, past.arrived, strict=True))
            if done < end or end == UNKNOWN
        ]

    def start_rate(self, row: int) -> float | None:
        """Return how fast the oldest kept position moves; None unless it moves steadily (Kafka's goes in leaps)."""
        starts = [(r.read_at, r.start[row]) for r in self._minute if r.start is not None and r.start[row] != UNKNOWN]
        moves = sum(after > before for (_, before), (_, after) in pairwise(starts))
        if moves < STEADY_MOVES:
            return None
        return columns.mean(starts[-1][1] - starts[0][1], starts[-1][0] - starts[0][0])

    def _recent(self) -> list[GroupReading]:
        """Return the readings that a rate is the mean of; none where too little is known, or a gap lies before the newest."""
        since = self.newest.requested_at - columns.rate_window_s(self._interval_s)
        recent = [r for r in self.readings if r.requested_at >= since]
        return recent if len(recent) > 1 else []

    def _same_rows(self, positions: Positions) -> bool:
        return (
            positions.partition is self.partition
            or (positions.partition == self.partition and positions.destination == self.destination)
        ) and positions.names == self.names

    def _source(self, positions: Positions) -> list[int]:
        """Return, per row of these positions, the row that it is now; UNKNOWN for a new one."""
        old_rows = zip(self.destination, self.partition, strict=True)
        before = {(self.names[index], partition): row for row, (index, partition) in enumerate(old_rows)}
        rows = zip(positions.destination, positions.partition, strict=True)
        return [before.get((positions.names[index], partition), UNKNOWN) for index, partition in rows]

    def _lay_out(self, positions: Positions, source: Sequence[int]) -> None:
        """Follow rows to their new places: a partition was added, a topic was left out."""
        self.names, self.destination, self.partition = positions.names, positions.destination, positions.partition
        self.readings = [
            GroupReading(
                r.requested_at,
                r.read_at,
                columns.moved_to(r.settled, source),
                columns.moved_to(r.arrived, source),
                r.lag,
                whole=False,
            )
            for r in self.readings
        ]
        self._known_settled = columns.moved_to(self._known_settled, source)
        self._known_arrived = columns.moved_to(self._known_arrived, source)
        self._moved = array("d", (self._moved[row] if row >= 0 else 0.0 for row in source))
        self._still = array("d", (self._still[row] if row >= 0 else 0.0 for row in source))
        places = {old: new for new, old in enumerate(source) if old >= 0}
        self.rewound = {places[row]: at for row, at in self.rewound.items() if row in places}

    def _went_back(self, positions: Positions, source: Sequence[int] | None) -> bool:
        settled, arrived = self._known_settled, self._known_arrived
        if source is not None:
            settled, arrived = columns.moved_to(settled, source), columns.moved_to(arrived, source)
        return bool(columns.fallen(positions.settled, settled) or columns.fallen(positions.arrived, arrived))

    def _cut(self, reading: GroupReading) -> None:
        """A second reading says the same: believe it, and compare with nothing from before."""
        ends = columns.fallen(reading.arrived, self._known_arrived)
        back = [row for row in columns.fallen(reading.settled, self._known_settled) if row not in set(ends)]
        if self._positional and self._doubt_at is not None:
            self.rewound.update(dict.fromkeys(back, self._doubt_at))
        self._blank(ends, settled=True, arrived=True)
        self._blank(back, settled=True, arrived=not self._positional)

    def _blank(self, rows: Sequence[int], *, settled: bool, arrived: bool) -> None:
        if not rows:
            return
        self.readings = [
            GroupReading(
                r.requested_at,
                r.read_at,
                columns.blanked(r.settled, rows) if settled else r.settled,
                columns.blanked(r.arrived, rows) if arrived else r.arrived,
                r.lag,
                whole=False,
                start=r.start,
            )
            for r in self.readings
        ]
        self._known_settled = columns.blanked(self._known_settled, rows) if settled else self._known_settled
        self._known_arrived = columns.blanked(self._known_arrived, rows) if arrived else self._known_arrived
        for row in rows:
            self._moved[row] = self._still[row] = 0.0

    def _reading(self, requested_at: float, read_at: float, positions: Positions, lag: int | None) -> GroupReading:
        settled, arrived, start = positions.settled, positions.arrived, positions.start
        if self.readings:  # what is equal is the same column: an adapter may build its answer anew each time
            last = self.newest
            settled = last.settled if settled == last.settled else settled
            arrived = last.arrived if arrived == last.arrived else arrived
            start = last.start if start == last.start else start
        whole = UNKNOWN not in settled and UNKNOWN not in arrived
        return GroupReading(requested_at, read_at, settled, arrived, lag, whole, start)

    def _take(self, reading: GroupReading, lag: Column) -> None:
        if self.first_at is None:
            self.first_at = reading.requested_at
        self._count(reading)
        self._note_moves(reading, lag)
        self.position = reading.settled if self._positional else columns.less(reading.arrived, lag)
        self._known_settled = columns.merged(reading.settled, self._known_settled)
        self._known_arrived = columns.merged(reading.arrived, self._known_arrived)
        if len(self.readings) > 1 and self.newest.requested_at - self.readings[-2].requested_at < FINE_SPACING_S:
            self.readings.pop()
        self.readings.append(reading)
        self._thin(reading)
        self._minute = self._recent()

    def _count(self, reading: GroupReading) -> None:
        if reading.whole and self.readings and self.newest.whole:
            self.came += sum(reading.arrived) - sum(self.newest.arrived)
            self.went += sum(reading.settled) - sum(self.newest.settled)
            return
        self.came += columns.grown(reading.arrived, self._known_arrived, first=not self.readings)
        self.went += columns.grown(reading.settled, self._known_settled, first=not self.readings)

    def _note_moves(self, reading: GroupReading, lag: Column) -> None:
        if self.readings and reading.settled is self.newest.settled and reading.arrived is self.newest.arrived:
            return
        at, known = reading.requested_at, self._known_settled
        for row, (now, before, waits) in enumerate(zip(reading.settled, known, lag, strict=True)):
            if now == UNKNOWN:
                continue
            moved = now != before
            if moved and before != UNKNOWN:
                self._moved[row] = at
            if waits <= 0:
                self._still[row] = 0.0
            elif moved or not self._still[row]:
                self._still[row] = at

    def _thin(self, newest: GroupReading) -> None:
        fine_since = newest.requested_at - columns.rate_window_s(self._interval_s)
        fine = next(i for i, r in enumerate(self.readings) if r.requested_at >= fine_since)
        most = min(COARSE_READINGS_MAX, COARSE_CELLS_MAX // max(1, len(self)))
        coarse = _spaced(self.readings[:fine])[-most:] if most else []
        while coarse and _all_read((*coarse[1:2], self.readings[fine])[0], self.position):
            coarse.pop(0)  # the reading after it lies before every unread message as well
        self.readings[:fine] = coarse


def _all_read(reading: GroupReading, position: Column) -> bool:
    """Say whether every message that had come by that reading is read by now, on all rows that are known."""
    return not any(end > done for end, done in zip(reading.arrived, position, strict=True) if done != UNKNOWN)


def _rate(base: GroupReading, last: GroupReading, row: int, *, settled: bool) -> float | None:
    if base is last:
        return None
    now = last.settled[row] if settled else last.arrived[row]
    if now == UNKNOWN:
        return None
    before, took = (
        (base.settled[row], last.requested_at - base.requested_at)
        if settled
        else (base.arrived[row], last.read_at - base.read_at)
    )
    return columns.mean(now - before, took)


def _spaced(readings: Sequence[GroupReading]) -> list[GroupReading]:
    kept: list[GroupReading] = []
    for reading in readings:
        if not kept or reading.requested_at - kept[-1].requested_at >= COARSE_SPACING_S:
            kept.append(reading)
    return kept
