"""History between memory and the database: a journal of the last seconds, packed hours, and the way back after a restart.

Every 10 s what was read meanwhile is appended to the journal as one row, and a sixtieth of the series is packed into its
hours; what has been packed leaves the journal. So a write costs the same however long Signalbox runs, a kill loses at most
the last 10 s, and an hour is written six times, not 360 times.
"""

import asyncio
import logging
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from signalbox.kernel.clock import Clock
from signalbox.monitoring.packing import Unreadable, pack, pack_journal, unpack, unpack_journal
from signalbox.monitoring.samples import Downsampler, Samples, merge
from signalbox.monitoring.series_buffer import MINUTE_MS, RAW_MS, SeriesBuffer
from signalbox.monitoring.store import HistoryStore, PackedHour, SeriesKey

log = logging.getLogger(__name__)

FLUSH_S = 10.0
SEAL_S = 600.0  # every series is packed once in this time
HOUR_MS = 3_600_000
KEPT_HOURS = {0: 6, 30: 7 * 24, 60: 28 * 24}  # by resolution in seconds; 0 = as read
JOURNAL_ROWS_MAX = 20_000  # samples in one journal row: about 200 kB
IDLE_MS = HOUR_MS  # a series that is read no more leaves memory after this
SLICE = 4  # packed hours handled between two turns of the event loop: about 4 ms
TRACKS_SLICE = 200  # series looked at between two turns: about 1 ms

UNREADABLE_NOTED_MAX = 10_000

SeriesBuffers = dict[SeriesKey, SeriesBuffer]
Taken = dict[SeriesKey, tuple[int, int]]
"""Of each series: how many rows went to the journal, and `sealed_to` as it was before."""


def doomed(totals: Mapping[tuple[int, int], int], hour: int, budget_bytes: int) -> list[tuple[int, int]]:
    """Return which (resolution, hour) go: those past their time, then, over the budget, the finest first, of these the oldest."""
    gone = [(resolution, then) for resolution, then in totals if then < hour - KEPT_HOURS.get(resolution, 0)]
    left = sum(totals.values()) - sum(totals[one] for one in gone)
    for one in sorted(set(totals) - set(gone)):
        if left <= budget_bytes:
            break
        if one[1] < hour:  # the hour that is being written would only come back
            gone.append(one)
            left -= totals[one]
    return gone


class Archive:
    """Saves the tracks it was given and reads them back. Used by one `Series`."""

    def __init__(self, store: HistoryStore, tracks: SeriesBuffers, clock: Clock) -> None:
        self._store = store
        self._tracks = tracks
        self._clock = clock
        self._round: list[SeriesKey] = []  # what is packed in this round, some of it each time
        self._packed = 0
        self._journal_at_round = 0  # the last journal row when this round began
        self._journal_last = 0
        self._forget_to: int | None = None
        self._seen_unreadable: set[tuple[int, int, int]] = set()
        self.unreadable = 0
        self.bytes: int | None = None

    def now_ms(self) -> int:
        return int(self._clock() * 1000)

    async def restore(self) -> None:
        """Read back the last hour of every group and what was in the journal; what was added meanwhile comes after it.

        Raises:
            StorageError: nothing was changed in memory.
        """
        hour = self.now_ms() // HOUR_MS
        raw, last = await self._read_journal()
        subjects = await self._store.groups_since(30, hour - 1)
        subjects.update(await self._store.subjects(raw.keys() - subjects.keys()))
        half_minutes: dict[int, Samples] = defaultdict(Samples)
        for count, packed in enumerate(await self._store.hours(subjects, 30, hour - 1, hour)):
            if packed.resolution == 30:
                half_minutes[packed.series].extend(self._unpacked(packed))
            await _breathe(count)
        self._journal_last = last
        for count, (number, subject) in enumerate(subjects.items()):
            self._tracks[subject] = _continued(number, half_minutes[number], raw[number], self._tracks.get(subject))
            await _breathe(count)

    async def save(self, share: float) -> None:
        """Write the journal of what is new, and pack that share (0 to 1) of all series.

        Raises:
            StorageError: nothing was written, and everything is still in memory.
        """
        await self._identify()
        count = math.ceil(len(self._round) * share)
        batch = self._due(self._round[self._packed : self._packed + count])
        before: Taken = {}
        try:
            hours = await self._pack(batch, before)
            journals = await self._journal(before)
            last = await self._store.save(journals, hours, self._forget_to)
        except BaseException:
            self._undo(before)
            raise
        self._journal_last = last or self._journal_last
        self._forget_to = None
        self._packed += count
        self._leave(batch)
        if self._packed >= len(self._round):  # all that the journal held when the round began is packed now
            self._forget_to, self._journal_at_round = self._journal_at_round, self._journal_last
            self._round, self._packed = list(self._tracks), 0

    async def read(self, subject: SeriesKey, fold: Downsampler, since_ms: int, until_ms: int) -> None:
        """Give a fold what is on disk of one series from one time up to another, as fine as the fold's step asks for.

        Raises:
            StorageError: it could not be read.
        """
        track = self._tracks.get(subject)
        number = track.id if track is not None and track.id else await self._store.find(subject)
        if number is None:
            return
        finest = max(kept for kept in KEPT_HOURS if kept == 0 or fold.step_ms % (kept * 1000) == 0)
        done = None
        packed = await self._store.hours([number], finest, since_ms // HOUR_MS, until_ms // HOUR_MS)
        for count, one in enumerate(packed):
            if one.hour == done:  # the finest of each hour stands first
                continue
            rows = self._unpacked(one)
            done = one.hour if len(rows) else done
            for row in rows:
                if since_ms <= row[0] < until_ms:
                    fold.add(*row)
            await _breathe(count)

    async def prune(self, budget_bytes: int) -> None:
        """Drop what is too old or over the budget, an hour of a resolution at a time.

        Raises:
            StorageError: some may have been dropped.
        """
        hour = self.now_ms() // HOUR_MS
        totals = await self._store.totals()
        for resolution, then in doomed(totals, hour, budget_bytes):
            await self._store.prune(resolution, then)
            del totals[resolution, then]
        await self._store.drop_empty(hour - max(KEPT_HOURS.values()))
        self.bytes = sum(totals.values())

    async def _identify(self) -> None:
        new = [subject for subject, track in self._tracks.items() if track.id is None]
        if new:
            for subject, number in (await self._store.identify(new, self.now_ms() // HOUR_MS)).items():
                if subject in self._tracks:
                    self._tracks[subject].id = number

    def _due(self, turn: Sequence[SeriesKey]) -> list[SeriesKey]:
        """Return whose hours are packed now: those whose turn it is, and those that are to leave memory."""
        leaving = [subject for subject, track in self._tracks.items() if track.leaving]
        due = dict.fromkeys([*turn, *leaving])
        return [subject for subject in due if (track := self._tracks.get(subject)) is not None and track.id]

    def _leave(self, batch: Sequence[SeriesKey]) -> None:
        """Drop from memory what was read no more for a while, or vanished, once all of it is on disk."""
        idle = self.now_ms() - IDLE_MS
        for subject in batch:
            track = self._tracks[subject]
            last = track.last_at or 0
            if (track.leaving or last < idle) and track.sealed_to >= last and not track.fresh:
                del self._tracks[subject]

    async def _pack(self, batch: Sequence[SeriesKey], before: Taken) -> list[PackedHour]:
        """Return the hours of these series as they are with what is new. Notes in `before` how to undo it."""
        new: dict[tuple[int, int, int], Samples] = {}
        for subject in batch:
            track = self._tracks[subject]
            if track.id is not None and len(track.raw) and track.raw.at[-1] > track.sealed_to:
                for resolution, rows in track.unsealed().items():
                    new.update(((track.id, resolution, hour), part) for hour, part in _by_hour(rows))
                before[subject] = (0, track.sealed_to)
                track.sealed_to = track.raw.at[-1]
        if not new:
            return []
        spans = [hour for _, _, hour in new]
        kept = await self._store.hours({series for series, _, _ in new}, 0, min(spans), max(spans))
        old = {(hour.series, hour.resolution, hour.hour): hour for hour in kept}
        packed: list[PackedHour] = []
        for count, (place, rows) in enumerate(new.items()):
            there = self._unpacked(old[place]) if place in old else Samples()
            packed.append(PackedHour(*place, pack(merge(there, rows, max(1, place[1] * 1000)))))
            await _breathe(count)
        return packed

    async def _journal(self, before: Taken) -> list[bytes]:
        """Return what is new as journal rows. Notes in `before` how to undo it."""
        journals: list[bytes] = []
        runs: list[tuple[int, Samples]] = []
        rows = 0
        for count, (subject, track) in enumerate(list(self._tracks.items())):
            if count % TRACKS_SLICE == 0:
                await asyncio.sleep(0)
            if not track.fresh or track.id is None:
                continue
            run = track.raw.between(len(track.raw) - track.fresh, len(track.raw))
            before[subject] = (track.fresh, before.get(subject, (0, track.sealed_to))[1])
            track.fresh = 0
            runs.append((track.id, run))
            rows += len(run)
            if rows >= JOURNAL_ROWS_MAX:
                journals.append(await asyncio.to_thread(pack_journal, runs))
                runs, rows = [], 0
        return [*journals, await asyncio.to_thread(pack_journal, runs)] if runs else journals

    def _undo(self, before: Taken) -> None:
        for subject, (fresh, sealed_to) in before.items():
            if (track := self._tracks.get(subject)) is not None:
                track.fresh = min(len(track.raw), track.fresh + fresh)
                track.sealed_to = min(track.sealed_to, sealed_to)

    async def _read_journal(self) -> tuple[dict[int, Samples], int]:
        """Return what the journal holds of each series, and the id of its last row."""
        found: dict[int, Samples] = defaultdict(Samples)
        last = 0
        while rows := await self._store.journal(last):
            for last, data in rows:
                try:
                    for series, run in unpack_journal(data):
                        found[series].cut(run.at[0])
                        found[series].extend(run)
                except Unreadable as error:
                    self._note_unreadable((0, 0, last), str(error))
                await asyncio.sleep(0)
        return found, last

    def _unpacked(self, hour: PackedHour) -> Samples:
        try:
            return unpack(hour.data)
        except Unreadable as error:
            self._note_unreadable((hour.series, hour.resolution, hour.hour), str(error))
            return Samples()

    def _note_unreadable(self, place: tuple[int, int, int], reason: str) -> None:
        if place in self._seen_unreadable or len(self._seen_unreadable) >= UNREADABLE_NOTED_MAX:
            return
        self._seen_unreadable.add(place)
        self.unreadable += 1
        log.warning("history of series %d, resolution %d, hour %d is left out: %s", *place, reason)


def _continued(number: int, half_minutes: Samples, raw: Samples, live: SeriesBuffer | None) -> SeriesBuffer:
    """Return a track of what was read back, and after it what was read since the start."""
    last = half_minutes.at[-1] if len(half_minutes) else -1
    minute = last // MINUTE_MS * MINUTE_MS
    if len(raw) and raw.at[0] <= minute:  # that minute can be folded again from what was read
        half_minutes.cut(minute)
        last = minute - 1
    track = SeriesBuffer(number=number, half_minutes=half_minutes)
    track.sealed_to = last
    new = bisect_right(raw.at, last)
    track.raw = raw.between(bisect_left(raw.at, last - RAW_MS), new)
    for row in raw.between(new, len(raw)):
        track.add(*row)
    track.fresh = 0
    if live is not None and len(live.raw):
        rows = live.raw.between(1, len(live.raw))  # without the gap that stood before its first
        for row in rows:
            track.add(*row, interval_ms=live.interval_ms)
        track.leaving = live.leaving
    return track


def _by_hour(rows: Samples) -> Iterator[tuple[int, Samples]]:
    begin = 0
    while begin < len(rows):
        hour = rows.at[begin] // HOUR_MS
        end = bisect_left(rows.at, (hour + 1) * HOUR_MS)
        yield hour, rows.between(begin, end)
        begin = end


async def _breathe(count: int) -> None:
    if count % SLICE == 0:
        await asyncio.sleep(0)
