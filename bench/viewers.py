"""500 live pages at a 1 s tick: from a change at the broker to its receipt. `python -m bench.viewers`

A real NATS server with 2,000 consumers, all of which move; the pages are in a process of their own, show ten groups each, come
from eight loopback addresses, and one in ten takes nothing. About two minutes.
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

from bench.measuring import machine, memory_mib, percentile, table
from bench.scene import (
    CONNECTION,
    GROUPS,
    WATCHED_STREAM,
    Scene,
    publish_for_ever,
    scene,
    streams_but_the_watched,
)
from bench.watching import Orders
from signalbox.brokers.model import Message

VIEWERS = 500
ROWS = 10
STALLED_EVERY = 10
SETTLE_S = 15.0
MEASURE_S = 60.0
BACKGROUND_EVERY_S = 5.0  # each of the other streams gets a message this often


@dataclass
class Watchers:
    """The process with the pages."""

    process: asyncio.subprocess.Process

    async def told(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = msgspec.json.decode(await asyncio.wait_for(self.process.stdout.readline(), 120))
        return answer

    def say(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")


@asynccontextmanager
async def watchers(here: Scene, viewers: int = VIEWERS) -> AsyncIterator[Watchers]:
    """Open the pages in another process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.watching",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**28,
    )
    watching = Watchers(process)
    url = here.base.replace("http", "ws", 1) + "/live"
    orders = Orders(url, CONNECTION, list(here.watched), viewers, ROWS, STALLED_EVERY)
    try:
        watching.say(msgspec.json.encode(orders))
        assert (await watching.told())["open"] == viewers
        yield watching
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def change_for(here: Scene, seconds: float) -> list[float]:
    """Send messages to the watched stream at odd moments and return when each was stored: its n-th makes the lag n + 1."""
    chance = random.Random(7)  # noqa: S311 - the same moments each time
    stored: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await here.broker.publish(WATCHED_STREAM, Message(body=b"x"))
        stored.append(time.time())
        await asyncio.sleep(chance.uniform(0.7, 1.7))
    return stored


def delays(
    seen: Sequence[Sequence[tuple[float, int]]], stored: Sequence[float], before: int
) -> tuple[list[float], int]:
    """Return, of every page and change, the seconds until a lag that includes it came; and how many never came.

    `before` is the lag before the first of these changes.
    """
    found, missing = list[float](), 0
    for page in seen:
        lags = [lag for _, lag in page]
        assert lags == sorted(lags), "a lag fell though nobody reads"
        assert not lags or lags[-1] <= before + len(stored), "a lag that was never reached"
        for number, at in enumerate(stored, start=before + 1):
            place = bisect.bisect_left(lags, number)
            if place < len(lags):
                found.append(page[place][0] - at)
            else:
                missing += 1
    return found, missing


async def main() -> None:
    print(f"{VIEWERS} live pages of {ROWS} groups, one in {STALLED_EVERY} stalled; {GROUPS:,} groups. {machine()}")
    async with scene() as here, asyncio.TaskGroup() as tasks:
        background = tasks.create_task(publish_for_ever(here.broker, streams_but_the_watched(), BACKGROUND_EVERY_S))
        await asyncio.sleep(SETTLE_S)
        alone = memory_mib(here.server.pid)
        async with watchers(here) as watching:
            await asyncio.sleep(SETTLE_S)
            server = psutil.Process(here.server.pid)
            used, begin = sum(server.cpu_times()[:2]), time.monotonic()
            stored = await change_for(here, MEASURE_S)
            cpu = (sum(server.cpu_times()[:2]) - used) / (time.monotonic() - begin)
            memory = memory_mib(here.server.pid)
            await asyncio.sleep(5)
            watching.say(b"enough")
            told = await watching.told()
        background.cancel()
    found, missing = delays(told["seen"], stored, before=1)
    assert not told["wrong"], told["wrong"]
    table(
        "Change at the broker -> receipt (target: p99 < 1.5 s)",
        [
            ("", "value"),
            ("changes", len(stored)),
            ("pages that read", len(told["seen"])),
            ("p50, s", percentile(found, 0.5)),
            ("p95, s", percentile(found, 0.95)),
            ("p99, s", percentile(found, 0.99)),
            ("worst, s", max(found)),
            ("never came", missing),
            ("pages that ended early", len(told["ended"])),
            ("messages a second", told["received"] / MEASURE_S),
            ("MB a second", told["bytes"] / MEASURE_S / 1e6),
            ("CPU of Signalbox, % of a core", cpu * 100),
            ("memory before the pages, MiB", alone),
            ("memory with them, MiB", memory),
        ],
    )


if __name__ == "__main__":
    asyncio.run(main())
