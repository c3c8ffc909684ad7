"""The live socket on a real server: what it sends, to whom, how often, and what it refuses."""

import asyncio
import json
import re
import socket as sockets
import struct
from contextlib import AsyncExitStack
from html.parser import HTMLParser

import pytest
from litestar import Litestar
from litestar.routes import WebSocketRoute
from typing_extensions import override
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from signalbox.kernel.feed import Feed
from signalbox.monitoring.model import Points
from signalbox.web import urls
from signalbox.web.live import fragment_cache
from signalbox.web.live import page as live_page
from signalbox.web.live.page import FRAME_BYTES_MAX
from signalbox.web.live.socket import Sockets
from tests.support.waiting import eventually
from tests.web.application import AT, Things, application
from tests.web.hostile_names import HOSTILE
from tests.web.server import RunningServer, close_reason, next_fragments, run_server, watch


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "TICK_S", 0.05)
    monkeypatch.setattr(live_page, "GATHER_S", 0.01)
    monkeypatch.setattr(live_page, "MESSAGE_PAUSE_S", 0.01)


def parts_of(app: Litestar) -> tuple[Sockets, fragment_cache.FragmentCache]:
    """Return the socket counter and the fragment cache of the live route."""
    route = next(route for route in app.routes if route.path == "/live")
    assert isinstance(route, WebSocketRoute)
    return route.route_handler.opt["sockets"], route.route_handler.opt["fragments"]


async def test_changes_since_the_page_are_sent_at_once_then_each_change() -> None:
    feed, things = Feed(epoch=7), Things({"a": "first", "b": "other"})
    feed.publish(["thing/a"])
    version_shown = str(feed.latest())
    feed.publish(["thing/b"])
    async with run_server(application(feed=feed, things=things)) as server, server.live() as client:
        await watch(client, ("thing/a", "row", version_shown), ("thing/b", "row", version_shown))
        [[key, name, version, html]] = await next_fragments(client)
        assert (key, name, version) == ("thing/b", "row", "7.2")
        assert "<bdi>other</bdi>" in html
        assert 'data-version="7.2"' in html
        things.texts["a"] = "second"
        feed.publish(["thing/a"])
        [[key, _, version, html]] = await next_fragments(client)
        assert (key, version) == ("thing/a", "7.3")
        assert "<bdi>second</bdi>" in html


async def test_a_page_from_another_epoch_gets_every_fragment() -> None:
    feed = Feed(epoch=8)
    async with run_server(application(feed=feed, things=Things({"a": "now"}))) as server, server.live() as client:
        await watch(client, ("thing/a", "row", "7.999"))
        [[_, _, version, html]] = await next_fragments(client)
        assert version == "8.0"
        assert "now" in html


async def test_many_changes_are_one_message_and_deletions_are_sent() -> None:
    feed, things = Feed(epoch=7), Things({"a": "0"})
    async with run_server(application(feed=feed, things=things)) as server, server.live() as client:
        await watch(client, ("thing/a", "row", "7.0"), ("things", "changed", "7.0"))
        await client.recv()
        for number in range(1, 50):
            things.texts["a"] = str(number)
            feed.publish(["thing/a"])
        [[_, _, version, html]] = await next_fragments(client)
        assert version == "7.49"
        assert "<bdi>49</bdi>" in html
        del things.texts["a"]
        feed.publish(["thing/a", "things"])
        changes = {name: html for _, name, _, html in await next_fragments(client)}
        assert changes == {"row": None, "changed": ""}


async def test_what_was_deleted_while_a_page_was_away_is_told_when_it_is_back() -> None:
    feed, things = Feed(epoch=7), Things({"a": "first", "b": "other"})
    feed.publish(["thing/a", "thing/b"])
    async with run_server(application(feed=feed, things=things)) as server:
        version_shown = str(feed.latest())
        del things.texts["a"]
        feed.publish(["thing/a"])
        feed.forget(["thing/a"])
        feed.publish(["thing/b"])
        feed.forget(["thing/never-existed"])
        async with server.live() as client:
            await watch(client, ("thing/a", "row", version_shown))
            [[key, _, version, html]] = await next_fragments(client)
            assert (key, html, version) == ("thing/a", None, "7.2")
        async with server.live() as client:
            await watch(client, ("thing/a", "row", version), ("thing/b", "row", version_shown))
            [[key, *_]] = await next_fragments(client)
            assert key == "thing/b", "once told, it is not sent again"


async def test_a_fragment_is_rendered_once_for_all_sockets() -> None:
    feed, things = Feed(epoch=7), Things({"a": "first"})
    app = application(feed=feed, things=things)
    async with run_server(app) as server, asyncio.TaskGroup() as group:
        ready = asyncio.Barrier(31)

        async def page() -> str:
            async with server.live() as client:
                await watch(client, ("thing/a", "row", "7.0"))
                await client.recv()
                await ready.wait()
                [[_, _, _, html]] = await next_fragments(client)
                return str(html)

        pages = [group.create_task(page()) for _ in range(30)]
        await ready.wait()
        things.texts["a"] = "second"
        feed.publish(["thing/a"])
        answers = await asyncio.gather(*pages)
        assert len(answers) == 30
        assert {"<bdi>second</bdi>" in html for html in answers} == {True}
        assert parts_of(app)[1].rendered == 1


async def test_hostile_names_are_sent_harmlessly() -> None:
    feed = Feed(epoch=7)
    things = Things({name: name for name in [*HOSTILE.values(), "half \ud800", "cr\r\nlf", "100%0041"]})
    async with run_server(application(feed=feed, things=things)) as server, server.live() as client:
        keys = {urls.encode_key(f"thing/{name}") for name in things.texts}
        await watch(client, *((key, "row", "6.0") for key in keys))
        changes = await next_fragments(client)
        assert {key for key, *_ in changes} == keys
        for key, _, _, html in changes:
            assert html.startswith("<tr data-live=")
            assert html.count("<") == 6
            assert not re.search("[\x00-\x1f]", html)
            [parsed_key] = HTMLAttributes(html).live
            assert parsed_key == key


class HTMLAttributes(HTMLParser):
    """The values of data-live, as a browser parses them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.live: list[str | None] = []
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.live += [value for name, value in attrs if name == "data-live"]


async def test_a_failing_fragment_has_an_error_id_and_the_others_are_rendered(caplog: pytest.LogCaptureFixture) -> None:
    feed, things = Feed(epoch=7), Things({"a": "first"})
    async with run_server(application(feed=feed, things=things)) as server, server.live() as client:
        await watch(client, ("thing/a", "broken", "6.0"), ("thing/a", "row", "6.0"))
        broken, row = await next_fragments(client)
        assert broken[3] == ""
        assert broken[4] in caplog.text
        assert "first" in row[3]


async def test_charts_get_new_points_which_are_read_once_for_all() -> None:
    feed, things = Feed(epoch=7), Things({"a": "first"})

    def points(since: float | None) -> Points:
        assert since is not None
        return Points(
            at=[since + 1, since + 2],
            lag=[3.0, None],
            lag_at_least=[None, None],
            rate_in=[1.5, None],
            rate_out=[2.5, None],
            step_s=1.0,
        )

    things.points = points
    async with (
        run_server(application(feed=feed, things=things)) as server,
        server.live() as first_client,
        server.live() as second_client,
    ):
        for client in (first_client, second_client):
            await watch(client, ("thing/a", "points", str(AT - 60)))
            await client.recv()
        feed.publish(["thing/a"])
        [first], [second] = await next_fragments(first_client), await next_fragments(second_client)
        assert first == second
        assert first[3] == AT - 60
        assert first[4]["at"] == [AT - 59, AT - 58]
        assert first[4]["lag"] == [3.0, None]
        feed.publish(["thing/a"])
        [[*_, after, _]] = await next_fragments(first_client)
        assert after == AT - 58
        assert things.requested_since == [AT - 60, AT - 58]


async def test_a_chart_cannot_request_old_points(monkeypatch: pytest.MonkeyPatch) -> None:
    feed, things = Feed(epoch=7), Things({"a": "first"})
    things.points = lambda _: Points(at=[], lag=[], lag_at_least=[], rate_in=[], rate_out=[], step_s=1.0)
    async with run_server(application(feed=feed, things=things)) as server, server.live() as client:
        await watch(client, ("thing/a", "points", "-1e300"))
        await client.recv()
        feed.publish(["thing/a"])
        await next_fragments(client)
        assert things.requested_since == [AT]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", 4400),
        ("[]", 4400),
        ('{"watch": [["thing/a", "row"]]}', 4400),
        ('{"watch": [["thing/a", "row", 7]]}', 4400),
        ('{"watch": [], "more": 1}', 4400),
        ('{"watch": [["thing/a", "no such fragment", "1.1"]]}', 4400),
        ('{"watch": [["nothing/a", "row", "1.1"]]}', 4400),
        ('{"watch": [["secret", "changed", "1.1"]]}', 4400),
        ("[" * 100_000, 4400),
        (b"\xff\xfe\x00", 4400),
        ("", 4400),
        (json.dumps({"watch": [["thing/a", "row", ""]] * 201}), 4400),
        (" " * (FRAME_BYTES_MAX + 1), 1009),
    ],
    ids=lambda value: str(value)[:40] if not isinstance(value, bytes) else "binary",
)
async def test_garbage_closes_the_socket_with_a_code_and_no_traceback(
    caplog: pytest.LogCaptureFixture, frame: str | bytes, code: int
) -> None:
    async with run_server(application(things=Things({"a": "first"}))) as server, server.live() as client:
        await client.send(frame)
        actual_code, reason = await close_reason(client)
        assert actual_code == code
        assert "Traceback" not in reason
        assert not [record for record in caplog.records if record.exc_info]


async def test_200_keys_are_allowed() -> None:
    feed = Feed(epoch=7)
    things = Things({str(number): "\U0001f680" * 249 for number in range(200)})
    async with run_server(application(feed=feed, things=things)) as server, server.live() as client:
        await watch(client, *((f"thing/{number}", "row", "6.0") for number in range(200)))
        assert len(await next_fragments(client)) == 200
        assert len(things_in(feed)) == 200


async def test_the_101st_page_of_one_address_is_refused_until_another_closes() -> None:
    app = application(things=Things({"a": "first"}), sockets_per_address=100)
    async with run_server(app) as server:
        opened = [await connect(f"ws://{server.host}/live") for _ in range(100)]
        try:
            for client in opened:
                await client.recv()
            async with connect(f"ws://{server.host}/live") as late:
                assert (await close_reason(late))[0] == 4429
            await opened.pop().close()

            async def one_left() -> None:
                assert parts_of(app)[0].open == 99

            await eventually(one_left)
            async with server.live() as client:
                await watch(client, ("thing/a", "row", "6.0"))
                assert await next_fragments(client)
        finally:
            await asyncio.gather(*(client.close() for client in opened))


async def test_only_our_own_pages_may_open_a_socket() -> None:
    async with run_server(application()) as server:
        for origin in (f"http://{server.host}", None):
            async with server.live(origin=origin):
                pass
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws://{server.host}/live", additional_headers=headers):
                    pass
            assert refused.value.response.status_code in {400, 403}


async def stalling(server: RunningServer, keys: list[str]) -> sockets.socket:
    """Open a live socket that watches these keys and never reads, with a minimal buffer."""
    loop = asyncio.get_running_loop()
    stalled = sockets.socket()
    stalled.setblocking(False)
    stalled.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    await loop.sock_connect(stalled, ("127.0.0.1", server.port))
    handshake = (
        f"GET /live HTTP/1.1\r\nHost: {server.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await loop.sock_sendall(stalled, handshake.encode())
    assert (await loop.sock_recv(stalled, 1024)).startswith(b"HTTP/1.1 101 ")
    text = json.dumps({"watch": [[key, "row", "7.0"] for key in keys]}).encode()
    await loop.sock_sendall(stalled, struct.pack("!BBHI", 0x81, 0x80 | 126, len(text), 0) + text)  # masked by zeros
    return stalled


def things_in(feed: Feed) -> set[str]:
    """Return the watched keys, without the permission keys of each socket."""
    return {key for key in feed.interest() if key.startswith("thing/")}


async def test_a_stalled_socket_does_not_delay_others_and_is_closed() -> None:
    feed, things = Feed(epoch=7), Things({"a": "x"})
    app = application(feed=feed, things=things, drain_max_s=1.0)
    counted, _ = parts_of(app)
    async with run_server(app, stalled_s=6.0) as server, server.live() as good, AsyncExitStack() as stack:
        big = [f"big {number}" for number in range(150)]
        stalled = await stalling(server, [f"thing/{name}" for name in big])
        await watch(good, ("thing/a", "row", "7.0"))

        async def both_watch() -> None:
            assert len(things_in(feed)) == 151

        await eventually(both_watch)
        stack.callback(stalled.close)
        longest = 0.0
        loop = asyncio.get_running_loop()
        end = loop.time() + 20
        while counted.open == 2 and loop.time() < end:
            things.texts.update((name, "y" * 5000) for name in big)
            things.texts["a"] = str(loop.time())
            feed.publish(["thing/a", *(f"thing/{name}" for name in big)])
            begun = loop.time()
            await next_fragments(good)
            longest = max(longest, loop.time() - begun)
        assert counted.open == 1
        assert await server.connections() == 2  # the peer keeps its end open: the kernel must close it
        assert longest < 0.9  # it never waited for the stalled one

        async def ended() -> None:
            assert await server.connections() == 1

        await eventually(ended, within_s=20)
        assert things_in(feed) == {"thing/a"}


async def test_the_fragment_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragment_cache, "FRAGMENTS_MAX", 10)
    feed = Feed(epoch=7)
    things = Things({str(number): "text" for number in range(50)})
    app = application(feed=feed, things=things)
    async with run_server(app) as server, server.live() as client:
        await watch(client, *((f"thing/{number}", "row", "6.0") for number in range(50)))
        assert len(await next_fragments(client)) == 50
        assert len(parts_of(app)[1]._fragments) == 10


async def test_a_closed_socket_leaves_no_subscription() -> None:
    feed = Feed(epoch=7)
    app = application(feed=feed, things=Things({"a": "first"}))
    async with run_server(app) as server:
        async with server.live() as client:
            await watch(client, ("thing/a", "row", "6.0"))
            await next_fragments(client)
            await watch(client, ("thing/a", "row", "7.0"), ("things", "changed", "7.0"))

        async def nothing() -> None:
            assert not feed.interest()
            assert parts_of(app)[0].open == 0

        await eventually(nothing)


async def test_pages_that_wake_together_are_served_in_batches() -> None:
    shared = parts_of(application(feed=Feed(epoch=7)))[1]
    served: list[int] = []

    async def page(number: int) -> None:
        await shared.turn()
        served.append(number)

    at_once: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        for number in range(100):
            tasks.create_task(page(number))
        while len(served) < 100:
            before = len(served)
            await asyncio.sleep(0)
            at_once.append(len(served) - before)
    assert served == list(range(100)), "first in, first out"
    assert max(at_once) == fragment_cache.PAGES_AT_ONCE
