"""The cost of history for 2,000 groups read every 5 s: add, save, read, restore. `python -m bench.history`

Half an hour of readings is simulated as fast as possible, with a save every 10 simulated seconds. About a minute per database.
"""

import asyncio
import random
import tempfile
import time
from pathlib import Path

from pydantic import SecretStr

from bench.measuring import machine, memory_mib, percentile, stall, table
from signalbox.monitoring.archive import FLUSH_S, PACK_S, Archive, SeriesBuffers
from signalbox.monitoring.samples import Downsampler
from signalbox.monitoring.series_buffer import SeriesBuffer
from signalbox.monitoring.store import HistoryStore, SeriesKey
from signalbox.servers.postgres import postgres_server
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings

GROUPS = 2_000
SIMULATED_S = 1_800
EVERY_S = 5
START = 1_790_000_000


class Simulation:
    """A clock, 2,000 active groups, and the archive that saves them."""

    def __init__(self, database: Database) -> None:
        self.now = float(START)
        self.buffers: SeriesBuffers = {
            SeriesKey("prod", f"group-{index:04d}"): SeriesBuffer() for index in range(GROUPS)
        }
        self.store = HistoryStore(database)
        self.archive = Archive(self.store, self.buffers, lambda: self.now)
        self._chance = random.Random(7)  # noqa: S311 - the same run each time
        self._arrived = [self._chance.randrange(10**9) for _ in self.buffers]
        self._lag = [self._chance.randrange(1000) for _ in self.buffers]

    def read_all(self) -> float:
        """Simulate one sweep; return the CPU seconds of adding its samples."""
        self.now += EVERY_S
        moved = []
        for index in range(GROUPS):
            self._arrived[index] += self._chance.randrange(500)
            self._lag[index] = max(0, self._lag[index] + self._chance.randrange(-120, 121))
            moved.append((self._lag[index], self._arrived[index], self._arrived[index] - self._lag[index]))
        at, begin = int(self.now * 1000), time.process_time()
        for buffer, row in zip(self.buffers.values(), moved, strict=True):
            buffer.add(at, *row, EVERY_S * 1000)
        return time.process_time() - begin


async def measure(url: str) -> list[tuple[str, object]]:
    database = Database(DatabaseSettings(url=SecretStr(url)))
    await database.upgrade()
    before = memory_mib()
    simulation = Simulation(database)
    adding, saving, cpu = 0.0, list[float](), list[float]()
    stalls = list[tuple[float, float]]()
    for _ in range(0, SIMULATED_S, int(FLUSH_S)):
        adding += sum(simulation.read_all() for _ in range(int(FLUSH_S) // EVERY_S))
        async with stall() as stalled:
            begin, used = time.perf_counter(), time.process_time()
            await simulation.archive.save(FLUSH_S / PACK_S)
            saving.append(time.perf_counter() - begin)
            cpu.append(time.process_time() - used)
        stalls.append((stalled.longest_cpu_ms, stalled.longest_ms))
    memory = memory_mib() - before
    samples = GROUPS * SIMULATED_S // EVERY_S
    totals = await simulation.store.byte_totals()
    restored: SeriesBuffers = {}
    begin = time.perf_counter()
    async with stall() as restoring:
        await Archive(simulation.store, restored, lambda: simulation.now).restore()
    restore = time.perf_counter() - begin
    assert len(restored) == GROUPS
    assert all(restored[subject].last_at == buffer.last_at for subject, buffer in simulation.buffers.items())
    some = list(simulation.buffers)[::40]
    sparks = [_timed_spark(simulation.buffers[subject]) for subject in some]
    reads = [await _timed_read(simulation, subject) for subject in some]
    await database.close()
    return [
        ("add one sample, us of CPU", adding / samples * 1e6),
        ("save, every 10 s: ms, p50", percentile(saving, 0.5) * 1000),
        ("save: ms, p95", percentile(saving, 0.95) * 1000),
        ("save: ms of CPU, mean", sum(cpu) / len(cpu) * 1000),
        ("longest step of a save, ms of CPU, p95", percentile([cpu_ms for cpu_ms, _ in stalls], 0.95)),
        ("the same, by the clock", percentile([ms for _, ms in stalls], 0.95)),
        ("spark of one group, us, p95", percentile(sparks, 0.95) * 1e6),
        ("half an hour of one group for a chart, ms, p50", percentile(reads, 0.5) * 1000),
        ("the same, p95", percentile(reads, 0.95) * 1000),
        ("memory for 2,000 groups, MiB", memory),
        ("packed, bytes per sample (raw, 30 s and minutes)", sum(totals.values()) / samples),
        ("restore after a restart, s", restore),
        ("longest step of it, ms of CPU", restoring.longest_cpu_ms),
    ]


def _timed_spark(buffer: SeriesBuffer) -> float:
    buffer.add((buffer.last_at or 0) + 1, 1, 1, 1)
    begin = time.perf_counter()
    assert len(buffer.spark().at) > 50
    return time.perf_counter() - begin


async def _timed_read(simulation: Simulation, subject: SeriesKey) -> float:
    begin = time.perf_counter()
    rows = Downsampler(5_000)
    await simulation.archive.read(subject, rows, START * 1000, int(simulation.now * 1000))
    assert len(rows.rows) > 100
    return time.perf_counter() - begin


async def main() -> None:
    print(f"{GROUPS:,} groups, {SIMULATED_S // 60} min of readings every {EVERY_S} s. {machine()}")
    with tempfile.TemporaryDirectory() as folder:
        sqlite = await measure(f"sqlite+aiosqlite:///{Path(folder) / 'history.db'}")
    async with postgres_server() as server:
        postgresql = await measure(server.url)
    table(
        "History",
        [
            ("", "SQLite", "PostgreSQL"),
            *((name, one, other) for (name, one), (_, other) in zip(sqlite, postgresql, strict=True)),
        ],
    )


if __name__ == "__main__":
    asyncio.run(main())
