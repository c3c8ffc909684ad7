"""The web application over a stand-in monitor, with one feature of the tests' own: pages and fragments over any name."""

import functools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from litestar import Litestar, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from signalbox.kernel.feed import Feed
from signalbox.monitoring.model import ConnectionView, Points
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.resources import TEMPLATES
from signalbox.security.keys import Keys
from signalbox.web.app import Parts, create_app
from signalbox.web.assets import Asset, Assets, load
from signalbox.web.errors import NotThere
from signalbox.web.feature import Feature
from signalbox.web.live.registry import Fragment, Registry
from signalbox.web.rendering import Crumb, Part, page
from signalbox.web.settings import ServerSettings
from tests.support.security import without_database

OWN_TEMPLATES = Path(__file__).parent / "templates"
AT = 1_763_349_160.0  # 17 Nov 2025 03:12:40 UTC


@dataclass(frozen=True, slots=True)
class Named:
    text: str
    key: str = "thing/a"
    at: float = AT - 4


@get("/probe/{connection:str}/{name:str}", sync_to_thread=False, include_in_schema=False)
def probe(request: Request[Any, Any, Any], connection: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A page over any name."""
    crumbs = (Crumb(connection, "/"), Crumb(name))
    return page(
        request,
        "named.html",
        Named(name),
        title=name,
        section=None,
        crumbs=crumbs,
        part=Part("row.html", "it", Named(name)),
    )


@get("/fault", sync_to_thread=False, include_in_schema=False)
def fault() -> str:
    """A page with a fault of ours."""
    raise RuntimeError("secret-hunter2 in /srv/secret/path")


@get("/api/v1/fault", sync_to_thread=False, include_in_schema=False)
def api_fault() -> str:
    raise RuntimeError("secret-hunter2 in /srv/secret/path")


@get("/api/v1/gone/{name:str}", sync_to_thread=False, include_in_schema=False)
def api_gone(name: FromPath[str]) -> str:
    raise NotThere(f"There is no group {name} on kafka-prod.", "It may have been deleted.")


@get("/api/v1/counted", sync_to_thread=False)
def counted(limit: FromQuery[int]) -> dict[str, int]:
    return {"limit": limit}


ROUTES: list[HTTPRouteHandler] = [probe, fault, api_fault, api_gone, counted]


@dataclass(slots=True)
class Things:
    """What the fragments show, by the part of the key after "thing/"."""

    texts: dict[str, str] = field(default_factory=dict)
    points: Callable[[float | None], Points] | None = None
    asked_since: list[float | None] = field(default_factory=list)

    def register(self, registry: Registry) -> None:
        def context(_: Monitor, parts: tuple[str, ...]) -> Named | None:
            name = "/".join(parts)
            return Named(self.texts[name], key=f"thing/{name}") if name in self.texts else None

        async def points(_: Monitor, __: tuple[str, ...], since: float | None) -> Points:
            self.asked_since.append(since)
            if self.points is None:
                raise RuntimeError("no points")
            return self.points(since)

        registry.add(Fragment(name="row", key_prefix="thing", template="row.html", context=context))
        registry.add(Fragment(name="broken", key_prefix="thing", template="broken.html", context=context))
        registry.add_list("things")
        registry.add_points(key_prefix="thing", points=points)


class StandInMonitor:
    def __init__(self, connections: Sequence[ConnectionView]) -> None:
        self._connections = tuple(connections)

    def connections(self) -> tuple[ConnectionView, ...]:
        return self._connections

    def connection(self, name: str) -> ConnectionView | None:
        return next((view for view in self._connections if view.name == name), None)


@functools.cache
def whole_assets() -> Assets:
    """The assets of this checkout; where npm was not run, vendored files are there but empty."""
    found = load()
    empty = Asset(content=b"", gzipped=None, type="text/javascript")
    files = {**found.files, **{f"vendor/{name}": empty for name in found.missing}}
    return Assets(files=files, build=found.build, missing=())


@asynccontextmanager
async def no_lifespan(_: Litestar) -> AsyncIterator[None]:
    with nullcontext():
        yield


async def ready() -> bool:
    return True


def application(
    *,
    feed: Feed | None = None,
    things: Things | None = None,
    connections: Sequence[ConnectionView] = (),
    settings: ServerSettings | None = None,
    assets: Assets | None = None,
    **varied: Any,  # noqa: ANN401 - fields of Parts, each checked there
) -> Litestar:
    held = things or Things()
    security = without_database()
    return create_app(
        Parts(
            monitor=cast("Monitor", StandInMonitor(connections)),
            feed=feed or Feed(epoch=7),
            series=cast("Series", None),
            clock=lambda: AT,
            accounts=security.accounts,
            door=security.door,
            audit=security.log,
            keys=Keys(bytes(32)),
            masking=security.masking,
            company=None,
            open_metrics=False,
            settings=settings or ServerSettings(),
            connections=(),
            demo=False,
            lifespan=no_lifespan,
            features=(Feature(routes=ROUTES, register=held.register),),
            assets=assets or whole_assets(),
            templates=(OWN_TEMPLATES, TEMPLATES),
            **{"ready": ready, **varied},
        )
    )
