"""History of groups, partitions and destinations: in memory for the last hour, in the database for 28 days.

Nobody else queries it. Kept are: as read for 6 h, 30 s for 7 days, minutes for 28 days, within a budget of bytes; over it the
oldest and finest go first. Unknown stays a gap: it is never joined and never zero.
"""

import asyncio
import contextlib
import logging
from bisect import bisect_right
from collections.abc import Collection

from signalbox.brokers.model import UNKNOWN
from signalbox.kernel.clock import Clock
from signalbox.kernel.service import Loop
from signalbox.monitoring.archive import FLUSH_S, SEAL_S, Archive, SeriesBuffers
from signalbox.monitoring.model import HistoryUsage, Points
from signalbox.monitoring.samples import Downsampler, Samples, merge, points
from signalbox.monitoring.series_buffer import HALF_MINUTE_MS, MINUTE_MS, SeriesBuffer
from signalbox.monitoring.store import HistoryStore, SeriesKey
from signalbox.storage.engine import Database
from signalbox.storage.errors import StorageError

log = logging.getLogger(__name__)

SERIES_MAX = 20_000  # in memory: 240 MB when each is read every 5 s
PARTITION_SERIES_MAX = 5_000  # of these, partitions: a cluster in trouble has more than anyone looks at
PRUNE_S = 300.0
POINTS_MAX = 1_200  # rows of one answer: more than a chart has pixels
STEP_LEAST_MS = 5_000  # rates of single seconds show the rhythm of commits, not the flow
RESTORE_WAIT_S = 2.0
VALUE_MAX = 2**62
NO_POINTS = Points(at=[], lag=[], rate_in=[], rate_out=[], step_s=30.0)


def destination_key(name: str) -> str:
    """Return what stands in a group's place for a destination; no broker's name holds a lone surrogate."""
    return "\ud800" + name


class Series:
    """Takes samples without waiting, answers sparks from memory and points from both, and saves every 10 s.

    A kill loses at most the last 10 s. While the database does not answer, an hour is kept in memory; what is older is
    dropped and counted.
    """

    name = "history"

    def __init__(
        self, database: Database, clock: Clock, budget_bytes: int, *, flush_s: float = FLUSH_S, seal_s: float = SEAL_S
    ) -> None:
        self._clock = clock
        self._budget_bytes = budget_bytes
        self._flush_s = flush_s
        self._share = min(1.0, flush_s / seal_s)
        self._tracks: SeriesBuffers = {}
        self._partitions = 0
        self._archive = Archive(HistoryStore(database), self._tracks, clock)
        self._restored = asyncio.Event()
        self._loop = Loop("history", self._run)
        self._refused = self._dropped = 0
        self._saved_at: float | None = None
        self._error = ""

    async def start(self) -> None:
        await self._loop.start()

    async def stop(self) -> None:
        """Save what is new and end. What the database does not take within 5 s is lost."""
        was_running = self._loop.healthy()
        await self._loop.stop()
        if was_running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5.0):
                    await self._save()

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
    ) -> None:
        """Keep one reading. Never waits and never fails.

        Args:
            connection: its name.
            group: its name, or `destination_key` of a destination.
            at: when it was read, in seconds since the epoch.
            lag: messages; None = not known.
            arrived: counter of what came in; None = not known.
            settled: counter of what is done with; None = not known.
            interval_s: how often it is read just now: nothing for more than three of these is a hole.
            partition: (destination, index); None = the whole group.
        """
        track = self._track(SeriesKey(connection, group, partition))
        if track is not None:
            track.leaving = False
            figures = _figure(lag), _figure(arrived), _figure(settled)
            self._dropped += track.add(int(at * 1000), *figures, max(1, int(interval_s * 1000)))

    def spark(self, connection: str, group: str) -> Points:
        """Return the last hour in steps of 30 s, from memory; the same object until something is added."""
        track = self._tracks.get(SeriesKey(connection, group))
        return NO_POINTS if track is None else track.spark()

    def recent(self, connection: str, group: str, partition: tuple[str, int] | None = None) -> Samples | None:
        """Return about the last 15 min as read, or None if nothing is known. Not a copy: do not change it."""
        track = self._tracks.get(SeriesKey(connection, group, partition))
        return None if track is None else track.raw

    async def points(
        self,
        connection: str,
        group: str,
        window_s: float,
        partition: tuple[str, int] | None = None,
        since: float | None = None,
    ) -> Points:
        """Return the last `window_s` seconds in at most about 1,200 rows, the last one still growing.

        Args:
            connection: its name.
            group: its name, or `destination_key` of a destination.
            window_s: how far back, in seconds, 1 to 28 days.
            partition: (destination, index); None = the whole group.
            since: only rows after this time, with the same steps: what a chart that is drawn already lacks.

        Raises:
            StorageError: what is no longer in memory could not be read.
        """
        await self.restored(RESTORE_WAIT_S)
        subject = SeriesKey(connection, group, partition)
        step = _step_ms(window_s)
        now = self._archive.now_ms()
        begin = now - int(window_s * 1000)
        if since is not None:
            begin = max(begin, int(since * 1000) // step * step - step)  # one before: a rate needs two
        track = self._tracks.get(subject)
        live = Samples() if track is None else merge(Samples(), track.raw)
        until = live.at[0] if len(live) else now + 1
        fold = Downsampler(step)
        if until > begin:
            await self._archive.read(subject, fold, begin, until)
        for row in live:
            if row[0] >= begin:
                fold.add(*row)
        drawn = points(fold.rows, step)
        return drawn if since is None else _after(drawn, since)

    def forget(self, connection: str, groups: Collection[str]) -> None:
        """Let groups that are gone leave memory, with their partitions; what is on disk ages out."""
        for subject, track in self._tracks.items():
            if subject.connection == connection and subject.group in groups:
                track.leaving = True

    async def restored(self, timeout_s: float) -> bool:
        """Wait until history was read back after the start; False if that takes longer."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._restored.wait()
        except TimeoutError:
            return False
        return True

    def usage(self) -> HistoryUsage:
        """Say what history takes, and whether it is being kept."""
        return HistoryUsage(
            bytes=self._archive.bytes,
            budget_bytes=self._budget_bytes,
            series=len(self._tracks),
            refused=self._refused,
            dropped=self._dropped,
            unreadable=self._archive.unreadable,
            saved_at=self._saved_at,
            error=self._error,
        )

    def _track(self, subject: SeriesKey) -> SeriesBuffer | None:
        track = self._tracks.get(subject)
        if track is None:
            if not self._room(subject):
                self._refused += 1
                return None
            track = self._tracks[subject] = SeriesBuffer()
        return track

    def _room(self, subject: SeriesKey) -> bool:
        if subject.partition is None:
            return len(self._tracks) < SERIES_MAX
        self._partitions += 1  # counted anew at each save
        return self._partitions <= PARTITION_SERIES_MAX

    async def _run(self) -> None:
        """Read back, then save and prune until stopped. A database that is away is tried again at the next turn."""
        since_prune = PRUNE_S
        while True:
            try:
                if not self._restored.is_set():
                    await self._archive.restore()
                    self._restored.set()
                await self._save()
                self._partitions = sum(one.partition is not None for one in self._tracks)
                if since_prune >= PRUNE_S:
                    await self._archive.prune(self._budget_bytes)
                    since_prune = 0.0
            except StorageError as error:
                self._failed(error)
            await asyncio.sleep(self._flush_s)
            since_prune += self._flush_s

    async def _save(self) -> None:
        await self._archive.save(self._share)
        self._saved_at = self._clock()
        if self._error:
            log.warning("history is saved again")
            self._error = ""

    def _failed(self, error: StorageError) -> None:
        if str(error) != self._error:
            log.warning("history cannot be saved and is kept in memory for an hour: %s", error)
        self._error = str(error)


def _figure(value: int | None) -> int:
    return value if value is not None and 0 <= value <= VALUE_MAX else UNKNOWN


def _step_ms(window_s: float) -> int:
    """Return the shortest step with which the window has at most POINTS_MAX rows: a multiple of what is kept, else rows alias."""
    least = max(STEP_LEAST_MS, int(window_s * 1000) // POINTS_MAX)
    unit = next(unit for unit in (STEP_LEAST_MS, HALF_MINUTE_MS, MINUTE_MS) if least <= 6 * unit or unit == MINUTE_MS)
    return -(-least // unit) * unit


def _after(drawn: Points, since: float) -> Points:
    first = bisect_right(drawn.at, since)
    return Points(
        at=drawn.at[first:],
        lag=drawn.lag[first:],
        rate_in=drawn.rate_in[first:],
        rate_out=drawn.rate_out[first:],
        step_s=drawn.step_s,
    )
