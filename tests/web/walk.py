"""Every route of an application, every address that they have, and every link of their pages: found, not listed."""

import html
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from urllib.parse import quote_plus, urljoin, urlsplit

import httpx
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from signalbox.web import urls
from signalbox.web.guards import SAFE_METHODS

PARAMETER = re.compile(r"{(\w+):(\w+)}")
HREF = re.compile(r'(?:href|hx-get|data-history|data-href)="([^"]*)"')
PAGES_MAX = 60
QUERIES = ("?q={name}", "?connection={name}", "?sort=name", "?status=behind", "?limit=2")


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """One handler by one method: ("POST", "/join/{secret:str}")."""

    method: str
    path: str


def handlers(app: Litestar) -> Mapping[Route, HTTPRouteHandler]:
    """Return the handler of each route, by method; OPTIONS, which Litestar adds itself, is left out."""
    found = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods:
                    if method != "OPTIONS":
                        found[Route(str(method), route.path)] = handler
    return found


def writes(app: Litestar) -> frozenset[Route]:
    """Return the routes that may change something."""
    return frozenset(route for route in handlers(app) if route.method not in SAFE_METHODS)


def addresses(app: Litestar, places: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Yield each address that can be read: on each of these places each of these names, and lists by every question."""
    for route in sorted(handlers(app)):
        if route.method == "GET":
            yield from filled(route.path, places, names)
            if not PARAMETER.search(route.path):
                asked = dict.fromkeys(
                    query.format(name=quote_plus(name, errors="surrogatepass"))
                    for query in QUERIES
                    for name in (*places, *names[:2])
                )
                yield from (route.path + query for query in asked)


def filled(path: str, places: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Yield a route's path with names in place of its parameters; where it has several, the first is a place."""
    kinds = [kind for _, kind in PARAMETER.findall(path)]
    for chosen in product(
        *(_values(kind, places if rest else [*places, *names]) for rest, kind in _from_behind(kinds))
    ):
        values = iter(chosen)
        yield PARAMETER.sub(lambda _: next(values), path)  # noqa: B023 - used at once


def _from_behind(kinds: Sequence[str]) -> Iterator[tuple[int, str]]:
    yield from ((len(kinds) - at, kind) for at, kind in enumerate(kinds, start=1))


def _values(kind: str, names: Sequence[str]) -> Sequence[str]:
    return ("1", "2", "3") if kind == "int" else [urls.encode_segment(name) for name in names]


async def crawled(client: httpx.AsyncClient) -> AsyncIterator[tuple[str, httpx.Response]]:
    """Yield each page that can be reached by links from the overview, with its answer."""
    waiting, known = [urls.home()], {urls.home()}
    while waiting and len(known) < PAGES_MAX:
        address = waiting.pop(0)
        answer = await client.get(address)
        yield address, answer
        if "html" not in answer.headers.get("content-type", ""):
            continue
        for found in HREF.findall(answer.text):
            to = urlsplit(urljoin(address, html.unescape(found)))
            link = f"{to.path}?{to.query}" if to.query else to.path
            if not to.netloc and not to.scheme and link not in known and not link.startswith(urls.STATIC):
                known.add(link)
                waiting.append(link)
