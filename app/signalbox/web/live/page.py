"""The live socket of one page. Limits: what it may watch, how much, and how slowly it may read."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeAlias, cast

import msgspec
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from signalbox.kernel.clock import Clock
from signalbox.kernel.feed import KEYS_PER_SUBSCRIBER_MAX, Feed, Version
from signalbox.web import urls
from signalbox.web.live.fragment_cache import FragmentCache
from signalbox.web.live.registry import POINTS, Registry
from signalbox.web.visibility import Visibility

FRAME_BYTES_MAX = 256 * 1024  # 200 keys of the longest names, each character four bytes, fit
DRAIN_MAX_S = 30.0  # a page that reads nothing for this long is disconnected
TICK_S = 0.9  # at most one message in this time: under the second of the collectors, so that a delay does not add up
GATHER_S = 0.05  # one sweep publishes in slices: wait for the rest of it
HEARTBEAT_S = 10.0  # the browser takes a longer silence for a broken socket
MESSAGE_PAUSE_S = 0.1  # between two messages of one page; further ones wait in its socket buffer
FRAGMENTS_PER_SLICE = 20  # then other tasks have a turn

SIGNED_OUT = 4401
NOT_PERMITTED = 4403
BAD_MESSAGE = 4400  # malformed or over a limit; the reason says which
TOO_LARGE = 1009

WatchedFragment: TypeAlias = tuple[str, str, str]  # key, fragment, version on the page (points: time of the last one)


class Watch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The only message that a page sends. It replaces the list that the page watched before."""

    watch: Annotated[list[WatchedFragment], msgspec.Meta(max_length=KEYS_PER_SUBSCRIBER_MAX)]


_decoder = msgspec.json.Decoder(Watch)


class SocketRefusal(Exception):
    """The server closes the socket with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Stalled(Exception):
    """The page no longer reads what the server sends."""


class LivePage:
    """Serves one accepted socket until it closes.

    Every message to the page is {"now": time, "fragments": [[key, fragment, version, html], ...]}. html null: the entity is
    gone, or unknown for the reason in a fifth item. html "": a list changed, or the fragment failed with the fault id in a
    fifth item. Points: [key, "points", version, the time from which the points continue, points].
    """

    def __init__(
        self,
        socket: WebSocket[Any, Any, Any],
        *,
        visibility: Callable[[], Visibility],
        ending_keys: Sequence[str],
        ending: str,
        has_ended: Callable[[], Awaitable[bool]],
        registry: Registry,
        fragments: FragmentCache,
        feed: Feed,
        clock: Clock,
        drain_max_s: float = DRAIN_MAX_S,
    ) -> None:
        self._socket = socket
        self._visibility = visibility
        self._ending_keys = ending_keys  # feed keys: when one of them changes, the rights of this page may have changed
        self._ending = ending  # the sentence that the page shows then
        self._has_ended = has_ended  # whether the rights really differ: a key may stand for several actors
        self._registry = registry
        self._fragments = fragments
        self._feed = feed
        self._clock = clock
        self._drain_max_s = drain_max_s

    async def serve(self, build: str) -> None:
        """Send the build, then the watched fragments until the page disconnects.

        Raises:
            SocketRefusal: the page sent a bad message or lost the right to see a fragment.
            Stalled: the page no longer reads.
            OSError, WebSocketDisconnect: the page disconnected.
        """
        await self._send(msgspec.json.encode({"now": self._clock(), "build": build}))
        try:
            async with asyncio.TaskGroup() as tasks:
                ending = tasks.create_task(self._until_rights_change())
                following: asyncio.Task[None] | None = None
                while (watched := await self._receive()) is not None:
                    if following is not None:
                        following.cancel()
                    following = tasks.create_task(self._follow(watched))
                    await asyncio.sleep(MESSAGE_PAUSE_S)
                ending.cancel()
                if following is not None:
                    following.cancel()
        except* (SocketRefusal, Stalled, OSError, WebSocketDisconnect) as several:
            raise several.exceptions[0] from None

    async def _receive(self) -> Sequence[WatchedFragment] | None:
        """Return the fragments that the page watches from now on; None when the page disconnected."""
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            return None
        frame = cast("str | bytes", event.get("text") or event.get("bytes") or b"")
        if len(frame) > FRAME_BYTES_MAX or (isinstance(frame, str) and len(frame.encode()) > FRAME_BYTES_MAX):
            raise SocketRefusal(TOO_LARGE, f"a message may have at most {FRAME_BYTES_MAX} bytes")
        try:
            watched = [(urls.decode_key(key), name, version) for key, name, version in _decoder.decode(frame).watch]
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise SocketRefusal(
                BAD_MESSAGE, f"expected watch: at most {KEYS_PER_SUBSCRIBER_MAX} of key, fragment, version"
            ) from None
        if unknown := [name for key, name, _ in watched if not self._registry.knows(key, name)]:
            raise SocketRefusal(BAD_MESSAGE, f"unknown fragment {unknown[0]!r:.60}")
        visibility = self._visibility()
        if any(not visibility.sees(self._registry.resource(key, name)) for key, name, _ in watched):
            raise SocketRefusal(NOT_PERMITTED, "You are no longer permitted to view part of this page.")
        return watched

    async def _until_rights_change(self) -> None:
        subscription = self._feed.subscribe(self._ending_keys)
        try:
            await subscription.changes()
            while not await self._has_ended():
                await subscription.changes()
        finally:
            self._feed.unsubscribe(subscription)
        raise SocketRefusal(SIGNED_OUT, self._ending)

    async def _follow(self, watched: Sequence[WatchedFragment]) -> None:
        versions: dict[str, dict[str, str]] = {}
        for key, name, version in watched:
            versions.setdefault(key, {})[name] = version
        subscription = self._feed.subscribe(versions)
        try:
            outdated = [(key, name, None) for key, name, version in watched if self._is_outdated(key, name, version)]
            await self._send_fragments(outdated)
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        changed = await subscription.changes()
                except TimeoutError:
                    await self._send_fragments([])
                    continue
                woken = time.monotonic()
                await asyncio.sleep(GATHER_S)
                await self._fragments.turn()
                changed |= subscription.take()
                await self._send_fragments(
                    [(key, name, _time(version)) for key in changed for name, version in versions[key].items()]
                )
                await asyncio.sleep(max(0.0, woken + TICK_S - time.monotonic()))
        finally:
            self._feed.unsubscribe(subscription)

    def _is_outdated(self, key: str, name: str, version: str) -> bool:
        return name != POINTS and _is_older(version, self._feed.version(key))

    async def _send_fragments(self, fragments: Sequence[tuple[str, str, float | None]]) -> None:
        encoded: list[bytes] = []
        visibility = self._visibility()
        for index, (key, name, since) in enumerate(fragments, start=1):
            encoded.append((await self._fragments.get(visibility, key, name, since=since)).encoded)
            if index % FRAGMENTS_PER_SLICE == 0:
                await asyncio.sleep(0)
        await self._send(b'{"now":%.3f,"fragments":[%s]}' % (self._clock(), b",".join(encoded)))

    async def _send(self, message: bytes) -> None:
        try:
            async with asyncio.timeout(self._drain_max_s):
                await self._socket.send_data(message, mode="text")
        except TimeoutError:
            raise Stalled from None


def _is_older(text: str, version: Version) -> bool:
    epoch, _, counter = text.partition(".")
    if not (epoch.isascii() and epoch.isdigit() and counter.isascii() and counter.isdigit() and len(text) < 64):
        return True
    return int(epoch) != version.epoch or int(counter) < version.counter


def _time(text: str) -> float | None:
    """Return the time at which a chart ends, in epoch seconds; None if the page sent no time."""
    try:
        at = float(text)
    except ValueError:
        return None
    return at if at == at and abs(at) < 1e12 else None  # noqa: PLR0124 - only NaN is not itself
