"""Fragments as they go out: each drawn once per key, name and version, encoded once, and shared by all sockets."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from signalbox.kernel.feed import Feed, Version
from signalbox.web import urls
from signalbox.web.live.registry import CHANGED, POINTS, Registry, Sight, parts_of
from signalbox.web.rendering import Part, Renderer

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

    async def of(self, sight: Sight, key: str, name: str, *, since: float | None = None) -> Drawing:
        """Return the newest drawing of what a socket watches, as it may see it. `since` is where that socket's chart ends."""
        if name == POINTS:
            async with self._drawing_points:
                return await self._points(sight, key, since)
        version = self._feed.version(key)
        place = (sight.of(key), key, name)
        kept = self._kept.get(place)
        if kept is None or kept.version != version:
            kept = self._draw(sight, key, name, version)
            self._keep(place, kept)
        return kept

    def _draw(self, sight: Sight, key: str, name: str, version: Version) -> Drawing:
        if name == CHANGED:
            return Drawing(version, msgspec.json.encode([urls.live_key(key), name, str(version), ""]))
        fragment = self._registry.fragment(key, name)
        if fragment is None:
            raise KeyError(name)
        self.drawn += 1
        try:
            value = fragment.context(sight.monitor, parts_of(key))
            if value is None:
                return _missing(sight, key, name, version)
            html = self._renderer.fragment(Part(fragment.template, fragment.variable, value), version)
        except Exception:
            fault = secrets.token_hex(3)
            log.exception("fault %s: fragment %s of %r could not be drawn", fault, name, key)
            return _broken(key, name, version, fault)
        return Drawing(version, msgspec.json.encode([urls.live_key(key), name, str(version), html]))

    async def _points(self, sight: Sight, key: str, since: float | None) -> Drawing:
        version = self._feed.version(key)
        place = (sight.of(key), key, POINTS)
        kept = self._kept.get(place)
        if kept is not None and kept.version == version:
            return kept
        source = self._registry.points(key)
        if source is None:
            raise KeyError(POINTS)
        after = kept.until if kept is not None and kept.until is not None else self._bounded(since)
        self.drawn += 1
        try:
            points = await asyncio.wait_for(source(sight.monitor, parts_of(key), after), POINTS_WAIT_S)
        except Exception:
            fault = secrets.token_hex(3)
            log.exception("fault %s: the points of %r could not be read", fault, key)
            return _broken(key, POINTS, version, fault)
        until = points.at[-1] if points.at else after
        drawing = Drawing(
            version, msgspec.json.encode([urls.live_key(key), POINTS, str(version), after, points]), until
        )
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


def _missing(sight: Sight, key: str, name: str, version: Version) -> Drawing:
    """Say that what was watched is not there; it is not gone where its connection has not been read since we started."""
    parts = parts_of(key)
    view = sight.monitor.connection(parts[0]) if parts else None
    why = [f"{view.name} has not been read since Signalbox started."] if view is not None and view.never_read else []
    return Drawing(version, msgspec.json.encode([urls.live_key(key), name, str(version), None, *why]))


def _broken(key: str, name: str, version: Version, fault: str) -> Drawing:
    return Drawing(version, msgspec.json.encode([urls.live_key(key), name, str(version), "", fault]))
