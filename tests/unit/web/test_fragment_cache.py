"""Charts whose history is slow delay neither each other nor charts whose history is quick."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from signalbox.kernel.feed import Feed
from signalbox.monitoring.model import Points
from signalbox.security.model import VIEWER_EVERYWHERE, Actor, Via
from signalbox.web.live import fragment_cache as module
from signalbox.web.live.fragment_cache import EncodedFragment, FragmentCache
from signalbox.web.live.registry import POINTS, KeyParts, LiveParts, PointSource, Registry, no_resource
from signalbox.web.visibility import Visibility

NOW = 1_790_000_000.0
VIEWER = Visibility(Actor(name="ann", rights=VIEWER_EVERYWHERE, via=Via.SOCKET), None)


class Charts:
    """A cache over charts: those named "slow..." never answer."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.waiting = asyncio.Event()
        source: PointSource[None] = PointSource(key_prefix="thing", resource=no_resource, read=self._read)
        registry = Registry()
        registry.add(LiveParts(read_model=lambda _: None, fragments=(), points=(source,)))
        renderer = cast("Any", SimpleNamespace(clock=lambda: NOW))
        self.cache = FragmentCache(registry, renderer, Feed(epoch=7))

    async def _read(self, _: None, parts: KeyParts, after: float | None) -> Points:
        [name] = parts
        self.reads.append(name)
        if name.startswith("slow"):
            self.waiting.set()
            await asyncio.Event().wait()
        return Points(at=[(after or 0.0) + 1], lag=[3.0], lag_at_least=[], rate_in=[None], rate_out=[None], step_s=1.0)

    async def get(self, name: str) -> EncodedFragment:
        return await self.cache.get(VIEWER, f"thing/{name}", POINTS, since=NOW - 60)


async def test_many_slow_charts_fail_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POINTS_WAIT_S", 0.2)
    charts = Charts()
    names = [f"slow-{number}" for number in range(40)]
    async with asyncio.timeout(5.0):  # one after the other: 8 s
        fragments = await asyncio.gather(*map(charts.get, names))
    assert all(b'"points","7.0","","' in fragment.encoded for fragment in fragments)  # the id of the error at its end


async def test_a_slow_chart_does_not_delay_a_quick_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POINTS_WAIT_S", 3600.0)
    charts = Charts()
    async with asyncio.TaskGroup() as tasks:
        slow = tasks.create_task(charts.get("slow"))
        await charts.waiting.wait()
        fragment = await asyncio.wait_for(charts.get("quick"), 5.0)
        assert fragment.until == NOW - 59
        slow.cancel()


async def test_pages_that_show_the_same_chart_wait_for_one_read() -> None:
    charts = Charts()
    fragments = await asyncio.gather(*(charts.get("quick") for _ in range(20)))
    assert charts.reads == ["quick"]
    assert all(fragment is fragments[0] for fragment in fragments)
