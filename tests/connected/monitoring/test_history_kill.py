"""History after the process was killed between any two saves, with more series than one save packs."""

from contextlib import nullcontext

import pytest

from signalbox.monitoring.archive import Archive, SeriesBuffers
from signalbox.monitoring.samples import Downsampler, Samples, merge
from signalbox.monitoring.series_buffer import SeriesBuffer
from signalbox.monitoring.store import HistoryStore, SeriesKey
from signalbox.storage.engine import Database
from signalbox.storage.errors import StorageError
from tests.support.history import Time

SERIES = [SeriesKey("prod", f"group-{number}") for number in range(12)]
SAVES_PER_ROUND = 6
ROUNDS = 4


class Process:
    """The history of one process, saved by hand."""

    def __init__(self, database: Database, time: Time) -> None:
        self.buffers: SeriesBuffers = {}
        self.archive = Archive(HistoryStore(database), self.buffers, time)

    def read_all(self, at_ms: int) -> None:
        for number, subject in enumerate(SERIES):
            buffer = self.buffers.setdefault(subject, SeriesBuffer())
            buffer.add(at_ms, number, at_ms + number, at_ms, interval_ms=5000)

    async def known(self, subject: SeriesKey, since_ms: int) -> list[int]:
        """Return the times of the known samples of a series, on disk and in memory."""
        on_disk = Downsampler(1)
        await self.archive.read(subject, on_disk, since_ms, since_ms + 86_400_000)
        restored = self.buffers.get(subject)
        rows = merge(on_disk.rows, restored.raw if restored is not None else Samples())
        return [at for at, lag, _, _ in rows if lag >= 0]


@pytest.mark.parametrize("saves_per_round", [1, SAVES_PER_ROUND])
async def test_a_kill_after_any_save_loses_no_sample_of_any_series(database: Database, saves_per_round: int) -> None:
    time = Time()
    process, times = Process(database, time), list[int]()
    begin = process.archive.now_ms()
    for save in range(1 + ROUNDS * saves_per_round):
        for _ in range(2):
            time.now += 5
            times.append(process.archive.now_ms())
            process.read_all(times[-1])
        await process.archive.save(1 / saves_per_round)
        after_kill = Process(database, time)
        await after_kill.archive.restore()
        for subject in SERIES:
            assert await after_kill.known(subject, begin) == times, (save, subject.group)


async def test_samples_of_a_save_that_failed_are_in_the_next_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    process, times = Process(database, time), list[int]()
    begin, save = process.archive.now_ms(), HistoryStore.save

    async def refused(*_: object) -> None:
        raise StorageError("a.db", "is away.", "Wait.")

    for step in range(4):
        time.now += 5
        times.append(process.archive.now_ms())
        process.read_all(times[-1])
        monkeypatch.setattr(HistoryStore, "save", refused if step in {1, 2} else save)
        with pytest.raises(StorageError) if step in {1, 2} else nullcontext():
            await process.archive.save(1 / SAVES_PER_ROUND)
    after_kill = Process(database, time)
    await after_kill.archive.restore()
    for subject in SERIES:
        assert await after_kill.known(subject, begin) == times, subject.group
