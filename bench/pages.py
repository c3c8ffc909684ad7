"""Response times of pages with 2,000 groups, while the collector sweeps and 500 live pages watch. `python -m bench.pages`

One request at a time. Each is measured three ways: from outside to the last byte, inside the application, and by the CPU time
of Signalbox (`bench.serving`). About five minutes; longer on a busy machine.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import psutil

from bench.environment import (
    CONNECTION,
    GROUPS,
    WATCHED_STREAM,
    Environment,
    browser,
    environment,
    publish_forever,
    unwatched_streams,
)
from bench.measuring import machine, memory_mib, percentile, table
from bench.serving import SENT_AT, RequestTiming
from bench.viewers import BACKGROUND_EVERY_S, ROWS, SETTLE_S, VIEWERS, open_pages
from signalbox.servers.process import ServerProcess
from signalbox.web import urls
from signalbox.web.monitoring import urls as monitoring_urls

ROUNDS = 100
PAUSE_S = 0.02
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}
AGE = "signalbox_group_age_seconds{"
OLDEST_MAX_S = 15.0  # two sweeps were missed: the collector did not run meanwhile
ALL = "all together"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One request."""

    page: str
    outside_ms: float
    served: RequestTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All requests, and the load of the server meanwhile."""

    requests: Sequence[Taken]
    cpu: float  # cores
    load: float
    oldest_s: float  # the oldest reading of a group at the end


def pages(env: Environment) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the path and headers of each page by name."""
    group = env.watched[7]
    filtered = monitoring_urls.groups(q="reader-04", sort="lag")
    return {
        "overview": (urls.home(), {}),
        "groups": (monitoring_urls.groups(), {}),
        "groups, filtered and sorted": (filtered, {}),
        "groups, the list alone": (filtered, PART),
        "group": (monitoring_urls.group(CONNECTION, group), {}),
        "history of a group, 1 h, JSON": (monitoring_urls.history(CONNECTION, group, window="1h"), {}),
        "destinations": (monitoring_urls.destinations(), {}),
        "destination": (monitoring_urls.destination(CONNECTION, WATCHED_STREAM), {}),
        "connections": (monitoring_urls.connections(), {}),
        "connection": (monitoring_urls.connection(CONNECTION), {}),
        "search, JSON": (urls.api("search", q="reader-011"), {}),
        "groups, JSON": (urls.api("groups"), {}),
        "metrics": (urls.METRICS, {}),
    }


async def measure(env: Environment) -> Measured:
    """Request each page in turn; every answer must be complete."""
    outside: list[tuple[str, str, float]] = []
    process = psutil.Process(env.server.pid)
    used, began = sum(process.cpu_times()[:2]), time.monotonic()
    async with browser(env.base) as client:
        for _ in range(ROUNDS):
            for name, (path, headers) in pages(env).items():
                begin = time.perf_counter()
                sent_at = repr(begin)
                answer = await client.get(path, headers={**headers, SENT_AT: sent_at})
                outside.append((name, sent_at, (time.perf_counter() - begin) * 1000))
                assert answer.status_code == 200, f"{path}: {answer.status_code}"
                assert len(answer.content) > 50, path
                await asyncio.sleep(PAUSE_S)
        scraped = (await client.get(urls.METRICS)).text
    inside = {served.sent_at: served for served in served_requests(env.server)}
    return Measured(
        requests=[Taken(page=name, outside_ms=ms, served=inside[sent_at]) for name, sent_at, ms in outside],
        cpu=(sum(process.cpu_times()[:2]) - used) / (time.monotonic() - began),
        load=psutil.getloadavg()[0],
        oldest_s=max(float(line.rpartition(" ")[2]) for line in scraped.splitlines() if line.startswith(AGE)),
    )


def served_requests(server: ServerProcess) -> Iterator[RequestTiming]:
    """Read the requests that the server printed."""
    for line in server.log.read_text().splitlines():
        if line.startswith("{"):
            yield msgspec.json.decode(line, type=RequestTiming)


WAYS: dict[str, Callable[[Taken], float]] = {
    "outside": lambda taken: taken.outside_ms,
    "inside": lambda taken: taken.served.application_ms,
    "own CPU": lambda taken: taken.served.cpu_ms,
}


def rows(measured: Measured) -> list[tuple[object, ...]]:
    heads = [f"{way} {share}" for way in WAYS for share in ("p50", "p95")]
    lines: list[tuple[object, ...]] = [("ms", *heads)]
    for name in (*dict.fromkeys(taken.page for taken in measured.requests), ALL):
        requests = [taken for taken in measured.requests if name in (taken.page, ALL)]
        lines.append(
            (
                name,
                *(
                    percentile([of(taken) for taken in requests], share)
                    for of in WAYS.values()
                    for share in (0.5, 0.95)
                ),
            )
        )
    return lines


def show(title: str, measured: Measured) -> None:
    table(f"{title} (target: p95 < 50 ms)", rows(measured))
    stalls = [taken.served.stall_ms for taken in measured.requests]
    print(
        f"\nLongest time without serving the event loop, between two requests: p50 {percentile(stalls, 0.5):.1f}, "
        f"p95 {percentile(stalls, 0.95):.1f}, p99 {percentile(stalls, 0.99):.1f}, worst {max(stalls):.1f} ms. "
        f"Signalbox took {measured.cpu * 100:.0f} % of a core; load of the machine {measured.load:.1f}; "
        f"the oldest reading of {GROUPS:,} groups was {measured.oldest_s:.1f} s old."
    )
    assert measured.oldest_s < OLDEST_MAX_S, "the collector did not sweep meanwhile"


async def main() -> None:
    print(f"{GROUPS:,} groups; then {VIEWERS} live pages of {ROWS} of them too. {machine()}")
    async with environment(program=("-m", "bench.serving")) as env, asyncio.TaskGroup() as tasks:
        streams = [WATCHED_STREAM, *unwatched_streams()]
        background = tasks.create_task(publish_forever(env.broker, streams, BACKGROUND_EVERY_S))
        await asyncio.sleep(SETTLE_S)
        alone = await measure(env)
        async with open_pages(env) as watching:
            await asyncio.sleep(SETTLE_S)
            watched = await measure(env)
            memory = memory_mib(env.server.pid)
            watching.send(b"stop")
            results = await watching.result()
        background.cancel()
    assert not results["errors"], results["errors"]
    assert not results["ended"], results["ended"]
    show("Pages while the collector sweeps", alone)
    show(f"Pages while the collector sweeps and {VIEWERS} live pages watch", watched)
    print(f"\n{results['received']:,} messages to live pages; memory of Signalbox at the end: {memory:,.0f} MiB")


if __name__ == "__main__":
    asyncio.run(main())
