"""The time from `signalbox serve` to the first page, and the memory when idle. `python -m bench.start`

With the defaults (SQLite), then with a NATS server of 20 groups. Under a minute.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from bench.environment import browser, environment, signalbox
from bench.measuring import machine, percentile, table
from signalbox.servers.process import ServerProcess

STARTS = 5
IDLE_S = 10.0
POLL_S = 0.01


async def first_page(server: ServerProcess, base: str) -> float:
    """Start Signalbox and return the seconds until the first complete page."""
    begin = time.perf_counter()
    starting = asyncio.ensure_future(server.start())
    async with browser(base) as client:
        while True:
            try:
                answer = await client.get("/")
            except httpx.TransportError:
                if starting.done():
                    await starting  # raises why it ended
                await asyncio.sleep(POLL_S)
                continue
            taken = time.perf_counter() - begin
            answer.raise_for_status()
            assert "</html>" in answer.text
            await starting
            return taken


async def idle(pid: int) -> tuple[float, float]:
    """Wait for a while, then return the USS and the RSS in MiB."""
    await asyncio.sleep(IDLE_S)
    memory = psutil.Process(pid).memory_full_info()
    return memory.uss / 1024**2, memory.rss / 1024**2


async def main() -> None:
    print(f"Start to first page, {STARTS} times. {machine()}")
    times: dict[str, list[float]] = {"first start, new database": [], "start again": []}
    memory = (0.0, 0.0)
    for number in range(STARTS):
        with tempfile.TemporaryDirectory() as folder:
            for name, taken in times.items():
                server, base = signalbox(Path(folder))
                taken.append(await first_page(server, base))
                if number == STARTS - 1 and name == "start again":
                    memory = await idle(server.pid)
                await server.stop()
    async with environment(groups=20, streams=2) as busy:
        with_groups = await idle(busy.server.pid)
    table(
        "Start to first page (target < 2 s)",
        [("", "best s", "median s", "worst s")]
        + [(name, min(taken), percentile(taken, 0.5), max(taken)) for name, taken in times.items()],
    )
    table(
        f"Memory after {IDLE_S:.0f} s (target < 150 MiB)",
        [("", "own MiB", "RSS MiB"), ("idle, nothing configured", *memory), ("monitoring 20 groups", *with_groups)],
    )


if __name__ == "__main__":
    asyncio.run(main())
