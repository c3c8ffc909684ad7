"""The websocket route of live pages: the limit per address, and why a socket closes."""

import asyncio
import contextlib
import logging
import socket as socket_module
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketRouteHandler

from signalbox.kernel.clock import Clock
from signalbox.kernel.errors import Unavailable
from signalbox.kernel.feed import Feed
from signalbox.security.accounts import keys
from signalbox.security.accounts.service import Accounts
from signalbox.security.model import Actor
from signalbox.web import incoming, urls
from signalbox.web.access import DEMO_ACTOR, NO_SIGN_IN, actor_of
from signalbox.web.live.fragment_cache import FragmentCache
from signalbox.web.live.page import DRAIN_MAX_S, SIGNED_OUT, LivePage, SocketRefusal, Stalled
from signalbox.web.live.registry import Registry
from signalbox.web.rendering import Renderer
from signalbox.web.visibility import Visibility

log = logging.getLogger(__name__)

SOCKETS_PER_ADDRESS_MAX = 100
SOCKETS_MAX = 2000  # of the process
TOO_MANY = 4429
FAULT = 4500
CLOSE_WAIT_S = 1.0
NOT_SIGNED_IN = "You are not signed in."
RIGHTS_CHANGED = "You were signed out, or your permissions changed."
FIRST_USER = "The first user was created: this page requires signing in now."


def end_stalled_connections(listener: socket_module.socket, after_s: float = 2 * DRAIN_MAX_S) -> None:
    """Let the kernel end accepted connections whose peer reads nothing for this long.

    The server can only close gracefully, and then waits for a peer that never reads. Only Linux has the option; elsewhere the
    keepalive of the server ends such connections.
    """
    if hasattr(socket_module, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket_module.IPPROTO_TCP, socket_module.TCP_USER_TIMEOUT, int(after_s * 1000))


class Sockets:
    def __init__(self, per_address: int, maximum: int = SOCKETS_MAX) -> None:
        self._per_address = per_address
        self._maximum = maximum
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        return self._open.total()

    @contextlib.contextmanager
    def reserve(self, address: str) -> Iterator[bool]:
        """Count a socket of this address while inside; yield whether it is allowed."""
        allowed = self._open[address] < self._per_address and self.open < self._maximum
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
    is_open: bool,
    per_address: int = SOCKETS_PER_ADDRESS_MAX,
    drain_max_s: float = DRAIN_MAX_S,
) -> WebsocketRouteHandler:
    """Return the route of live pages. The guard has checked Host and Origin before.

    `is_open`: anyone may view everything without signing in, also after a user signed in.
    """
    fragments = FragmentCache(registry, renderer, feed)
    sockets = Sockets(per_address)

    @websocket(urls.LIVE, opt={"sockets": sockets, "fragments": fragments, **NO_SIGN_IN})
    async def live(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        with sockets.reserve(socket.client.host if socket.client else "") as allowed:
            if not allowed:
                await _close(socket, TOO_MANY, "too many live pages are open from this address")
                return
            actor = actor_of(socket)
            if not actor.rights.allows_anything:
                await _close(socket, SIGNED_OUT, NOT_SIGNED_IN)
                return
            page = LivePage(
                socket,
                visibility=lambda: visibility(actor),
                ending_keys=_ending_keys(actor, is_open=is_open),
                ending=RIGHTS_CHANGED if actor.is_signed_in else FIRST_USER,
                has_ended=lambda: _has_ended(socket, actor),
                registry=registry,
                fragments=fragments,
                feed=feed,
                clock=clock,
                drain_max_s=drain_max_s,
            )
            await _serve(page, socket, renderer.assets.build)

    return live


def _ending_keys(actor: Actor, *, is_open: bool) -> list[str]:
    """Return the feed keys that change when this actor's rights do: a changed role ends the user's sessions."""
    if actor.session is not None:
        return [keys.session(actor.session)]
    if actor.token is not None:
        return [keys.token(actor.token), keys.TOKENS]
    return [] if is_open or actor.name == DEMO_ACTOR else [keys.ANONYMOUS]


async def _has_ended(socket: WebSocket[Any, Any, Any], actor: Actor) -> bool:
    """Return whether the actor has other rights now. Those of a token are read again: a changed role does not end it."""
    if actor.token is None:
        return True
    accounts = cast("Accounts", socket.app.state.accounts)
    try:
        identity = await accounts.identities.by_token(incoming.bearer(socket.scope) or "")
    except Unavailable:
        return False  # unknown is not ended; an ended token is announced again
    return identity is None or identity.rights != actor.rights


async def _serve(page: LivePage, socket: WebSocket[Any, Any, Any], build: str) -> None:
    try:
        await page.serve(build)
    except SocketRefusal as refusal:
        await _close(socket, refusal.code, refusal.reason)
    except (Stalled, OSError, WebSocketDisconnect):
        pass  # no one reads a reason; the server ends the connection
    except Exception:
        log.exception("a live page failed")
        await _close(socket, FAULT, "Signalbox failed; its log has the cause")


async def _close(socket: WebSocket[Any, Any, Any], code: int, reason: str) -> None:
    with contextlib.suppress(TimeoutError, OSError):
        await asyncio.wait_for(socket.close(code=code, reason=reason), CLOSE_WAIT_S)
