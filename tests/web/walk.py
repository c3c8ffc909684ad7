"""Collects every route of an application, the URLs of its GET routes, and the links of its pages."""

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
    """One method and path: ("POST", "/join/{secret:str}")."""

    method: str
    path: str


def handlers(app: Litestar) -> Mapping[Route, HTTPRouteHandler]:
    """Return the handler of each route, without OPTIONS, which Litestar adds itself."""
    by_route = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods:
                    if method != "OPTIONS":
                        by_route[Route(str(method), route.path)] = handler
    return by_route


def writes(app: Litestar) -> frozenset[Route]:
    """Return the routes that may change something."""
    return frozenset(route for route in handlers(app) if route.method not in SAFE_METHODS)


def addresses(app: Litestar, connections: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Yield the URLs of every GET route: for each connection and name, and lists with each of QUERIES."""
    for route in sorted(handlers(app)):
        if route.method == "GET":
            yield from _filled_paths(route.path, connections, names)
            if not PARAMETER.search(route.path):
                queries = dict.fromkeys(
                    query.format(name=quote_plus(name, errors="surrogatepass"))
                    for query in QUERIES
                    for name in (*connections, *names[:2])
                )
                yield from (route.path + query for query in queries)


def _filled_paths(path: str, connections: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Yield a route's path with names for its parameters; if it has several, the first is a connection."""
    kinds = [kind for _, kind in PARAMETER.findall(path)]
    for chosen in product(
        *(_values(kind, connections if rest else [*connections, *names]) for rest, kind in _with_rest(kinds))
    ):
        values = iter(chosen)
        yield PARAMETER.sub(lambda _: next(values), path)  # noqa: B023 - used at once


def _with_rest(kinds: Sequence[str]) -> Iterator[tuple[int, str]]:
    yield from ((len(kinds) - at, kind) for at, kind in enumerate(kinds, start=1))


def _values(kind: str, names: Sequence[str]) -> Sequence[str]:
    return ("1", "2", "3") if kind == "int" else [urls.encode_segment(name) for name in names]


async def crawl(client: httpx.AsyncClient) -> AsyncIterator[tuple[str, httpx.Response]]:
    """Yield the URL and response of each page that links from the overview reach."""
    waiting, known = [urls.home()], {urls.home()}
    for number, address in enumerate(waiting):  # grows as links are found
        if number == PAGES_MAX:
            return
        response = await client.get(address)
        yield address, response
        if "html" not in response.headers.get("content-type", ""):
            continue
        for href in HREF.findall(response.text):
            to = urlsplit(urljoin(address, html.unescape(href)))
            link = f"{to.path}?{to.query}" if to.query else to.path
            if not to.netloc and not to.scheme and link not in known and not link.startswith(urls.STATIC):
                known.add(link)
                waiting.append(link)
