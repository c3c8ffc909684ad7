"""The web application: services in, one ASGI application out. The composition root and the tests both call `create_app`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from signalbox import __version__
from signalbox.brokers.settings import ConnectionSettings
from signalbox.kernel.clock import Clock
from signalbox.kernel.exposition import CONTENT_TYPE
from signalbox.kernel.feed import Feed
from signalbox.monitoring.exposition import exposition
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.resources import TEMPLATES
from signalbox.security.accounts.service import Accounts
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door
from signalbox.security.exposition import exposition as actions
from signalbox.security.keys import Keys
from signalbox.security.masking.service import Masking
from signalbox.security.model import VIEWER_EVERYWHERE, Actor, Role
from signalbox.security.oidc.service import CompanyAccounts
from signalbox.web import incoming, urls
from signalbox.web.access import Access, actor_at, actor_of, may_enter
from signalbox.web.assets import Assets, load
from signalbox.web.errors import NotUnderstood, handle
from signalbox.web.feature import Feature
from signalbox.web.guards import SAFE_METHODS, Guard
from signalbox.web.live.registry import Registry, sight_of
from signalbox.web.live.socket import SOCKETS_PER_ADDRESS_MAX, live_route
from signalbox.web.live.viewer import DRAIN_MAX_S
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.monitoring.feature import MONITORING
from signalbox.web.rate_limit import PER_SECOND, RateLimiter
from signalbox.web.rendering import Renderer
from signalbox.web.security import urls as security_urls
from signalbox.web.security.feature import SECURITY
from signalbox.web.security.user_count import UserCount
from signalbox.web.serving import health_routes, metrics_route, static_route
from signalbox.web.settings import ServerSettings
from signalbox.web.shell import Around, Banner

REQUEST_BYTES_MAX = 64 * 1024  # nothing is sent to Signalbox yet but addresses

DEMO = Banner(
    tone="motion",
    mark="m-running",
    strong="Demo, signed in as demo operator, on this machine only:",
    text="a made-up shop; its messages and the lag are real.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the application is made of."""

    monitor: Monitor
    feed: Feed
    series: Series
    clock: Clock
    accounts: Accounts
    door: Door
    audit: AuditLog
    keys: Keys
    masking: Masking
    company: CompanyAccounts | None
    settings: ServerSettings
    open_metrics: bool
    connections: Sequence[ConnectionSettings]  # only name, kind and whether TLS is verified may be drawn
    ready: Callable[[], Awaitable[bool]]
    demo: bool
    lifespan: Callable[[Litestar], AbstractAsyncContextManager[None]]
    features: Sequence[Feature] = (MONITORING, SECURITY)
    sockets_per_address: int = SOCKETS_PER_ADDRESS_MAX
    requests_per_s: float = PER_SECOND
    drain_max_s: float = DRAIN_MAX_S
    assets: Assets | None = None  # None: what stands in static/
    templates: Sequence[Path] = (TEMPLATES,)  # searched in this order


class Signalbox(Litestar):
    """Litestar behind the guard, with names that hold slashes kept whole on the way to their route."""

    guard: Guard
    feed: Feed

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]  # lifespan too
        if cast("str", scope["type"]) == "lifespan":
            await super().__call__(scope, receive, send)
            return
        scope["path"] = urls.routed(scope["raw_path"])
        scope.setdefault("state", {})["seen"] = self.feed.latest()
        await self.guard(scope, receive, send)

    async def behind_guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


class NamesDecoded(ASGIMiddleware):
    """Hands names out of an address to their handler as the broker wrote them."""

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        routed = cast(
            "dict[str, Any]", scope["path_params"]
        )  # shared by Litestar's cache of routes: never changed in place
        scope["path_params"] = {k: urls.name_of(v) if isinstance(v, str) else v for k, v in routed.items()}
        await next_app(scope, receive, send)


class Incoming(Request[Any, Any, Any]):
    """A request whose body nobody has looked at yet."""

    @override
    async def json(self) -> Any:
        try:
            return await super().json()
        except RecursionError:
            raise NotUnderstood("The body is nested too deep.") from None


def create_app(parts: Parts) -> Litestar:
    """Wire the web application; nothing runs before its lifespan begins."""
    assets = parts.assets or load()

    def around(actor: Actor) -> Around:
        visible = sight_of(actor.rights, parts.monitor).monitor.connections()
        banners = (DEMO,) if parts.demo else ()
        has_users = parts.accounts.identities.has_users
        return Around(
            connections=visible,
            actor=actor,
            has_users=has_users,
            users=user_count.users,
            rules=parts.masking.count,
            settings=parts.settings,
            banners=banners,
        )

    def seen(request: Request[Any, Any, Any]) -> Monitor:
        return sight_of(actor_of(request).rights, parts.monitor).monitor

    def metrics(actor: Actor) -> AsyncIterator[bytes]:
        rights = VIEWER_EVERYWHERE if parts.open_metrics else actor.rights
        sight = sight_of(rights, parts.monitor)
        sees_all = sight.connections is None and rights.role() >= Role.VIEWER
        if not sees_all:
            return exposition(sight.monitor, None)
        return _one_after_the_other(exposition(parts.monitor, parts.series.usage()), actions(parts.door))

    def place(request: Request[Any, Any, Any]) -> str:
        return incoming.public_url(request.scope, parts.settings.base_url)

    user_count = UserCount(parts.accounts)
    renderer = Renderer(
        assets=assets,
        feed=parts.feed,
        clock=parts.clock,
        around=around,
        templates=parts.templates,
        addresses=(monitoring_urls, security_urls),
    )
    registry = Registry()
    for feature in parts.features:
        feature.register(registry)
    live = live_route(
        registry=registry,
        monitor=parts.monitor,
        renderer=renderer,
        feed=parts.feed,
        clock=parts.clock,
        per_address=parts.sockets_per_address,
        drain_max_s=parts.drain_max_s,
    )

    app = Signalbox(
        route_handlers=[
            *_mounted(parts),
            live,
            static_route(assets),
            *health_routes(parts.ready),
            metrics_route(metrics, CONTENT_TYPE, is_open=parts.open_metrics),
        ],
        dependencies={
            "actor": Provide(actor_at, sync_to_thread=False),
            "accounts": Provide(lambda: parts.accounts, sync_to_thread=False),
            "audit": Provide(lambda: parts.audit, sync_to_thread=False),
            "keys": Provide(lambda: parts.keys, sync_to_thread=False),
            "company": Provide(lambda: parts.company, sync_to_thread=False),
            "masking": Provide(lambda: parts.masking, sync_to_thread=False),
            "door": Provide(lambda: parts.door, sync_to_thread=False),
            "monitor": Provide(seen, sync_to_thread=False),
            "series": Provide(lambda: parts.series, sync_to_thread=False),
            "connections": Provide(lambda: parts.connections, sync_to_thread=False),
            "place": Provide(place, sync_to_thread=False),
        },
        exception_handlers={Exception: handle},
        guards=[may_enter],
        middleware=[NamesDecoded()],
        lifespan=[parts.lifespan],
        openapi_config=OpenAPIConfig(
            title="Signalbox",
            version=__version__,
            path=urls.API,
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        request_class=Incoming,
        request_max_body_size=REQUEST_BYTES_MAX,
        state=State({"renderer": renderer, "accounts": parts.accounts}),
        logging_config=None,
        debug=False,
    )
    app.feed = parts.feed
    access = Access(app.behind_guard, parts.accounts, parts.settings, demo=parts.demo)
    app.guard = Guard(access, parts.settings, RateLimiter(parts.requests_per_s))
    return app


async def _one_after_the_other(first: AsyncIterator[bytes], then: bytes) -> AsyncIterator[bytes]:
    async for piece in first:
        yield piece
    yield then


def _mounted(parts: Parts) -> Iterator[HTTPRouteHandler]:
    """Yield the routes of all features; in read-only mode no write is there but those of one's own session."""
    for feature in parts.features:
        for route in feature.routes:
            if not parts.settings.read_only or route.opt.get("own") or route.http_methods <= SAFE_METHODS:
                yield route
