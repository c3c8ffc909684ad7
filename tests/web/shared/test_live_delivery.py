"""What reaches a live page: every change once, in messages of limited frequency, and a sign of life without changes."""

import asyncio
import json

import pytest
from typing_extensions import override

from signalbox.kernel.feed import Feed
from signalbox.monitoring.model import Points
from signalbox.web.live import fragment_cache
from signalbox.web.live import page as live_page
from signalbox.web.live.socket import Sockets
from tests.web.application import AT, Things, application
from tests.web.server import next_fragments, run_server, watch

NO_POINTS = Points(at=[], lag=[], lag_at_least=[], rate_in=[], rate_out=[], step_s=1.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "TICK_S", 0.05)
    monkeypatch.setattr(live_page, "GATHER_S", 0.01)
    monkeypatch.setattr(live_page, "MESSAGE_PAUSE_S", 0.01)


async def test_what_a_sweep_publishes_in_a_later_slice_is_sent_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "GATHER_S", 0.2)
    feed, things = Feed(epoch=7), Things({"a": "0", "b": "0"})
    async with run_server(application(feed=feed, things=things)) as server, server.live() as client:
        await watch(client, ("thing/a", "row", "7.0"), ("thing/b", "row", "7.0"))
        await client.recv()
        things.texts.update(a="1", b="1")
        feed.publish(["thing/a"])
        for _ in range(20):  # the page wakes and waits for the rest
            await asyncio.sleep(0)
        feed.publish(["thing/b"])
        shown = dict[str, str]()
        while len(shown) < 2:
            shown |= {key: html for key, _, _, html in await next_fragments(client)}
        assert all("<bdi>1</bdi>" in html for html in shown.values())


async def test_a_page_without_changes_gets_the_time_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "HEARTBEAT_S", 0.02)
    app = application(feed=Feed(epoch=7), things=Things({"a": "x"}))
    async with run_server(app) as server, server.live() as client:
        await watch(client, ("thing/a", "row", "7.0"))
        async with asyncio.timeout(5):
            messages = [json.loads(await client.recv()) for _ in range(4)]
        assert messages == [{"now": AT, "fragments": []}] * 4


async def test_after_a_message_the_next_one_waits_for_its_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "TICK_S", 3600.0)
    feed, things = Feed(epoch=7), Things({"a": "0"})
    async with run_server(application(feed=feed, things=things)) as server, server.live() as first:
        await watch(first, ("thing/a", "row", "7.0"))
        await first.recv()
        feed.publish(["thing/a"])
        assert await next_fragments(first)
        async with server.live() as second:
            await watch(second, ("thing/a", "row", "7.1"))
            await second.recv()
            feed.publish(["thing/a"])
            assert await next_fragments(second)
        with pytest.raises(TimeoutError):  # the second page has had this change already
            await asyncio.wait_for(first.recv(), 0.05)


async def test_every_fragment_of_a_changed_key_is_sent() -> None:
    feed, things = Feed(epoch=7), Things({"a": "0"}, points=lambda _: NO_POINTS)
    async with run_server(application(feed=feed, things=things)) as server, server.live() as client:
        await watch(client, ("thing/a", "row", "7.0"), ("thing/a", "points", str(AT)))
        await client.recv()
        feed.publish(["thing/a"])
        assert {name for _, name, *_ in await next_fragments(client)} == {"row", "points"}


@pytest.mark.parametrize(
    ("ends_at", "continues_from"),
    [(AT + 5000, AT), (AT - 60, AT - 60), (AT - 5000, AT - fragment_cache.POINTS_BACK_MAX_S)],
)
async def test_a_chart_continues_from_its_end_within_bounds(ends_at: float, continues_from: float) -> None:
    feed, things = Feed(epoch=7), Things({"a": "0"}, points=lambda _: NO_POINTS)
    async with run_server(application(feed=feed, things=things)) as server, server.live() as client:
        await watch(client, ("thing/a", "points", str(ends_at)))
        await client.recv()
        feed.publish(["thing/a"])
        await next_fragments(client)
        assert things.requested_since == [continues_from]


async def test_history_that_hangs_fails_and_does_not_hold_the_rows(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fragment_cache, "POINTS_WAIT_S", 0.01)
    hangs = asyncio.Event()

    class Hanging(Things):
        @override
        async def read_points(self, since: float | None) -> Points:
            await hangs.wait()
            return await super().read_points(since)

    feed = Feed(epoch=7)
    app = application(feed=feed, things=Hanging({"a": "0"}, points=lambda _: NO_POINTS))
    async with run_server(app) as server, server.live() as client:
        await watch(client, ("thing/a", "points", str(AT)), ("thing/a", "row", "7.0"))
        await client.recv()
        feed.publish(["thing/a"])
        (_, _, _, html, fault), row = await next_fragments(client)
        assert (html, row[1]) == ("", "row")
        assert fault in caplog.text


async def test_the_reason_why_a_thing_is_unknown_is_sent_with_it() -> None:
    feed = Feed(epoch=7)
    things = Things({"a": "0"}, why_missing=lambda: "No data yet.")
    async with run_server(application(feed=feed, things=things)) as server, server.live() as client:
        await watch(client, ("thing/gone", "row", "6.0"))
        assert await next_fragments(client) == [["thing/gone", "row", "7.0", None, "No data yet."]]


def test_sockets_are_limited_by_address_and_in_all() -> None:
    sockets = Sockets(per_address=2, maximum=3)
    with sockets.reserve("a") as one, sockets.reserve("a") as two, sockets.reserve("a") as three:
        assert (one, two, three) == (True, True, False)
        with sockets.reserve("b") as other, sockets.reserve("c") as last:
            assert (other, last, sockets.open) == (True, False, 3)
    assert sockets.open == 0
