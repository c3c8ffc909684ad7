"""Saves history to the database and restores it: a journal of the last seconds, and packed hours.

Every 10 s new samples go to the journal as one row, and a sixtieth of the series is packed into hours. So a write never gets
more expensive, a kill loses at most 10 s, and an hour is written six times instead of 360.
"""

import asyncio
import logging
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from signalbox.kernel.clock import Clock
from signalbox.monitoring.packing import DamagedRun, pack, pack_journal, unpack, unpack_journal
from signalbox.monitoring.samples import Downsampler, Samples, merge
from signalbox.monitoring.series_buffer import MINUTE_MS, RAW_MS, SeriesBuffer
from signalbox.monitoring.store import HistoryStore, PackedHour, SeriesKey

log = logging.getLogger(__name__)

FLUSH_S = 10.0
PACK_S = 600.0  # every series is packed once in this time
HOUR_MS = 3_600_000
RETENTION_HOURS = {0: 6, 30: 7 * 24, 60: 28 * 24}  # by resolution in seconds; 0 = raw
JOURNAL_ROWS_MAX = 20_000  # samples in one journal row: about 200 kB
IDLE_MS = HOUR_MS  # a series that is no longer read leaves memory after that
HOURS_PER_SLICE = 4  # packed hours between two turns of the event loop: about 4 ms
SERIES_PER_SLICE = 200  # series between two turns: about 1 ms
DAMAGED_NOTED_MAX = 10_000

SeriesBuffers = dict[SeriesKey, SeriesBuffer]
SaveUndo = dict[SeriesKey, tuple[int, int]]
"""By series: how many rows went to the journal, and `packed_to` before the save."""


def hours_to_prune(totals: Mapping[tuple[int, int], int], hour: int, budget_bytes: int) -> list[tuple[int, int]]:
    """Return the (resolution, hour) to delete: expired ones, then, over the budget, the finest and of these the oldest."""
    expired = [(resolution, then) for resolution, then in totals if then < hour - RETENTION_HOURS.get(resolution, 0)]
    left = sum(totals.values()) - sum(totals[place] for place in expired)
    over_budget = []
    for place in sorted(set(totals) - set(expired)):
        if left <= budget_bytes:
            break
        if place[1] < hour:  # the present hour would only be written again
            over_budget.append(place)
            left -= totals[place]
    return expired + over_budget


class Archive:
    def __init__(self, store: HistoryStore, buffers: SeriesBuffers, clock: Clock) -> None:
        self._store = store
        self._buffers = buffers
        self._clock = clock
        self._round: list[SeriesKey] = []  # the series to pack in this round, some at each save
        self._packed_count = 0
        self._journal_at_round = 0  # the last journal row when this round began
        self._journal_last = 0
        self._delete_to: int | None = None
        self._noted_damaged: set[tuple[int, int, int]] = set()
        self.unreadable = 0
        self.bytes: int | None = None

    def now_ms(self) -> int:
        return int(self._clock() * 1000)

    async def restore(self) -> None:
        """Restore the last hour of every group and the journal; samples added meanwhile follow.

        Raises:
            StorageError: nothing has changed in memory.
        """
        hour = self.now_ms() // HOUR_MS
        raw, last = await self._read_journal()
        subjects = await self._store.groups_since(30, hour - 1)
        subjects.update(await self._store.subjects(raw.keys() - subjects.keys()))
        half_minutes: dict[int, Samples] = defaultdict(Samples)
        for count, packed in enumerate(await self._store.hours(subjects, 30, hour - 1, hour)):
            if packed.resolution == 30:
                half_minutes[packed.series].extend(self._unpack(packed))
            await _pause(count)
        self._journal_last = last
        for count, (series_id, subject) in enumerate(subjects.items()):
            self._buffers[subject] = _restored(
                series_id, half_minutes[series_id], raw[series_id], self._buffers.get(subject)
            )
            await _pause(count)

    async def save(self, share: float) -> None:
        """Write new samples to the journal, and pack that share (0 to 1) of all series.

        Raises:
            StorageError: nothing was written; everything is still in memory.
        """
        await self._assign_ids()
        count = math.ceil(len(self._round) * share)
        batch = self._to_pack(self._round[self._packed_count : self._packed_count + count])
        undo: SaveUndo = {}
        try:
            hours = await self._pack(batch, undo)
            journals = await self._journal(undo)
            last = await self._store.save(journals, hours, self._delete_to)
        except BaseException:
            self._undo(undo)
            raise
        self._journal_last = last or self._journal_last
        self._delete_to = None
        self._packed_count += count
        self._evict(batch)
        if self._packed_count >= len(self._round):  # the journal of before this round is packed now
            self._delete_to, self._journal_at_round = self._journal_at_round, self._journal_last
            self._round, self._packed_count = list(self._buffers), 0

    async def read(self, subject: SeriesKey, into: Downsampler, since_ms: int, until_ms: int) -> None:
        """Add the rows of one series on disk between two times, as fine as the downsampler's step needs.

        Raises:
            StorageError: the database could not be read.
        """
        buffer = self._buffers.get(subject)
        series_id = buffer.id if buffer is not None and buffer.id else await self._store.find_id(subject)
        if series_id is None:
            return
        finest = max(step_s for step_s in RETENTION_HOURS if step_s == 0 or into.step_ms % (step_s * 1000) == 0)
        read_hour = None
        packed = await self._store.hours([series_id], finest, since_ms // HOUR_MS, until_ms // HOUR_MS)
        for count, hour in enumerate(packed):
            if hour.hour == read_hour:  # the finest of each hour comes first
                continue
            rows = self._unpack(hour)
            read_hour = hour.hour if len(rows) else read_hour
            for row in rows:
                if since_ms <= row[0] < until_ms:
                    into.add(*row)
            await _pause(count)

    async def prune(self, budget_bytes: int) -> None:
        """Delete expired hours and those over the budget, an hour of a resolution at a time.

        Raises:
            StorageError: some may have been deleted.
        """
        hour = self.now_ms() // HOUR_MS
        totals = await self._store.byte_totals()
        for resolution, then in hours_to_prune(totals, hour, budget_bytes):
            await self._store.delete_hour(resolution, then)
            del totals[resolution, then]
        await self._store.delete_empty_series(hour - max(RETENTION_HOURS.values()))
        self.bytes = sum(totals.values())

    async def _assign_ids(self) -> None:
        new = [subject for subject, buffer in self._buffers.items() if buffer.id is None]
        if new:
            for subject, series_id in (await self._store.ensure_ids(new, self.now_ms() // HOUR_MS)).items():
                if subject in self._buffers:
                    self._buffers[subject].id = series_id

    def _to_pack(self, turn: Sequence[SeriesKey]) -> list[SeriesKey]:
        """Return the series to pack now: those of this turn, and those that are about to leave memory."""
        forgotten = [subject for subject, buffer in self._buffers.items() if buffer.forgotten]
        subjects = dict.fromkeys([*turn, *forgotten])
        return [subject for subject in subjects if (buffer := self._buffers.get(subject)) is not None and buffer.id]

    def _evict(self, batch: Sequence[SeriesKey]) -> None:
        """Drop idle and forgotten series from memory once all of their samples are on disk."""
        idle = self.now_ms() - IDLE_MS
        for subject in batch:
            buffer = self._buffers[subject]
            last = buffer.last_at or 0
            if (buffer.forgotten or last < idle) and buffer.packed_to >= last and not buffer.unsaved:
                del self._buffers[subject]

    async def _pack(self, batch: Sequence[SeriesKey], undo: SaveUndo) -> list[PackedHour]:
        new: dict[tuple[int, int, int], Samples] = {}
        for subject in batch:
            buffer = self._buffers[subject]
            if buffer.id is not None and len(buffer.raw) and buffer.raw.at[-1] > buffer.packed_to:
                for resolution, rows in buffer.unpacked().items():
                    new.update(((buffer.id, resolution, hour), part) for hour, part in _by_hour(rows))
                undo[subject] = (0, buffer.packed_to)
                buffer.packed_to = buffer.raw.at[-1]
        if not new:
            return []
        hours = [hour for _, _, hour in new]
        stored = await self._store.hours({series for series, _, _ in new}, 0, min(hours), max(hours))
        old = {(hour.series, hour.resolution, hour.hour): hour for hour in stored}
        packed: list[PackedHour] = []
        for count, (place, rows) in enumerate(new.items()):
            before = self._unpack(old[place]) if place in old else Samples()
            packed.append(PackedHour(*place, pack(merge(before, rows, max(1, place[1] * 1000)))))
            await _pause(count)
        return packed

    async def _journal(self, undo: SaveUndo) -> list[bytes]:
        journals: list[bytes] = []
        runs: list[tuple[int, Samples]] = []
        rows = 0
        for count, (subject, buffer) in enumerate(list(self._buffers.items())):
            if count % SERIES_PER_SLICE == 0:
                await asyncio.sleep(0)
            if not buffer.unsaved or buffer.id is None:
                continue
            run = buffer.raw.between(len(buffer.raw) - buffer.unsaved, len(buffer.raw))
            undo[subject] = (buffer.unsaved, undo.get(subject, (0, buffer.packed_to))[1])
            buffer.unsaved = 0
            runs.append((buffer.id, run))
            rows += len(run)
            if rows >= JOURNAL_ROWS_MAX:
                journals.append(await asyncio.to_thread(pack_journal, runs))
                runs, rows = [], 0
        return [*journals, await asyncio.to_thread(pack_journal, runs)] if runs else journals

    def _undo(self, undo: SaveUndo) -> None:
        for subject, (unsaved, packed_to) in undo.items():
            if (buffer := self._buffers.get(subject)) is not None:
                buffer.unsaved = min(len(buffer.raw), buffer.unsaved + unsaved)
                buffer.packed_to = min(buffer.packed_to, packed_to)

    async def _read_journal(self) -> tuple[dict[int, Samples], int]:
        samples: dict[int, Samples] = defaultdict(Samples)
        last = 0
        while rows := await self._store.journal(last):
            for last, data in rows:
                try:
                    for series, run in unpack_journal(data):
                        samples[series].cut(run.at[0])
                        samples[series].extend(run)
                except DamagedRun as error:
                    self._note_damaged((0, 0, last), str(error))
                await asyncio.sleep(0)
        return samples, last

    def _unpack(self, hour: PackedHour) -> Samples:
        try:
            return unpack(hour.data)
        except DamagedRun as error:
            self._note_damaged((hour.series, hour.resolution, hour.hour), str(error))
            return Samples()

    def _note_damaged(self, place: tuple[int, int, int], reason: str) -> None:
        if place in self._noted_damaged or len(self._noted_damaged) >= DAMAGED_NOTED_MAX:
            return
        self._noted_damaged.add(place)
        self.unreadable += 1
        log.warning("history of series %d, resolution %d, hour %d is left out: %s", *place, reason)


def _restored(series_id: int, half_minutes: Samples, raw: Samples, live: SeriesBuffer | None) -> SeriesBuffer:
    last = half_minutes.at[-1] if len(half_minutes) else -1
    minute = last // MINUTE_MS * MINUTE_MS
    if len(raw) and raw.at[0] <= minute:  # that minute can be downsampled again from raw samples
        half_minutes.cut(minute)
        last = minute - 1
    buffer = SeriesBuffer(series_id=series_id, half_minutes=half_minutes)
    buffer.packed_to = last
    new = bisect_right(raw.at, last)
    buffer.raw = raw.between(bisect_left(raw.at, last - RAW_MS), new)
    for row in raw.between(new, len(raw)):
        buffer.add(*row)
    buffer.unsaved = 0
    if live is not None and len(live.raw):
        rows = live.raw.between(1, len(live.raw))  # without the gap before its first sample
        for row in rows:
            buffer.add(*row, interval_ms=live.interval_ms)
        buffer.forgotten = live.forgotten
    return buffer


def _by_hour(rows: Samples) -> Iterator[tuple[int, Samples]]:
    begin = 0
    while begin < len(rows):
        hour = rows.at[begin] // HOUR_MS
        end = bisect_left(rows.at, (hour + 1) * HOUR_MS)
        yield hour, rows.between(begin, end)
        begin = end


async def _pause(count: int) -> None:
    if count % HOURS_PER_SLICE == HOURS_PER_SLICE - 1:
        await asyncio.sleep(0)
