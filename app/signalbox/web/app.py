"""Build the web application from the core and the built features."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
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
from signalbox.core import Core
from signalbox.kernel.feed import Feed
from signalbox.resources import TEMPLATES
from signalbox.security.model import VIEWER_EVERYWHERE, Actor
from signalbox.security.settings import SecuritySettings
from signalbox.web import incoming, urls
from signalbox.web.access import ActorMiddleware, actor_of, provide_actor, require_sign_in
from signalbox.web.assets import Assets, load
from signalbox.web.errors import BadRequest, handle
from signalbox.web.feature import FeatureParts
from signalbox.web.guards import SAFE_METHODS, Guard
from signalbox.web.live.page import DRAIN_MAX_S
from signalbox.web.live.registry import Registry
from signalbox.web.live.socket import SOCKETS_PER_ADDRESS_MAX, live_route
from signalbox.web.palette import search_route
from signalbox.web.rate_limit import PER_SECOND, RateLimiter
from signalbox.web.rendering import Renderer
from signalbox.web.serving import health_routes, metrics_route, static_route
from signalbox.web.settings import ServerSettings
from signalbox.web.shell import Banner, ShellContext
from signalbox.web.visibility import Visibility, visibility_of

REQUEST_BYTES_MAX = 64 * 1024  # forms and small JSON documents


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """The options that tests and the demo vary."""

    demo: bool = False  # visitors from this machine are operators without signing in
    banners: Sequence[Banner] = ()
    sockets_per_address: int = SOCKETS_PER_ADDRESS_MAX
    requests_per_s: float = PER_SECOND
    drain_max_s: float = DRAIN_MAX_S
    assets: Assets | None = None  # None: the files of static/
    templates: Sequence[Path] = (TEMPLATES,)  # searched in this order


class UndeclaredWrite(Exception):
    """A write route of a feature is missing from its list of writes."""


class Signalbox(Litestar):
    """Litestar behind the guard. A name that contains slashes stays one segment of its path."""

    guard: Guard
    feed: Feed

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]  # lifespan too
        if cast("str", scope["type"]) == "lifespan":
            await super().__call__(scope, receive, send)
            return
        scope["path"] = urls.decode_path(scope["raw_path"])
        scope.setdefault("state", {})["feed_version"] = self.feed.latest()
        await self.guard(scope, receive, send)

    async def route_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


class DecodeNames(ASGIMiddleware):
    """Decodes the names in a URL, so that handlers get them as the broker wrote them."""

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        encoded = cast(
            "dict[str, Any]", scope["path_params"]
        )  # in Litestar's route cache: must not be changed in place
        scope["path_params"] = {k: urls.decode_segment(v) if isinstance(v, str) else v for k, v in encoded.items()}
        await next_app(scope, receive, send)


class SafeRequest(Request[Any, Any, Any]):
    """Answers a JSON body that is nested too deep with status 400 instead of 500."""

    @override
    async def json(self) -> Any:
        try:
            return await super().json()
        except RecursionError:
            raise BadRequest("The body is nested too deep.") from None


def create_app(
    core: Core,
    features: Sequence[FeatureParts],
    *,
    ready: Callable[[], Awaitable[bool]],
    lifespan: Callable[[Litestar], AbstractAsyncContextManager[None]],
    options: WebOptions,
) -> Litestar:
    """Build the web application; nothing runs before its lifespan begins.

    Raises:
        UndeclaredWrite: a write route is missing from its feature's list of writes.
        ValueError: two features provide a dependency of the same name.
    """
    settings = core.configuration.one(ServerSettings)
    names = [connection.name for connection in core.connections]

    def visibility(actor: Actor) -> Visibility:
        return visibility_of(actor, names)

    assets = options.assets or load()
    renderer = Renderer(
        assets=assets,
        feed=core.feed,
        clock=core.clock,
        shell_context=_shell_context(core, features, settings, options, visibility),
        templates=options.templates,
        url_modules=[parts.urls for parts in features if parts.urls],
    )
    app = Signalbox(
        route_handlers=[
            *_feature_routes(features, read_only=settings.read_only),
            *_shared_routes(core, features, ready, assets, visibility),
            live_route(
                registry=_registry(features),
                visibility=visibility,
                renderer=renderer,
                feed=core.feed,
                clock=core.clock,
                is_open=settings.allow_unauthenticated,
                per_address=options.sockets_per_address,
                drain_max_s=options.drain_max_s,
            ),
        ],
        dependencies=_dependencies(core, features, settings, visibility),
        exception_handlers={Exception: handle},
        guards=[require_sign_in],
        middleware=[DecodeNames()],
        lifespan=[lifespan],
        openapi_config=OpenAPIConfig(
            title="Signalbox",
            version=__version__,
            path=urls.API,
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        request_class=SafeRequest,
        request_max_body_size=REQUEST_BYTES_MAX,
        state=State(
            {
                "renderer": renderer,
                "accounts": core.accounts,
                "expected_errors": {cls: how for parts in features for cls, how in parts.expected_errors.items()},
            }
        ),
        logging_config=None,
        debug=False,
    )
    app.feed = core.feed
    access = ActorMiddleware(app.route_request, core.accounts, settings, demo=options.demo)
    app.guard = Guard(access, settings, RateLimiter(options.requests_per_s))
    return app


def _shell_context(
    core: Core,
    features: Sequence[FeatureParts],
    settings: ServerSettings,
    options: WebOptions,
    visibility: Callable[[Actor], Visibility],
) -> Callable[[Actor], ShellContext]:
    navigation = [entry for parts in features for entry in parts.navigation]

    def shell_context(actor: Actor) -> ShellContext:
        visible = visibility(actor)
        return ShellContext(
            visibility=visible,
            navigation=navigation,
            banners=[*options.banners, *(banner for parts in features for banner in parts.banners(visible))],
            settings=settings,
            has_users=core.accounts.identities.has_users,
            has_connections=any(visible.sees(connection.name) for connection in core.connections),
        )

    return shell_context


def _registry(features: Sequence[FeatureParts]) -> Registry:
    registry = Registry()
    for parts in features:
        if parts.live is not None:
            registry.add(parts.live)
    return registry


def _shared_routes(
    core: Core,
    features: Sequence[FeatureParts],
    ready: Callable[[], Awaitable[bool]],
    assets: Assets,
    visibility: Callable[[Actor], Visibility],
) -> Iterator[HTTPRouteHandler]:
    open_metrics = core.configuration.one(SecuritySettings).open_metrics

    def visibility_for_metrics(actor: Actor) -> Visibility:
        return visibility(replace(actor, rights=VIEWER_EVERYWHERE) if open_metrics else actor)

    yield static_route(assets)
    yield from health_routes(ready)
    yield metrics_route(
        [parts.metrics for parts in features if parts.metrics], visibility_for_metrics, is_open=open_metrics
    )
    yield search_route(
        [search for parts in features for search in parts.searches],
        [entry for parts in features for entry in parts.navigation],
    )


def _dependencies(
    core: Core,
    features: Sequence[FeatureParts],
    settings: ServerSettings,
    visibility: Callable[[Actor], Visibility],
) -> dict[str, Provide]:
    """Return the dependencies of handlers, by parameter name."""

    def visibility_at(request: Request[Any, Any, Any]) -> Visibility:
        return visibility(actor_of(request))

    def public_url(request: Request[Any, Any, Any]) -> str:
        return incoming.public_url(request.scope, settings.base_url)

    dependencies = {
        "actor": Provide(provide_actor, sync_to_thread=False),
        "visibility": Provide(visibility_at, sync_to_thread=False),
        "public_url": Provide(public_url, sync_to_thread=False),
        "connections": Provide(lambda: core.connections, sync_to_thread=False),
    }
    for parts in features:
        for name, provide in parts.dependencies.items():
            if name in dependencies:
                raise ValueError(f"two features provide {name} to handlers")
            dependencies[name] = provide
    return dependencies


def _feature_routes(features: Sequence[FeatureParts], *, read_only: bool) -> Iterator[HTTPRouteHandler]:
    """Yield the routes of all features; in read-only mode only the writes that it keeps."""
    for parts in features:
        declared = {(write.method, write.path) for write in parts.writes}
        for route in parts.routes:
            if undeclared := _writes(route) - declared:
                raise UndeclaredWrite(f"missing from the list of writes of the feature: {sorted(undeclared)}")
            if not read_only or route.opt.get("writable_in_read_only") or route.http_methods <= SAFE_METHODS:
                yield route


def _writes(route: HTTPRouteHandler) -> set[tuple[str, str]]:
    return {(str(method), path) for method in route.http_methods if method not in SAFE_METHODS for path in route.paths}
