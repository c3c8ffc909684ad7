"""The command palette: one bounded search over what each feature finds, and over the pages of the navigation."""

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
    place: str  # where it is: "kafka-prod"
    status: str = ""
    mark: str = ""
    tone: str = "quiet"


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found of one kind, under its heading."""

    kind: str  # "group"
    heading: str
    hits: Sequence[Hit]


Search = Callable[[Visibility, str], Iterable[Hits]]
"""Finds what a feature has whose name contains the text, which is stripped and case-folded."""


@dataclass(frozen=True, slots=True)
class PaletteResults:
    kinds: Sequence[Hits]
    text: str


def search_route(searches: Sequence[Search], navigation: Sequence[NavigationEntry]) -> HTTPRouteHandler:
    """Return the route that the palette asks."""

    @get("/search", include_in_schema=False, sync_to_thread=False)
    def search(request: Request[Any, Any, Any], visibility: NamedDependency[Visibility]) -> Response[Any]:
        if not is_partial_request(request):
            return Redirect(urls.home())
        text = request.query_params.get("q", "")[:SEARCH_TEXT_MAX].strip()
        sought = text.casefold()
        found = [kind for one in searches for kind in one(visibility, sought)]
        found.append(Hits("page", "Pages", _pages(navigation, visibility, sought)))
        results = PaletteResults([kind for kind in found if kind.hits], text)
        return part_response(request, Part("lists/_palette_results.html", "results", results))

    return search


def _pages(navigation: Sequence[NavigationEntry], visibility: Visibility, sought: str) -> list[Hit]:
    return [
        Hit(name=entry.label, href=entry.href, place=entry.group)
        for entry in navigation
        if entry.is_for(visibility) and sought in entry.label.casefold()
    ][:HITS_MAX]
