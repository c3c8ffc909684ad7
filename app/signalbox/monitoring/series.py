"""History of groups, partitions and destinations: the last hour in memory, 28 days in the database.

Raw samples are kept for 6 h, 30 s for 7 days, minutes for 28 days, within a budget of bytes. Unknown stays a gap.
"""

import asyncio
import contextlib
import logging
from bisect import bisect_right
from collections.abc import Collection

from signalbox.brokers.model import UNKNOWN
from signalbox.kernel.clock import Clock
from signalbox.kernel.service import Loop
from signalbox.monitoring.archive import FLUSH_S, PACK_S, Archive, SeriesBuffers
from signalbox.monitoring.model import HistoryUsage, Points
from signalbox.monitoring.samples import Downsampler, Samples, at_least, merge, points
from signalbox.monitoring.series_buffer import HALF_MINUTE_MS, MINUTE_MS, SeriesBuffer
from signalbox.monitoring.store import HistoryStore, SeriesKey
from signalbox.storage.engine import Database
from signalbox.storage.errors import StorageError

log = logging.getLogger(__name__)

SERIES_MAX = 20_000  # in memory: 240 MB when each is read every 5 s
PARTITION_SERIES_MAX = 5_000  # of these, partitions: a cluster in trouble has more than a person can read
PRUNE_S = 300.0
POINTS_MAX = 1_200  # more than a chart has pixels
STEP_MIN_MS = 5_000  # rates by the second show the rhythm of commits, not the throughput
RESTORE_TIMEOUT_S = 2.0
VALUE_MAX = 2**62
NO_POINTS = Points(at=[], lag=[], lag_at_least=[], rate_in=[], rate_out=[], step_s=30.0)


def destination_key(name: str) -> str:
    """Return the series name of a destination, which no group can have: brokers allow no lone surrogate."""
    return "\ud800" + name


class Series:
    """Takes samples without waiting, serves sparklines and charts, and saves every 10 s.

    A kill loses at most the last 10 s. While the database does not answer, an hour stays in memory; older samples are
    dropped and counted.
    """

    name = "history"

    def __init__(
        self, database: Database, clock: Clock, budget_bytes: int, *, flush_s: float = FLUSH_S, pack_s: float = PACK_S
    ) -> None:
        self._clock = clock
        self._budget_bytes = budget_bytes
        self._flush_s = flush_s
        self._pack_share = min(1.0, flush_s / pack_s)
        self._buffers: SeriesBuffers = {}
        self._partitions = 0
        self._archive = Archive(HistoryStore(database), self._buffers, clock)
        self._is_restored = asyncio.Event()
        self._saving = asyncio.Lock()
        self._loop = Loop("history", self._run)
        self._refused = self._dropped = 0
        self._saved_at: float | None = None
        self._error = ""

    async def start(self) -> None:
        await self._loop.start()

    async def stop(self) -> None:
        """Save new samples and end. Samples that the database does not take within 5 s are lost."""
        was_running = self._loop.healthy()
        await self._loop.stop()
        if was_running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5.0):
                    await self._save()

    async def save(self) -> None:
        """Write new samples to the journal, without packing: a process that stops has no time for more.

        Raises:
            StorageError: nothing was written; everything is still in memory.
        """
        async with self._saving:
            await self._archive.save(0.0)

    def healthy(self) -> bool:
        return self._loop.healthy()

    def add(
        self,
        connection: str,
        group: str,
        at: float,
        *,
        lag: int | None,
        arrived: int | None,
        settled: int | None,
        interval_s: float,
        partition: tuple[str, int] | None = None,
        lag_partial: bool = False,
    ) -> None:
        """Add one sample. Never waits and never fails.

        Args:
            connection: its name.
            group: its name, or `destination_key` of a destination.
            at: when it was read, in seconds since the epoch.
            lag: messages; None = unknown.
            arrived: counter of arrived messages; None = unknown.
            settled: counter of settled messages; None = unknown.
            interval_s: the present reading interval; more than three without a sample are a gap.
            partition: (destination, index); None = the whole group.
            lag_partial: whether `lag` is a minimum, because some partitions are unknown.
        """
        buffer = self._buffer(SeriesKey(connection, group, partition))
        if buffer is not None:
            buffer.forgotten = False
            stored = _storable(lag)
            marked = at_least(stored) if lag_partial and stored != UNKNOWN else stored
            values = marked, _storable(arrived), _storable(settled)
            self._dropped += buffer.add(int(at * 1000), *values, max(1, int(interval_s * 1000)))

    def spark(self, connection: str, group: str) -> Points:
        """Return the last hour in steps of 30 s, from memory; the same object until a sample is added."""
        buffer = self._buffers.get(SeriesKey(connection, group))
        return NO_POINTS if buffer is None else buffer.spark()

    def recent(self, connection: str, group: str, partition: tuple[str, int] | None = None) -> Samples | None:
        """Return about the last 15 min of raw samples, or None. Not a copy: do not change it."""
        buffer = self._buffers.get(SeriesKey(connection, group, partition))
        return None if buffer is None else buffer.raw

    async def points(
        self,
        connection: str,
        group: str,
        window_s: float,
        partition: tuple[str, int] | None = None,
        since: float | None = None,
    ) -> Points:
        """Return the last `window_s` seconds in at most about 1,200 rows; the last one is still growing.

        Args:
            connection: its name.
            group: its name, or `destination_key` of a destination.
            window_s: how far back, in seconds, 1 to 28 days.
            partition: (destination, index); None = the whole group.
            since: only rows after this time, with the same steps: the rows that an open chart lacks.

        Raises:
            StorageError: the database could not be read.
        """
        await self.wait_restored(RESTORE_TIMEOUT_S)
        subject = SeriesKey(connection, group, partition)
        step = _step_ms(window_s)
        now = self._archive.now_ms()
        begin = now - int(window_s * 1000)
        if since is not None:
            begin = max(begin, int(since * 1000) // step * step - step)  # one before: a rate needs two
        buffer = self._buffers.get(subject)
        live = Samples() if buffer is None else merge(Samples(), buffer.raw)
        until = live.at[0] if len(live) else now + 1
        rows = Downsampler(step)
        if until > begin:
            await self._archive.read(subject, rows, begin, until)
        for row in live:
            if row[0] >= begin:
                rows.add(*row)
        chart = points(rows.rows, step)
        return chart if since is None else _after(chart, since)

    def forget(self, connection: str, groups: Collection[str]) -> None:
        """Let deleted groups and their partitions leave memory; rows on disk expire."""
        for subject, buffer in self._buffers.items():
            if subject.connection == connection and subject.group in groups:
                buffer.forgotten = True

    async def wait_restored(self, timeout_s: float) -> bool:
        """Wait until history is restored after the start; False if that takes longer."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_restored.wait()
        except TimeoutError:
            return False
        return True

    def usage(self) -> HistoryUsage:
        return HistoryUsage(
            bytes=self._archive.bytes,
            budget_bytes=self._budget_bytes,
            series=len(self._buffers),
            refused=self._refused,
            dropped=self._dropped,
            unreadable=self._archive.unreadable,
            saved_at=self._saved_at,
            error=self._error,
        )

    def _buffer(self, subject: SeriesKey) -> SeriesBuffer | None:
        buffer = self._buffers.get(subject)
        if buffer is None:
            if not self._has_room(subject):
                self._refused += 1
                return None
            buffer = self._buffers[subject] = SeriesBuffer()
        return buffer

    def _has_room(self, subject: SeriesKey) -> bool:
        if subject.partition is None:
            return len(self._buffers) < SERIES_MAX
        self._partitions += 1  # counted again at each save
        return self._partitions <= PARTITION_SERIES_MAX

    async def _run(self) -> None:
        """Restore, then save and prune until stopped. A database that fails is tried again at the next turn."""
        since_prune = PRUNE_S
        while True:
            try:
                if not self._is_restored.is_set():
                    await self._archive.restore()
                    self._is_restored.set()
                await self._save()
                self._partitions = sum(subject.partition is not None for subject in self._buffers)
                if since_prune >= PRUNE_S:
                    await self._archive.prune(self._budget_bytes)
                    since_prune = 0.0
            except StorageError as error:
                self._failed(error)
            await asyncio.sleep(self._flush_s)
            since_prune += self._flush_s

    async def _save(self) -> None:
        async with self._saving:
            await self._archive.save(self._pack_share)
        self._saved_at = self._clock()
        if self._error:
            log.warning("History is saved again")
            self._error = ""

    def _failed(self, error: StorageError) -> None:
        if str(error) != self._error:
            log.warning("Cannot save history; the last hour stays in memory: %s", error)
        self._error = str(error)


def _storable(value: int | None) -> int:
    return value if value is not None and 0 <= value <= VALUE_MAX else UNKNOWN


def _step_ms(window_s: float) -> int:
    """Return the shortest step with at most POINTS_MAX rows: a multiple of a stored resolution, or rows would alias."""
    shortest = max(STEP_MIN_MS, int(window_s * 1000) // POINTS_MAX)
    unit = next(unit for unit in (STEP_MIN_MS, HALF_MINUTE_MS, MINUTE_MS) if shortest <= 6 * unit or unit == MINUTE_MS)
    return -(-shortest // unit) * unit


def _after(chart: Points, since: float) -> Points:
    first = bisect_right(chart.at, since)
    return Points(
        at=chart.at[first:],
        lag=chart.lag[first:],
        lag_at_least=chart.lag_at_least[first:],
        rate_in=chart.rate_in[first:],
        rate_out=chart.rate_out[first:],
        step_s=chart.step_s,
    )
