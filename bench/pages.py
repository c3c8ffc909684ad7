"""How long pages take with 2,000 groups, while the collector reads them and 500 live pages watch. `python -m bench.pages`

One request at a time, as one more person would, measured from outside: from the request to the last byte. About two minutes.
"""

import asyncio
import time
from collections import defaultdict

from app.web import urls
from bench.measuring import machine, memory_mib, percentile, table
from bench.scene import (
    CONNECTION,
    GROUPS,
    WATCHED_STREAM,
    Scene,
    browser,
    publish_for_ever,
    scene,
    streams_but_the_watched,
)
from bench.viewers import BACKGROUND_EVERY_S, ROWS, SETTLE_S, VIEWERS, watchers

ROUNDS = 60
PAUSE_S = 0.02


def pages(here: Scene) -> dict[str, str]:
    group = here.watched[7]
    return {
        "overview": urls.overview(),
        "groups": urls.groups(),
        "groups, filtered and sorted": urls.groups(q="reader-04", sort="lag"),
        "group": urls.group(CONNECTION, group),
        "history of a group, 1 h, JSON": urls.history(CONNECTION, group, window="1h"),
        "destinations": urls.destinations(),
        "destination": urls.destination(CONNECTION, WATCHED_STREAM),
        "connections": urls.connections(),
        "connection": urls.connection(CONNECTION),
        "search, JSON": urls.api("search", q="reader-011"),
        "groups, JSON": urls.api("groups"),
        "metrics": urls.METRICS,
    }


async def measure(here: Scene) -> dict[str, list[float]]:
    """Return the milliseconds of each page; every answer must be whole and say so."""
    taken: dict[str, list[float]] = defaultdict(list)
    async with browser(here.base) as client:
        for _ in range(ROUNDS):
            for name, path in pages(here).items():
                begin = time.perf_counter()
                answer = await client.get(path)
                taken[name].append((time.perf_counter() - begin) * 1000)
                assert answer.status_code == 200, f"{path}: {answer.status_code}"
                assert len(answer.content) > 50, path
                await asyncio.sleep(PAUSE_S)
    return taken


def rows(quiet: dict[str, list[float]], busy: dict[str, list[float]]) -> list[tuple[object, ...]]:
    lines: list[tuple[object, ...]] = [("", "p50 ms", "p95 ms", "p50 ms, watched", "p95 ms, watched")]
    for name, alone in quiet.items():
        both = [percentile(values, share) for values in (alone, busy[name]) for share in (0.5, 0.95)]
        lines.append((name, *both))
    return lines


async def main() -> None:
    print(f"{GROUPS:,} groups; then {VIEWERS} live pages of {ROWS} of them too. {machine()}")
    async with scene() as here, asyncio.TaskGroup() as tasks:
        background = tasks.create_task(
            publish_for_ever(here.broker, [WATCHED_STREAM, *streams_but_the_watched()], BACKGROUND_EVERY_S)
        )
        await asyncio.sleep(SETTLE_S)
        quiet = await measure(here)
        async with watchers(here) as watching:
            await asyncio.sleep(SETTLE_S)
            busy = await measure(here)
            memory = memory_mib(here.server.pid)
            watching.say(b"enough")
            assert not (await watching.told())["wrong"]
        background.cancel()
    table("Pages while the collector sweeps (target: p95 < 50 ms)", rows(quiet, busy))
    print(f"\nMemory of Signalbox at the end: {memory:,.0f} MiB")


if __name__ == "__main__":
    asyncio.run(main())
