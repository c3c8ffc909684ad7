"""The routes that are not pages: static files from memory, health checks, and metrics."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from signalbox.kernel.exposition import CONTENT_TYPE
from signalbox.security.model import Actor
from signalbox.web import urls
from signalbox.web.access import NO_SIGN_IN
from signalbox.web.assets import Assets
from signalbox.web.visibility import Visibility

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"


def static_route(assets: Assets) -> HTTPRouteHandler:
    """Return the route of static files. It serves only files that were read at start, so no request reads the disk."""

    @get(f"{urls.STATIC}/{{build:str}}/{{path:path}}", include_in_schema=False, sync_to_thread=False, opt=NO_SIGN_IN)
    def static(request: Request[Any, Any, Any], build: FromPath[str], path: FromPath[str]) -> Response[bytes]:
        asset = assets.files.get(path.removeprefix("/"))
        if asset is None:
            raise NotFoundException
        zipped = asset.gzipped is not None and "gzip" in request.headers.get("accept-encoding", "")
        headers = {"Cache-Control": IMMUTABLE if build == assets.build else REVALIDATE}
        if asset.gzipped is not None:
            headers["Vary"] = "Accept-Encoding"
        if zipped:
            headers["Content-Encoding"] = "gzip"
        content = asset.gzipped if zipped and asset.gzipped is not None else asset.content
        return Response(content, media_type=asset.type, headers=headers)

    return static


def health_routes(ready: Callable[[], Awaitable[bool]]) -> list[HTTPRouteHandler]:
    """Return the routes of the liveness and readiness checks."""

    @get(urls.HEALTH_LIVE, media_type=MediaType.TEXT, include_in_schema=False, sync_to_thread=False, opt=NO_SIGN_IN)
    def live() -> str:
        return "live\n"

    @get(urls.HEALTH_READY, media_type=MediaType.TEXT, include_in_schema=False, opt=NO_SIGN_IN)
    async def is_ready() -> Response[str]:
        """A broker that is down does not make Signalbox unready: it is most useful then."""
        if await ready():
            return Response("ready\n", media_type=MediaType.TEXT)
        reason = "not ready: the database needs migration or a service is not running; see the log\n"
        return Response(reason, media_type=MediaType.TEXT, status_code=503)

    return [live, is_ready]


def metrics_route(
    writers: Sequence[Callable[[Visibility], AsyncIterator[bytes]]],
    visibility_for_metrics: Callable[[Actor], Visibility],
    *,
    is_open: bool,
) -> HTTPRouteHandler:
    """Return the route that Prometheus scrapes: a megabyte for 2,000 groups, streamed.

    It requires a token unless `is_open`. A token for some connections gets the metrics of these only.
    """

    async def write_all(visibility: Visibility) -> AsyncIterator[bytes]:
        for write in writers:
            async for piece in write(visibility):
                yield piece

    @get(urls.METRICS, include_in_schema=False, sync_to_thread=False, opt={"no_sign_in": is_open})
    def metrics(actor: NamedDependency[Actor]) -> Stream:
        return Stream(write_all(visibility_for_metrics(actor)), headers={"Content-Type": CONTENT_TYPE})

    return metrics
