"""One series in memory: raw for 15 minutes, every 30 s for an hour, and the minutes that are not on disk yet."""

from bisect import bisect_left

from signalbox.brokers.model import UNKNOWN
from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring.model import Points
from signalbox.monitoring.samples import RESET, Downsampler, Samples, points

MINUTE_MS = 60_000
RAW_MS = 15 * MINUTE_MS
HALF_MINUTES_MS = 60 * MINUTE_MS
UNSAVED_MS = 60 * MINUTE_MS  # samples older than that are dropped if the database does not answer
HALF_MINUTE_MS = 30_000

ALL_UNKNOWN = (UNKNOWN, UNKNOWN, UNKNOWN)


class SeriesBuffer:
    """Takes the samples of one series in the order of reading. About 12 kB when read every 5 s."""

    __slots__ = ("_spark", "forgotten", "half_minutes", "id", "interval_ms", "minutes", "packed_to", "raw", "unsaved")

    def __init__(self, *, series_id: int | None = None, half_minutes: Samples | None = None) -> None:
        self.id = series_id  # its id in the database, once it has one
        self.raw = Samples()
        self.half_minutes = Downsampler(HALF_MINUTE_MS, half_minutes)
        self.minutes = Downsampler(MINUTE_MS)
        self.unsaved = 0  # how many of the last rows of `raw` are not in the journal yet
        self.packed_to = 0  # in ms; packed hours have the rows up to this time
        self.forgotten = False
        self.interval_ms: int | None = None  # the present reading interval
        self._spark: Points | None = None

    @property
    def last_at(self) -> int | None:
        if len(self.raw):
            return self.raw.at[-1]
        return self.half_minutes.rows.at[-1] if len(self.half_minutes.rows) else None

    def add(self, at: int, lag: int, arrived: int, settled: int, interval_ms: int | None = None) -> int:
        """Take a sample and return how many old ones were dropped (0 unless the database has not answered for long).

        A gap is marked. If the clock was set back, samples with a later time are dropped.
        """
        self.interval_ms = interval_ms
        last = self.last_at
        if last is None and (lag, arrived, settled) != ALL_UNKNOWN:
            self._append(at - 1, *ALL_UNKNOWN)  # unknown before: never joined with rows on disk
        elif last is not None and at <= last:
            self._drop_later(at)
        elif last is not None and interval_ms is not None and at - last > STALE_INTERVALS * interval_ms:
            self._append(last + interval_ms, *ALL_UNKNOWN)
        self._append(at, lag, arrived, settled)
        return self._trim()

    def spark(self) -> Points:
        """Return the last hour in steps of 30 s; the same object until a sample is added."""
        if self._spark is None:
            self._spark = points(self.half_minutes.rows, HALF_MINUTE_MS)
        return self._spark

    def unpacked(self) -> dict[int, Samples]:
        """Return by resolution in seconds (0 = raw) the rows that are not packed yet, from a full minute on."""
        edge = self.packed_to // MINUTE_MS * MINUTE_MS
        sources = {0: self.raw, 30: self.half_minutes.rows, 60: self.minutes.rows}
        if len(self.raw):
            edge = max(edge, self.raw.at[0] // MINUTE_MS * MINUTE_MS)  # older rows were restored from disk
        return {resolution: rows.between(bisect_left(rows.at, edge), len(rows)) for resolution, rows in sources.items()}

    def _append(self, at: int, lag: int, arrived: int, settled: int) -> None:
        self.raw.append(at, lag, arrived, settled)
        self.half_minutes.add(at, lag, arrived, settled)
        self.minutes.add(at, lag, arrived, settled)
        self.unsaved += 1
        self._spark = None

    def _drop_later(self, at: int) -> None:
        self.raw.cut(at)
        self.unsaved = min(self.unsaved, len(self.raw))
        self.packed_to = min(self.packed_to, at - 1)
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
            self._append(at - 1, UNKNOWN, RESET, RESET)  # the time since the row before is unknown

    def _trim(self) -> int:
        newest = self.raw.at[-1]
        if newest - self.raw.at[0] < RAW_MS + MINUTE_MS:
            return 0
        edge = (newest - RAW_MS) // MINUTE_MS * MINUTE_MS
        dropped = 0
        if edge > self.packed_to:
            edge = (newest - UNSAVED_MS) // MINUTE_MS * MINUTE_MS
            dropped = max(0, bisect_left(self.raw.at, edge) - bisect_left(self.raw.at, self.packed_to + 1))
        self.raw.drop_first(bisect_left(self.raw.at, edge))
        self.unsaved = min(self.unsaved, len(self.raw))
        for rows, oldest in ((self.minutes.rows, edge), (self.half_minutes.rows, min(edge, newest - HALF_MINUTES_MS))):
            rows.drop_first(bisect_left(rows.at, oldest))
        return dropped
