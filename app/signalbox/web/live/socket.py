"""The websocket route: how many, from where, and how each ends."""

import asyncio
import contextlib
import logging
import socket as socket_module
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler

from signalbox.kernel.clock import Clock
from signalbox.kernel.feed import Feed
from signalbox.security.accounts import keys
from signalbox.security.model import Actor
from signalbox.web import urls
from signalbox.web.access import OPEN, actor_of
from signalbox.web.live.drawings import Drawings
from signalbox.web.live.registry import Registry
from signalbox.web.live.viewer import DRAIN_MAX_S, SIGNED_OUT, Refused, Stalled, Viewer
from signalbox.web.rendering import Renderer
from signalbox.web.visibility import Visibility

log = logging.getLogger(__name__)

SOCKETS_PER_ADDRESS_MAX = 100
SOCKETS_MAX = 2000  # of the process
TOO_MANY = 4429
FAULT = 4500
CLOSE_WAIT_S = 1.0


def end_stalled_connections(listener: socket_module.socket, after_s: float = 2 * DRAIN_MAX_S) -> None:
    """Have the kernel end accepted connections whose peer takes nothing for this long.

    The server can only close gracefully, which waits for the peer to take what was written: one that never reads would keep
    its connection for ever. Linux alone knows the option; elsewhere the keepalive of the server is what remains.
    """
    if hasattr(socket_module, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket_module.IPPROTO_TCP, socket_module.TCP_USER_TIMEOUT, int(after_s * 1000))


class Sockets:
    """Counts open sockets per address."""

    def __init__(self, per_address: int, most: int = SOCKETS_MAX) -> None:
        self._per_address = per_address
        self._most = most
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        return self._open.total()

    @contextlib.contextmanager
    def one_more(self, address: str) -> Iterator[bool]:
        """Count one more socket of this address while inside; says whether it is allowed."""
        allowed = self._open[address] < self._per_address and self.open < self._most
        if not allowed:
            yield False
            return
        self._open[address] += 1
        try:
            yield True
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


def live_route(
    *,
    registry: Registry,
    visibility: Callable[[Actor], Visibility],
    renderer: Renderer,
    feed: Feed,
    clock: Clock,
    per_address: int = SOCKETS_PER_ADDRESS_MAX,
    drain_max_s: float = DRAIN_MAX_S,
) -> WebsocketRouteHandler:
    """Return the route of live pages. The guard has checked Host and Origin before."""
    drawings = Drawings(registry, renderer, feed)
    sockets = Sockets(per_address)

    @websocket(urls.LIVE, opt={"sockets": sockets, "drawings": drawings, **OPEN})
    async def live(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        with sockets.one_more(socket.client.host if socket.client else "") as allowed:
            if not allowed:
                await _close(socket, TOO_MANY, "too many live pages are open from this address")
                return
            actor = actor_of(socket)
            if not actor.rights.allows_anything:
                await _close(socket, SIGNED_OUT, "nobody is signed in here")
                return
            viewer = Viewer(
                socket,
                visibility=lambda: visibility(actor),
                ended=_told_by(actor),
                registry=registry,
                drawings=drawings,
                feed=feed,
                clock=clock,
                drain_max_s=drain_max_s,
            )
            await _serve(viewer, socket, renderer.assets.build)

    return live


def _told_by(actor: Actor) -> list[str]:
    """Return the feed keys that are told when this actor's rights end or change: those of users change by ending sessions."""
    if actor.session is not None:
        return [keys.session(actor.session)]
    return [keys.token(actor.token)] if actor.token is not None else [keys.ANONYMOUS]


async def _serve(viewer: Viewer, socket: WebSocket[Any, Any, Any], build: str) -> None:
    try:
        await viewer.serve(build)
    except Refused as refused:
        await _close(socket, refused.code, refused.reason)
    except (Stalled, OSError, WebSocketDisconnect):
        pass  # it takes nothing, or is gone: there is nobody to tell; the server ends the connection
    except Exception:
        log.exception("a live page broke")
        await _close(socket, FAULT, "a fault of Signalbox, told in its log")


async def _close(socket: WebSocket[Any, Any, Any], code: int, reason: str) -> None:
    with contextlib.suppress(TimeoutError, OSError):
        await asyncio.wait_for(socket.close(code=code, reason=reason), CLOSE_WAIT_S)
