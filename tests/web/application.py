"""The web application with a single test feature: pages and fragments for any name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from signalbox.bootstrap import build
from signalbox.features.feature import Feature
from signalbox.kernel.feed import Feed
from signalbox.monitoring.model import Points
from signalbox.resources import TEMPLATES
from signalbox.web.app import WebOptions
from signalbox.web.errors import NotFound
from signalbox.web.feature import FeatureParts
from signalbox.web.live.registry import Fragment, KeyParts, LiveParts, PointSource, no_resource
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.rendering import Crumb, Part, page
from signalbox.web.settings import ServerSettings
from tests.support.assets import whole_assets
from tests.support.security import without_database

OWN_TEMPLATES = Path(__file__).parent / "templates"
AT = 1_763_349_160.0  # 17 Nov 2025 03:12:40 UTC


@dataclass(frozen=True, slots=True)
class NamedThing:
    text: str
    key: str = "thing/a"
    at: float = AT - 4


@get("/probe/{connection:str}/{name:str}", sync_to_thread=False, include_in_schema=False)
def probe(request: Request[Any, Any, Any], connection: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A page for any name."""
    crumbs = (Crumb(connection, "/"), Crumb(name))
    return page(
        request,
        "named.html",
        NamedThing(name),
        title=name,
        section=None,
        crumbs=crumbs,
        part=Part("row.html", "thing", NamedThing(name)),
    )


@get("/fault", sync_to_thread=False, include_in_schema=False)
def fault() -> str:
    """A page that fails."""
    raise RuntimeError("secret-hunter2 in /srv/secret/path")


@get("/api/v1/fault", sync_to_thread=False, include_in_schema=False)
def api_fault() -> str:
    raise RuntimeError("secret-hunter2 in /srv/secret/path")


@get("/api/v1/gone/{name:str}", sync_to_thread=False, include_in_schema=False)
def api_gone(name: FromPath[str]) -> str:
    raise NotFound(f"There is no group {name} on kafka-prod.", "It may have been deleted.")


@get("/api/v1/counted", sync_to_thread=False)
def counted(limit: FromQuery[int]) -> dict[str, int]:
    return {"limit": limit}


ROUTES: list[HTTPRouteHandler] = [probe, fault, api_fault, api_gone, counted]


@dataclass(slots=True)
class Things:
    """The texts of the fragments, by the part of the key after "thing/"."""

    texts: dict[str, str] = field(default_factory=dict)
    points: Callable[[float | None], Points] | None = None
    requested_since: list[float | None] = field(default_factory=list)
    why_missing: Callable[[], str | None] = lambda: None

    @property
    def feature(self) -> Feature:
        return Feature(
            name="things", build=lambda _: FeatureParts(routes=ROUTES, live=self.live(), urls=monitoring_urls)
        )

    def live(self) -> LiveParts[None]:
        def context(_: None, parts: KeyParts) -> NamedThing | None:
            name = "/".join(parts)
            return NamedThing(self.texts[name], key=f"thing/{name}") if name in self.texts else None

        async def points(_: None, __: KeyParts, since: float | None) -> Points:
            return await self.read_points(since)

        def fragment(name: str, template: str) -> Fragment[None]:
            return Fragment(
                name=name,
                key_prefix="thing",
                resource=no_resource,
                template=template,
                variable="thing",
                context=context,
            )

        return LiveParts(
            read_model=lambda _: None,
            fragments=(fragment("row", "row.html"), fragment("broken", "broken.html")),
            lists=("things",),
            points=(PointSource(key_prefix="thing", resource=no_resource, read=points),),
            why_missing=lambda _, __: self.why_missing(),
        )

    async def read_points(self, since: float | None) -> Points:
        self.requested_since.append(since)
        if self.points is None:
            raise RuntimeError("no points")
        return self.points(since)


def application(
    *,
    feed: Feed | None = None,
    things: Things | None = None,
    settings: ServerSettings | None = None,
    **options: Any,  # noqa: ANN401 - fields of WebOptions, each checked there
) -> Litestar:
    core = without_database([settings or ServerSettings()], lambda: AT, feed or Feed(epoch=7))
    web_options = WebOptions(**{"assets": whole_assets(), "templates": (OWN_TEMPLATES, TEMPLATES), **options})
    return build(core, [(things or Things()).feature], options=web_options, start_services=False).app
