"""Fragments as they go out: each drawn once per key, name and version, encoded once, and shared by all sockets."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace

import msgspec

from signalbox.kernel.feed import Feed, Version
from signalbox.web import urls
from signalbox.web.live.registry import CHANGED, POINTS, Registry, parts_of
from signalbox.web.rendering import Part, Renderer
from signalbox.web.visibility import Visibility

log = logging.getLogger(__name__)

DRAWINGS_MAX = 8192  # every row and head of 2,000 groups, twice; what is oldest goes first
PAGES_AT_ONCE = 5  # served between two turns of the event loop: about 1 ms
POINTS_WAIT_S = 2.0  # history that takes longer is told as broken, so that rows behind it are not kept waiting
POINTS_BACK_MAX_S = 900.0  # how far a chart may ask to be continued; further back it asks again over HTTP


Place = tuple[frozenset[str] | None, str, str]  # for whom (None: for everybody alike), key, fragment


@dataclass(frozen=True, slots=True)
class Drawing:
    """One fragment, encoded: `[key, fragment, version, html or null]`, or points with the time they continue from."""

    version: Version
    encoded: bytes
    until: float | None = None  # points: the time of the last one


class Drawings:
    """The shared cache. `drawn` counts for the tests and the metrics how often something was really drawn."""

    def __init__(self, registry: Registry, renderer: Renderer, feed: Feed) -> None:
        self._registry = registry
        self._renderer = renderer
        self._feed = feed
        self._kept: OrderedDict[Place, Drawing] = OrderedDict()
        self._drawing_points = asyncio.Lock()
        self._turns = asyncio.Semaphore(PAGES_AT_ONCE)
        self.drawn = 0

    async def turn(self) -> None:
        """Wait for one's turn: a sweep wakes every page at once, and who asks for something meanwhile waits for a few only."""
        async with self._turns:
            await asyncio.sleep(0)

    async def of(self, visibility: Visibility, key: str, name: str, *, since: float | None = None) -> Drawing:
        """Return the newest drawing of what a socket watches, as it may see it. `since` is where that socket's chart ends."""
        resource = self._registry.resource(key, name)
        place = (visibility.resources if resource is None else None, key, name)
        if name == POINTS:
            async with self._drawing_points:
                return await self._points(visibility, place, since)
        version = self._feed.version(key)
        kept = self._kept.get(place)
        if kept is None or kept.version != version:
            kept = self._draw(visibility, key, name, version)
            self._keep(place, kept)
        return kept

    def _draw(self, visibility: Visibility, key: str, name: str, version: Version) -> Drawing:
        if name == CHANGED:
            return _encoded(version, key, name, "")
        found = self._registry.fragment(key, name)
        if found is None:
            raise KeyError(name)
        fragment, live = found
        self.drawn += 1
        try:
            read_model, parts = live.read_model(visibility), parts_of(key)
            value = fragment.context(read_model, parts)
            if value is None:
                why = live.why_missing(read_model, parts)
                return _encoded(version, key, name, None, *([why] if why else []))
            html = self._renderer.fragment(Part(fragment.template, fragment.variable, value), version)
        except Exception:
            fault = secrets.token_hex(3)
            log.exception("fault %s: fragment %s of %r could not be drawn", fault, name, key)
            return _encoded(version, key, name, "", fault)
        return _encoded(version, key, name, html)

    async def _points(self, visibility: Visibility, place: Place, since: float | None) -> Drawing:
        key = place[1]
        version = self._feed.version(key)
        kept = self._kept.get(place)
        if kept is not None and kept.version == version:
            return kept
        found = self._registry.points(key)
        if found is None:
            raise KeyError(POINTS)
        source, live = found
        after = kept.until if kept is not None and kept.until is not None else self._bounded(since)
        self.drawn += 1
        try:
            reading = source.read(live.read_model(visibility), parts_of(key), after)
            points = await asyncio.wait_for(reading, POINTS_WAIT_S)
        except Exception:
            fault = secrets.token_hex(3)
            log.exception("fault %s: the points of %r could not be read", fault, key)
            return _encoded(version, key, POINTS, "", fault)
        drawing = replace(_encoded(version, key, POINTS, after, points), until=points.at[-1] if points.at else after)
        self._keep(place, drawing)
        return drawing

    def _bounded(self, since: float | None) -> float:
        now = self._renderer.clock()
        return now if since is None else min(max(since, now - POINTS_BACK_MAX_S), now)

    def _keep(self, place: Place, drawing: Drawing) -> None:
        self._kept[place] = drawing
        self._kept.move_to_end(place)
        while len(self._kept) > DRAWINGS_MAX:
            self._kept.popitem(last=False)


def _encoded(version: Version, key: str, name: str, *content: object) -> Drawing:
    return Drawing(version, msgspec.json.encode([urls.live_key(key), name, str(version), *content]))
