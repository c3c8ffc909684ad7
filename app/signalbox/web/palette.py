"""The command palette: one bounded search over all features and over the pages of the navigation."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from signalbox.web import urls
from signalbox.web.rendering import Part, is_partial_request, part_response
from signalbox.web.shell import NavigationEntry
from signalbox.web.visibility import Visibility

SEARCH_TEXT_MAX = 300
HITS_MAX = 8  # of each kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One line of the palette. The name is not escaped yet."""

    name: str
    href: str
    location: str  # "kafka-prod"
    status: str = ""
    mark: str = ""
    tone: str = "quiet"


@dataclass(frozen=True, slots=True)
class Hits:
    """The results of one kind, under its heading."""

    kind: str  # "group"
    heading: str
    hits: Sequence[Hit]


Search = Callable[[Visibility, str], Iterable[Hits]]
"""Finds the entities of a feature whose name contains the text, which is stripped and case-folded."""


@dataclass(frozen=True, slots=True)
class PaletteResults:
    kinds: Sequence[Hits]
    text: str


def search_route(searches: Sequence[Search], navigation: Sequence[NavigationEntry]) -> HTTPRouteHandler:
    """Return the route of the palette's results."""

    @get("/search", include_in_schema=False, sync_to_thread=False)
    def search(request: Request[Any, Any, Any], visibility: NamedDependency[Visibility]) -> Response[Any]:
        if not is_partial_request(request):
            return Redirect(urls.home())
        text = request.query_params.get("q", "")[:SEARCH_TEXT_MAX].strip()
        term = text.casefold()
        kinds = [kind for find in searches for kind in find(visibility, term)]
        kinds.append(Hits("page", "Pages", _pages(navigation, visibility, term)))
        results = PaletteResults([kind for kind in kinds if kind.hits], text)
        return part_response(request, Part("lists/_palette_results.html", "results", results))

    return search


def _pages(navigation: Sequence[NavigationEntry], visibility: Visibility, term: str) -> list[Hit]:
    return [
        Hit(name=entry.label, href=entry.href, location=entry.group)
        for entry in navigation
        if entry.is_for(visibility) and term in entry.label.casefold()
    ][:HITS_MAX]
