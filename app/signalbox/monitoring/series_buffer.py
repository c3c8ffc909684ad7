"""One series in memory: as read for a quarter of an hour, every 30 s for an hour, and the minutes not yet on disk."""

from bisect import bisect_left

from signalbox.brokers.model import UNKNOWN
from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring.model import Points
from signalbox.monitoring.samples import RESET, Downsampler, Samples, points

MINUTE_MS = 60_000
RAW_MS = 15 * MINUTE_MS
HALF_MINUTES_MS = 60 * MINUTE_MS
UNSAVED_MS = 60 * MINUTE_MS  # what waits for a database that does not answer
HALF_MINUTE_MS = 30_000

ALL_UNKNOWN = (UNKNOWN, UNKNOWN, UNKNOWN)


class SeriesBuffer:
    """Takes samples of one series in the order in which they were read. About 12 kB when read every 5 s."""

    __slots__ = ("_spark", "fresh", "half_minutes", "id", "interval_ms", "leaving", "minutes", "raw", "sealed_to")

    def __init__(self, *, number: int | None = None, half_minutes: Samples | None = None) -> None:
        self.id = number  # its number in the database, once it has one
        self.raw = Samples()
        self.half_minutes = Downsampler(HALF_MINUTE_MS, half_minutes)
        self.minutes = Downsampler(MINUTE_MS)
        self.fresh = 0  # how many of the last rows of `raw` are not in the journal yet
        self.sealed_to = 0  # rows up to this time stand in packed hours
        self.leaving = False
        self.interval_ms: int | None = None  # how often it is read just now
        self._spark: Points | None = None

    @property
    def last_at(self) -> int | None:
        """When it was read last, in ms."""
        if len(self.raw):
            return self.raw.at[-1]
        return self.half_minutes.rows.at[-1] if len(self.half_minutes.rows) else None

    def add(self, at: int, lag: int, arrived: int, settled: int, interval_ms: int | None = None) -> int:
        """Take a reading and return how many old samples had to be given up (0 but for a database that is long away).

        A hole is marked; when the clock was set back, what claims to be later than this reading is dropped.
        """
        self.interval_ms = interval_ms
        last = self.last_at
        if last is None and (lag, arrived, settled) != ALL_UNKNOWN:
            self._append(at - 1, *ALL_UNKNOWN)  # before this nothing is known: never joined with what is on disk
        elif last is not None and at <= last:
            self._turn_back(at)
        elif last is not None and interval_ms is not None and at - last > STALE_INTERVALS * interval_ms:
            self._append(last + interval_ms, *ALL_UNKNOWN)
        self._append(at, lag, arrived, settled)
        return self._trim()

    def spark(self) -> Points:
        """Return the last hour in steps of 30 s; the same object until something is added."""
        if self._spark is None:
            self._spark = points(self.half_minutes.rows, HALF_MINUTE_MS)
        return self._spark

    def unsealed(self) -> dict[int, Samples]:
        """Return, per resolution in seconds (0 = as read), what packed hours do not hold yet, from a whole minute on."""
        edge = self.sealed_to // MINUTE_MS * MINUTE_MS
        sources = {0: self.raw, 30: self.half_minutes.rows, 60: self.minutes.rows}
        if len(self.raw):
            edge = max(edge, self.raw.at[0] // MINUTE_MS * MINUTE_MS)  # older rows were read back from there
        return {resolution: rows.between(bisect_left(rows.at, edge), len(rows)) for resolution, rows in sources.items()}

    def _append(self, at: int, lag: int, arrived: int, settled: int) -> None:
        self.raw.append(at, lag, arrived, settled)
        self.half_minutes.add(at, lag, arrived, settled)
        self.minutes.add(at, lag, arrived, settled)
        self.fresh += 1
        self._spark = None

    def _turn_back(self, at: int) -> None:
        self.raw.cut(at)
        self.fresh = min(self.fresh, len(self.raw))
        self.sealed_to = min(self.sealed_to, at - 1)
        minute = at // MINUTE_MS * MINUTE_MS
        again = self.raw.between(bisect_left(self.raw.at, minute), len(self.raw))
        for fold in (self.half_minutes, self.minutes):
            fold.rows.cut(minute)
        self.half_minutes = Downsampler(HALF_MINUTE_MS, self.half_minutes.rows)
        self.minutes = Downsampler(MINUTE_MS, self.minutes.rows)
        for row in again:
            self.half_minutes.add(*row)
            self.minutes.add(*row)
        if not len(self.raw) or self.raw.at[-1] < at - 1:
            self._append(at - 1, UNKNOWN, RESET, RESET)  # nobody knows how much time passed since the row before

    def _trim(self) -> int:
        newest = self.raw.at[-1]
        if newest - self.raw.at[0] < RAW_MS + MINUTE_MS:
            return 0
        edge = (newest - RAW_MS) // MINUTE_MS * MINUTE_MS
        lost = 0
        if edge > self.sealed_to:
            edge = (newest - UNSAVED_MS) // MINUTE_MS * MINUTE_MS
            lost = max(0, bisect_left(self.raw.at, edge) - bisect_left(self.raw.at, self.sealed_to + 1))
        self.raw.drop_first(bisect_left(self.raw.at, edge))
        self.fresh = min(self.fresh, len(self.raw))
        for rows, oldest in ((self.minutes.rows, edge), (self.half_minutes.rows, min(edge, newest - HALF_MINUTES_MS))):
            rows.drop_first(bisect_left(rows.at, oldest))
        return lost
