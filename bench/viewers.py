"""The time from a change at the broker to 500 live pages, read every second. `python -m bench.viewers`

A real NATS server with 2,000 active consumers; the pages run in a separate process, show ten groups each, connect from eight
loopback addresses, and one in ten does not read. About two minutes.
"""

import asyncio
import bisect
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import psutil

from bench.environment import (
    CONNECTION,
    GROUPS,
    WATCHED_STREAM,
    Environment,
    environment,
    publish_forever,
    unwatched_streams,
)
from bench.live_pages import PageOrder
from bench.measuring import machine, memory_mib, percentile, table
from signalbox.brokers.model import Message

VIEWERS = 500
ROWS = 10
STALLED_EVERY = 10
SETTLE_S = 15.0
MEASURE_S = 60.0
BACKGROUND_EVERY_S = 5.0  # each unwatched stream gets a message this often


@dataclass
class PagesProcess:
    """The process with the live pages."""

    process: asyncio.subprocess.Process

    async def result(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = msgspec.json.decode(await asyncio.wait_for(self.process.stdout.readline(), 120))
        return answer

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")


@asynccontextmanager
async def open_pages(env: Environment, viewers: int = VIEWERS) -> AsyncIterator[PagesProcess]:
    """Open the live pages in another process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.live_pages",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**28,
    )
    watching = PagesProcess(process)
    url = env.base.replace("http", "ws", 1) + "/live"
    order = PageOrder(url, CONNECTION, list(env.watched), viewers, ROWS, STALLED_EVERY)
    try:
        watching.send(msgspec.json.encode(order))
        assert (await watching.result())["open"] == viewers
        yield watching
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def change_for(env: Environment, seconds: float) -> list[float]:
    """Send messages to the watched stream at random times; return when each was stored. The n-th makes the lag n + 1."""
    chance = random.Random(7)  # noqa: S311 - the same moments each time
    stored: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await env.broker.publish(WATCHED_STREAM, Message(body=b"x"))
        stored.append(time.time())
        await asyncio.sleep(chance.uniform(0.7, 1.7))
    return stored


def delays(
    pages: Sequence[Sequence[tuple[float, int]]], stored: Sequence[float], before: int
) -> tuple[list[float], int]:
    """Return, by page and change, the seconds until a lag that includes it arrived; and how many never arrived.

    `before` is the lag before the first of these changes.
    """
    seconds, missing = list[float](), 0
    for page in pages:
        lags = [lag for _, lag in page]
        assert lags == sorted(lags), "a lag fell although no consumer reads"
        assert not lags or lags[-1] <= before + len(stored), "a lag that was never reached"
        for number, at in enumerate(stored, start=before + 1):
            place = bisect.bisect_left(lags, number)
            if place < len(lags):
                seconds.append(page[place][0] - at)
            else:
                missing += 1
    return seconds, missing


async def main() -> None:
    print(f"{VIEWERS} live pages of {ROWS} groups, one in {STALLED_EVERY} stalled; {GROUPS:,} groups. {machine()}")
    async with environment() as env, asyncio.TaskGroup() as tasks:
        background = tasks.create_task(publish_forever(env.broker, unwatched_streams(), BACKGROUND_EVERY_S))
        await asyncio.sleep(SETTLE_S)
        alone = memory_mib(env.server.pid)
        async with open_pages(env) as watching:
            await asyncio.sleep(SETTLE_S)
            server = psutil.Process(env.server.pid)
            used, begin = sum(server.cpu_times()[:2]), time.monotonic()
            stored = await change_for(env, MEASURE_S)
            cpu = (sum(server.cpu_times()[:2]) - used) / (time.monotonic() - begin)
            memory = memory_mib(env.server.pid)
            await asyncio.sleep(5)
            watching.send(b"stop")
            results = await watching.result()
        background.cancel()
    seconds, missing = delays(results["lags"], stored, before=1)
    assert not results["errors"], results["errors"]
    table(
        "Change at the broker -> receipt (target: p99 < 1.5 s)",
        [
            ("", "value"),
            ("changes", len(stored)),
            ("pages that read", len(results["lags"])),
            ("p50, s", percentile(seconds, 0.5)),
            ("p95, s", percentile(seconds, 0.95)),
            ("p99, s", percentile(seconds, 0.99)),
            ("worst, s", max(seconds)),
            ("never arrived", missing),
            ("pages that ended early", len(results["ended"])),
            ("messages a second", results["received"] / MEASURE_S),
            ("MB a second", results["bytes"] / MEASURE_S / 1e6),
            ("CPU of Signalbox, % of a core", cpu * 100),
            ("memory before the pages, MiB", alone),
            ("memory with them, MiB", memory),
        ],
    )


if __name__ == "__main__":
    asyncio.run(main())
