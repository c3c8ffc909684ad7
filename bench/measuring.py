"""Tools of every bench: percentiles, the longest stall of the event loop, memory, and a table."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

TICK_S = 0.001


@dataclass
class Stall:
    """The longest time in ms for which the event loop was blocked: by the clock and by its own CPU time.

    On a busy machine the time by the clock includes other processes.
    """

    longest_ms: float = 0.0
    longest_cpu_ms: float = 0.0


@asynccontextmanager
async def stall() -> AsyncIterator[Stall]:
    """Watch the event loop while the block runs."""
    longest = Stall()

    async def watch() -> None:
        while True:
            before, used = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TICK_S)
            longest.longest_cpu_ms = max(longest.longest_cpu_ms, (time.thread_time() - used) * 1000)
            longest.longest_ms = max(longest.longest_ms, (time.perf_counter() - before - TICK_S) * 1000)

    task = asyncio.ensure_future(watch())
    try:
        yield longest
        await asyncio.sleep(0)
    finally:
        task.cancel()


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share (0 to 1) of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def memory_mib(pid: int | None = None) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1024**2


def table(title: str, rows: Iterable[Sequence[object]]) -> None:
    """Print rows in columns; the first row is the head."""
    lines = [[f"{cell:,.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    print(f"\n{title}")
    for number, line in enumerate(lines):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))


def machine() -> str:
    """Describe the machine, for the head of the results."""
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 1024**3
    load = psutil.getloadavg()[0]
    return f"{cores} cores ({model[0] if model else 'unknown'}), {memory:.0f} GiB, load {load:.1f} at the start"
