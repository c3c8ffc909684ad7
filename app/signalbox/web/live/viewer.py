"""One page's live connection: what it watches, what it is sent, and the limits on both.

A page sends {"watch": [[key, fragment, version it shows], ...]}, which replaces what it watched. It is sent messages of
{"now": time, "drawn": [[key, fragment, version, html], ...]}; html null: gone, unless a fifth item says in a sentence why
nobody knows; "" for a list that changed, or with a fifth item, the id of a fault. Charts: [key, "points", version, the time
the points continue from, points].
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias, cast

import msgspec
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from signalbox.kernel.clock import Clock
from signalbox.kernel.feed import KEYS_PER_SUBSCRIBER_MAX, Feed, Version
from signalbox.web import urls
from signalbox.web.live.drawings import Drawings
from signalbox.web.live.registry import POINTS, Registry
from signalbox.web.visibility import Visibility

FRAME_BYTES_MAX = 256 * 1024  # 200 keys of the longest names, each character four bytes, fit
DRAIN_MAX_S = 30.0  # who takes nothing for this long is cut off
TICK_S = 0.9  # at most one message in this time: under the second of the collectors, so that a delay does not add up
GATHER_S = 0.05  # one sweep publishes in slices: wait for the rest of them
HEARTBEAT_S = 10.0  # silence would look like a connection that broke
MESSAGE_PAUSE_S = 0.1  # between two messages of one page; what it sends meanwhile waits in its own buffer
DRAWN_PER_SLICE = 20  # then other tasks have a turn

SIGNED_OUT = 4401
NOT_PERMITTED = 4403
REFUSED = 4400  # not understood, or more than is allowed; the reason says which
TOO_LARGE = 1009

Watched: TypeAlias = tuple[str, str, str]  # key, fragment, version shown (of points: the time of the last one)


class Watch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The only message that a page sends."""

    watch: Annotated[list[Watched], msgspec.Meta(max_length=KEYS_PER_SUBSCRIBER_MAX)]


_decoder = msgspec.json.Decoder(Watch)


class Refused(Exception):
    """The page sent something that it may not; the socket is closed with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Stalled(Exception):
    """The page takes nothing any more."""


class Viewer:
    """Serves one accepted socket until it ends."""

    def __init__(
        self,
        socket: WebSocket[Any, Any, Any],
        *,
        visibility: Callable[[], Visibility],
        ended: Sequence[str],
        registry: Registry,
        drawings: Drawings,
        feed: Feed,
        clock: Clock,
        drain_max_s: float = DRAIN_MAX_S,
    ) -> None:
        self._socket = socket
        self._visibility = visibility
        self._ended = ended  # feed keys: when one of them is told, the rights of this page are not what they were
        self._registry = registry
        self._drawings = drawings
        self._feed = feed
        self._clock = clock
        self._drain_max_s = drain_max_s

    async def serve(self, build: str) -> None:
        """Greet, then follow what the page asks for until it leaves.

        Raises:
            Refused: the page sent something that it may not.
            Stalled: it takes nothing any more.
            OSError, WebSocketDisconnect: it is gone.
        """
        await self._send(msgspec.json.encode({"now": self._clock(), "build": build}))
        try:
            async with asyncio.TaskGroup() as tasks:
                ending = tasks.create_task(self._until_rights_change())
                following: asyncio.Task[None] | None = None
                while (asked := await self._receive()) is not None:
                    if following is not None:
                        following.cancel()
                    following = tasks.create_task(self._follow(asked))
                    await asyncio.sleep(MESSAGE_PAUSE_S)
                ending.cancel()
                if following is not None:
                    following.cancel()
        except* (Refused, Stalled, OSError, WebSocketDisconnect) as several:
            raise several.exceptions[0] from None

    async def _receive(self) -> Sequence[Watched] | None:
        """Return what the page asks for next; None when it left."""
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            return None
        frame = cast("str | bytes", event.get("text") or event.get("bytes") or b"")
        if len(frame) > FRAME_BYTES_MAX or (isinstance(frame, str) and len(frame.encode()) > FRAME_BYTES_MAX):
            raise Refused(TOO_LARGE, f"a message may have {FRAME_BYTES_MAX} bytes")
        try:
            asked = [(urls.key_of(key), name, shown) for key, name, shown in _decoder.decode(frame).watch]
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise Refused(
                REFUSED, f"expected watch: at most {KEYS_PER_SUBSCRIBER_MAX} of key, fragment, version"
            ) from None
        if unknown := [name for key, name, _ in asked if not self._registry.knows(key, name)]:
            raise Refused(REFUSED, f"nothing can be watched as {unknown[0]!r:.60}")
        visibility = self._visibility()
        if any(not visibility.sees(self._registry.resource(key, name)) for key, name, _ in asked):
            raise Refused(NOT_PERMITTED, "part of this page may not be seen any more")
        return asked

    async def _until_rights_change(self) -> None:
        subscription = self._feed.subscribe(self._ended)
        try:
            await subscription.changes()
        finally:
            self._feed.unsubscribe(subscription)
        raise Refused(SIGNED_OUT, "you are signed out, or what you may see has changed")

    async def _follow(self, asked: Sequence[Watched]) -> None:
        names: dict[str, dict[str, str]] = {}
        for key, name, shown in asked:
            names.setdefault(key, {})[name] = shown
        subscription = self._feed.subscribe(names)
        try:
            behind = [(key, name, None) for key, name, shown in asked if self._is_behind(key, name, shown)]
            await self._send_drawn(behind)
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        changed = await subscription.changes()
                except TimeoutError:
                    await self._send_drawn([])
                    continue
                woken = time.monotonic()
                await asyncio.sleep(GATHER_S)
                await self._drawings.turn()
                changed |= subscription.take()
                await self._send_drawn([(key, name, _time(names[key][name])) for key in changed for name in names[key]])
                await asyncio.sleep(max(0.0, woken + TICK_S - time.monotonic()))
        finally:
            self._feed.unsubscribe(subscription)

    def _is_behind(self, key: str, name: str, shown: str) -> bool:
        return name != POINTS and _is_older(shown, self._feed.version(key))

    async def _send_drawn(self, wanted: Sequence[tuple[str, str, float | None]]) -> None:
        drawn: list[bytes] = []
        visibility = self._visibility()
        for index, (key, name, since) in enumerate(wanted, start=1):
            drawn.append((await self._drawings.of(visibility, key, name, since=since)).encoded)
            if index % DRAWN_PER_SLICE == 0:
                await asyncio.sleep(0)
        await self._send(b'{"now":%.3f,"drawn":[%s]}' % (self._clock(), b",".join(drawn)))

    async def _send(self, message: bytes) -> None:
        try:
            async with asyncio.timeout(self._drain_max_s):
                await self._socket.send_data(message, mode="text")
        except TimeoutError:
            raise Stalled from None


def _is_older(shown: str, version: Version) -> bool:
    epoch, _, counter = shown.partition(".")
    if not (epoch.isascii() and epoch.isdigit() and counter.isascii() and counter.isdigit() and len(shown) < 64):
        return True
    return int(epoch) != version.epoch or int(counter) < version.counter


def _time(shown: str) -> float | None:
    """Return where a chart says that it ends, epoch seconds; None when it does not say."""
    try:
        at = float(shown)
    except ValueError:
        return None
    return at if at == at and abs(at) < 1e12 else None  # noqa: PLR0124 - only NaN is not itself
