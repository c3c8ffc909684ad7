"""The last readings of one group, kept by reference: columns never change, so an idle group costs nothing.

The last minute is fine, for rates; before that coarse, and only as far back as messages are still unread, for time lag.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import pairwise

from signalbox.brokers.model import UNKNOWN, Positions
from signalbox.monitoring import columns
from signalbox.monitoring.columns import Column
from signalbox.monitoring.group_reading import GroupReading, all_read, spaced
from signalbox.monitoring.model import TimeLag, TimeLagMethod

FINE_SPACING_S = 4.5  # readings each second are thinned to about the interval of a sweep
COARSE_CELLS_MAX = 1500  # rows times coarse readings: 30 minutes of 50 partitions
COARSE_READINGS_MAX = 60
CONFIRM_AFTER_S = 0.9  # after a pause, a server gives old answers for up to half a second
STEADY_MOVES = 3
COUNTED_EVERY_MAX_S = 120.0  # longer is a gap
TREND_INTERVALS = 2
TREND_S = 10.0  # over less, commits that come in bursts look like a lag that grows


class PushResult(StrEnum):
    """What the window did with a reading."""

    ACCEPTED = "accepted"
    LATE = "late"  # requested before one that was accepted: dropped
    UNCONFIRMED = "unconfirmed"  # a counter fell: dropped unless the next reading agrees
    REPEATED = "repeated"  # the counters are those of the last reading; only the lag is new


class ReadingWindow:
    """The recent readings of one group. Rows are those of its newest positions."""

    def __init__(self, *, positional: bool) -> None:
        self.positional = positional  # False: counters, whose fall is a reset and no rewind
        self.readings: list[GroupReading] = []  # oldest first
        self.names: tuple[str, ...] = ()
        self.destination: Column = array("i")
        self.partition: Column = array("i")
        self.first_at: float | None = None
        self.arrived_total = 0  # summed over rows; survives rows that are added, removed or reset
        self.settled_total = 0
        self.rewound: dict[int, float] = {}  # row -> when its position first fell
        self._known_settled: Column = array("q")  # the last known value of each row
        self._known_arrived: Column = array("q")
        self._moved: array[float] = array("d")  # when each row's `settled` last moved; 0 = never
        self._still: array[float] = array("d")  # since when each row makes no progress while messages wait; 0 = it does
        self._fell_at: float | None = None
        self._pushed_at = float("-inf")
        self.counted_every_s = 0.0  # the time between the last two readings of counters that are older than their lag
        self._interval_s = 5.0
        self._rate_readings: list[GroupReading] = []  # a rate is the mean over these
        self.position: Column = array("q")  # how far each row is read, in the counter `arrived`

    def __len__(self) -> int:
        return len(self.partition)

    @property
    def newest(self) -> GroupReading:
        return self.readings[-1]

    def push(
        self, requested_at: float, read_at: float, positions: Positions, *, lag: int | None, interval_s: float
    ) -> PushResult:
        """Take one reading, unless it is late or the first one in which a counter fell."""
        if requested_at <= self._pushed_at:
            return PushResult.LATE
        self._pushed_at = requested_at
        if positions.counted_at is not None:
            requested_at = read_at = positions.counted_at
            if self.readings and requested_at <= self.newest.requested_at:
                return PushResult.REPEATED
        self._note_counted_every(requested_at, counted=positions.counted_at is not None)
        source = None if self._same_rows(positions) else self._old_rows(positions)
        fell = self._fell(positions, source)
        if fell and (self._fell_at is None or requested_at - self._fell_at < CONFIRM_AFTER_S):
            self._fell_at = self._fell_at or requested_at
            return PushResult.UNCONFIRMED if positions.counted_at is None else PushResult.REPEATED
        if source is not None:
            self._reorder(positions, source)
        self._interval_s = max(interval_s, self.counted_every_s)
        reading = self._reading(requested_at, read_at, positions, lag)
        if fell:
            self._accept_fall(reading)
        self._fell_at = None
        self._append(reading, positions)
        return PushResult.ACCEPTED

    def forget_destination(self, name: str) -> None:
        """Forget the history of a destination that was recreated."""
        rows = [row for row, index in enumerate(self.destination) if self.names[index] == name]
        self._forget(rows, settled=True, arrived=True)
        self._rate_readings = self._readings_for_rates() if self.readings else []

    def is_idle(self) -> bool:
        """Return whether nothing moved over the whole window. Compares identities: cheap, and never wrongly true."""
        settled, arrived = self.newest.settled, self.newest.arrived
        return all(r.settled is settled and r.arrived is arrived for r in self.readings)

    def moved_at(self, row: int) -> float | None:
        """Return when the row's position last moved; None = never in our readings."""
        return self._moved[row] or None

    def last_moved_at(self) -> float | None:
        """Return when any row last moved."""
        return max(self._moved, default=0.0) or None

    def still_since(self, row: int) -> float | None:
        """Return since when the row makes no progress while messages wait; None if it does."""
        return self._still[row] or None

    def rates(self, row: int) -> tuple[float | None, float | None]:
        """Return messages/s in and out, means over the last minute; None without a reading to compare with."""
        last = self.newest
        rate_in = rate_out = None
        base = next((r for r in self._rate_readings if r.arrived[row] != UNKNOWN), last)
        if base is not last and last.arrived[row] != UNKNOWN:
            rate_in = columns.rate(last.arrived[row] - base.arrived[row], last.read_at - base.read_at)
        base = next((r for r in self._rate_readings if r.settled[row] != UNKNOWN), last)
        if base is not last and last.settled[row] != UNKNOWN:
            rate_out = columns.rate(last.settled[row] - base.settled[row], last.requested_at - base.requested_at)
        return rate_in, rate_out

    def rates_are_partial(self) -> bool:
        """Return whether the total rates leave out rows, because they were unknown at one of the readings."""
        readings = self._rate_readings
        base = next((r for r in readings[:-1] if r.complete), readings[0]) if readings else self.newest
        return not (base.complete and self.newest.complete)

    def total_rates(self) -> tuple[float | None, float | None]:
        """Return messages/s in and out, summed over the known rows."""
        readings = self._rate_readings
        if not readings:
            return None, None
        last = self.newest
        base = next((r for r in readings[:-1] if r.complete), readings[0])
        read_s, requested_s = last.read_at - base.read_at, last.requested_at - base.requested_at
        if base.complete and last.complete:
            rate_in = columns.rate(sum(last.arrived) - sum(base.arrived), read_s)
            return rate_in, columns.rate(sum(last.settled) - sum(base.settled), requested_s)
        rate_in = columns.total_rate(base.arrived, last.arrived, read_s)
        return rate_in, columns.total_rate(base.settled, last.settled, requested_s)

    def lag_falls(self, row: int | None = None) -> bool | None:
        """Return whether the lag of a row, or of all rows together, fell over the last readings; None = not known."""
        last = self.newest
        until = last.requested_at - max(TREND_S, TREND_INTERVALS * self._interval_s)
        first = next((r for r in reversed(self._rate_readings) if r.requested_at <= until), None)
        if first is None:
            return None
        if row is None and first.complete and last.complete:
            return sum(last.arrived) - sum(last.settled) < sum(first.arrived) - sum(first.settled)
        growth = None
        for index in range(len(self)) if row is None else (row,):
            ends, done = (first.arrived[index], last.arrived[index]), (first.settled[index], last.settled[index])
            if UNKNOWN not in ends + done:
                growth = (growth or 0) + ends[1] - ends[0] - done[1] + done[0]
        return None if growth is None else growth < 0

    def totals(self) -> tuple[int | None, int | None]:
        """Return the counters of arrived and settled messages over all rows; None until a row is known."""
        arrived = any(value != UNKNOWN for value in self._known_arrived)
        settled = any(value != UNKNOWN for value in self._known_settled)
        return (self.arrived_total if arrived else None), (self.settled_total if settled else None)

    def whole_totals(self) -> tuple[int | None, int | None]:
        """Return `totals` without a counter that lacks the growth of rows that were known before."""
        arrived, settled = self.totals()
        last = self.newest
        return (
            arrived if columns.still_known(last.arrived, self._known_arrived) else None,
            settled if columns.still_known(last.settled, self._known_settled) else None,
        )

    def lags(self, over_s: float) -> list[int]:
        """Return the known lags of the last `over_s` seconds, oldest first."""
        since = self.newest.read_at - over_s
        return [r.lag for r in self.readings if r.lag is not None and r.read_at >= since]

    def readings_around_position(self, row: int) -> tuple[GroupReading | None, GroupReading]:
        """Return the last reading before the oldest unread message of a row was written, if we have it, and the next one."""
        position, after = self.position[row], self.newest
        for reading in reversed(self.readings):
            arrived = reading.arrived[row]
            if arrived == UNKNOWN:
                continue
            if arrived <= position:
                return reading, after
            after = reading
        return None, after

    def time_lag(self, row: int, *, now: float) -> TimeLag | None:
        """Return the age of the row's oldest unread message: our readings show when that offset was written."""
        position, end = self.position[row], self.newest.arrived[row]
        if UNKNOWN in (position, end):
            return None
        if end <= position:  # the waiting messages arrived after that reading
            older = now > self.newest.read_at
            method = TimeLagMethod.AT_MOST if older else TimeLagMethod.INTERPOLATED
            return TimeLag(seconds=max(now - self.newest.read_at, 0.0), method=method)
        before, after = self.readings_around_position(row)
        if before is None:
            return TimeLag(seconds=self.newest.read_at - after.read_at, method=TimeLagMethod.AT_LEAST)
        share = (position - before.arrived[row] + 0.5) / (after.arrived[row] - before.arrived[row])
        at = before.read_at + share * (after.read_at - before.read_at)
        return TimeLag(seconds=self.newest.read_at - at, method=TimeLagMethod.INTERPOLATED)

    def oldest_rows(self, rows: Iterable[int]) -> list[int]:
        """Return those of `rows` with the oldest unread messages."""
        position, end = self.position, self.newest.arrived
        candidates = [row for row in rows if 0 <= position[row] < end[row]]
        for reading in reversed(self.readings[:-1]):
            arrived = reading.arrived
            earlier = [row for row in candidates if arrived[row] > position[row]]
            if not earlier:
                return candidates
            candidates = earlier
        return candidates

    def unproven(self, rows: Iterable[int]) -> Iterator[int]:
        """Yield those of `rows` whose oldest unread message is older than our readings, or unknown."""
        first, position = self.readings[0].arrived, self.position
        for row in rows:
            if UNKNOWN < first[row] <= position[row]:
                continue
            if position[row] == UNKNOWN or self.readings_around_position(row)[0] is None:
                yield row

    def older_than(self, seconds: float) -> list[int]:
        """Return the rows whose oldest unread message is not proven to be younger than that."""
        since = self.newest.read_at - seconds
        past = next((r for r in self.readings if r.read_at >= since), self.newest)
        return [
            row
            for row, (done, end) in enumerate(zip(self.position, past.arrived, strict=True))
            if done < end or end == UNKNOWN
        ]

    def start_rate(self, row: int) -> float | None:
        """Return messages/s by which the log start moves; None unless it moves steadily (Kafka's moves in leaps)."""
        starts = [
            (r.read_at, r.start[row]) for r in self._rate_readings if r.start is not None and r.start[row] != UNKNOWN
        ]
        moves = sum(after > before for (_, before), (_, after) in pairwise(starts))
        if moves < STEADY_MOVES:
            return None
        return columns.rate(starts[-1][1] - starts[0][1], starts[-1][0] - starts[0][0])

    def _note_counted_every(self, requested_at: float, *, counted: bool) -> None:
        since = requested_at - self.newest.requested_at if counted and self.readings else 0.0
        self.counted_every_s = min(since, COUNTED_EVERY_MAX_S)

    def _readings_for_rates(self) -> list[GroupReading]:
        """Return the readings a rate is the mean of; [] with too few of them, or after a gap."""
        since = self.newest.requested_at - columns.rate_window_s(self._interval_s)
        recent = [r for r in self.readings if r.requested_at >= since]
        return recent if len(recent) > 1 else []

    def _same_rows(self, positions: Positions) -> bool:
        return (
            positions.partition is self.partition
            or (positions.partition == self.partition and positions.destination == self.destination)
        ) and positions.names == self.names

    def _old_rows(self, positions: Positions) -> list[int]:
        """Return, per row of these positions, its present row; UNKNOWN for a new one."""
        present = zip(self.destination, self.partition, strict=True)
        before = {(self.names[index], partition): row for row, (index, partition) in enumerate(present)}
        rows = zip(positions.destination, positions.partition, strict=True)
        return [before.get((positions.names[index], partition), UNKNOWN) for index, partition in rows]

    def _reorder(self, positions: Positions, source: Sequence[int]) -> None:
        """Reorder all readings: a partition was added, or a topic was removed."""
        self.names, self.destination, self.partition = positions.names, positions.destination, positions.partition
        self.readings = [
            replace(
                reading,
                settled=columns.reordered(reading.settled, source),
                arrived=columns.reordered(reading.arrived, source),
                complete=False,
                start=None,
            )
            for reading in self.readings
        ]
        self._known_settled = columns.reordered(self._known_settled, source)
        self._known_arrived = columns.reordered(self._known_arrived, source)
        self._moved = array("d", (self._moved[row] if row >= 0 else 0.0 for row in source))
        self._still = array("d", (self._still[row] if row >= 0 else 0.0 for row in source))
        new_rows = {old: new for new, old in enumerate(source) if old >= 0}
        self.rewound = {new_rows[row]: at for row, at in self.rewound.items() if row in new_rows}

    def _fell(self, positions: Positions, source: Sequence[int] | None) -> bool:
        settled, arrived = self._known_settled, self._known_arrived
        if source is not None:
            settled, arrived = columns.reordered(settled, source), columns.reordered(arrived, source)
        return bool(columns.fallen_rows(positions.settled, settled) or columns.fallen_rows(positions.arrived, arrived))

    def _accept_fall(self, reading: GroupReading) -> None:
        """Accept a fall that a second reading confirms: no comparison with readings from before."""
        ends = columns.fallen_rows(reading.arrived, self._known_arrived)
        rewound = [row for row in columns.fallen_rows(reading.settled, self._known_settled) if row not in set(ends)]
        if self.positional and self._fell_at is not None:
            self.rewound.update(dict.fromkeys(rewound, self._fell_at))
        self._forget(ends, settled=True, arrived=True)
        self._forget(rewound, settled=True, arrived=not self.positional)

    def _forget(self, rows: Sequence[int], *, settled: bool, arrived: bool) -> None:
        if not rows:
            return
        if settled:
            self.readings = [replace(r, settled=columns.with_unknown(r.settled, rows)) for r in self.readings]
            self._known_settled = columns.with_unknown(self._known_settled, rows)
        if arrived:
            self.readings = [replace(r, arrived=columns.with_unknown(r.arrived, rows)) for r in self.readings]
            self._known_arrived = columns.with_unknown(self._known_arrived, rows)
        self.readings = [replace(r, complete=False) for r in self.readings]
        for row in rows:
            self._moved[row] = self._still[row] = 0.0

    def _reading(self, requested_at: float, read_at: float, positions: Positions, lag: int | None) -> GroupReading:
        settled, arrived, start = positions.settled, positions.arrived, positions.start
        if self.positional and positions.lost is None:
            settled = columns.within(settled, arrived)
        if self.readings:  # share equal columns: an adapter may rebuild them each time
            last = self.newest
            settled = last.settled if settled == last.settled else settled
            arrived = last.arrived if arrived == last.arrived else arrived
            start = last.start if start == last.start else start
        complete = UNKNOWN not in settled and UNKNOWN not in arrived
        return GroupReading(requested_at, read_at, settled, arrived, lag, complete, start)

    def _append(self, reading: GroupReading, positions: Positions) -> None:
        if self.first_at is None:
            self.first_at = reading.requested_at
        self._count(reading)
        lag = positions.lag if positions.counted_lag is None else positions.counted_lag
        self._record_moves(reading, lag)
        self.position = self._read_positions(reading, positions, lag)
        self._known_settled = columns.fill_unknown(reading.settled, self._known_settled)
        self._known_arrived = columns.fill_unknown(reading.arrived, self._known_arrived)
        if len(self.readings) > 1 and self.newest.requested_at - self.readings[-2].requested_at < FINE_SPACING_S:
            self.readings.pop()
        self.readings.append(reading)
        self._thin(reading)
        self._rate_readings = self._readings_for_rates()

    def _read_positions(self, reading: GroupReading, positions: Positions, lag: Column) -> Column:
        """Return how far each row is read; UNKNOWN for a position past the end."""
        if not self.positional or positions.lost is not None:
            return columns.read_positions(reading.arrived, lag)
        return reading.settled if positions.first_unread is None else positions.first_unread

    def _count(self, reading: GroupReading) -> None:
        if reading.complete and self.readings and self.newest.complete:
            self.arrived_total += sum(reading.arrived) - sum(self.newest.arrived)
            self.settled_total += sum(reading.settled) - sum(self.newest.settled)
            return
        self.arrived_total += columns.total_growth(reading.arrived, self._known_arrived, first=not self.readings)
        self.settled_total += columns.total_growth(reading.settled, self._known_settled, first=not self.readings)

    def _record_moves(self, reading: GroupReading, lag: Column) -> None:
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
        limit = min(COARSE_READINGS_MAX, COARSE_CELLS_MAX // max(1, len(self)))
        coarse = spaced(self.readings[:fine])[-limit:] if limit else []
        while coarse and all_read((*coarse[1:2], self.readings[fine])[0], self.position):
            coarse.pop(0)  # the next reading is older than every unread message too
        self.readings[:fine] = coarse
