"""The cache of live fragments: each is rendered and encoded once per key, name, version and visibility, for all sockets."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

import msgspec

from signalbox.kernel.feed import Feed, Version
from signalbox.web import urls
from signalbox.web.live.registry import CHANGED, POINTS, Registry, parts_of
from signalbox.web.rendering import Part, Renderer
from signalbox.web.visibility import Visibility

log = logging.getLogger(__name__)

FRAGMENTS_MAX = 8192  # every row and page head of 2,000 groups, twice; the oldest go first
PAGES_AT_ONCE = 5  # served between two turns of the event loop: about 1 ms
CHARTS_AT_ONCE = 4  # fewer than connections to the database
POINTS_WAIT_S = 2.0  # history that takes longer fails, so that rows behind it do not wait
POINTS_BACK_MAX_S = 900.0  # how far back a chart may continue; further back it fetches its history over HTTP


CacheKey = tuple[frozenset[str] | None, str, str]
"""Resources that the viewer may see (None: no difference), key, fragment."""


@dataclass(frozen=True, slots=True)
class EncodedFragment:
    """One fragment, encoded: `[key, fragment, version, html or null]`, or points with the time they continue from."""

    version: Version
    encoded: bytes
    until: float | None = None  # points: the time of the last one


class FragmentCache:
    """Shared by all sockets. `rendered` counts, for tests and metrics, how often a fragment was rendered or its points read."""

    def __init__(self, registry: Registry, renderer: Renderer, feed: Feed) -> None:
        self._registry = registry
        self._renderer = renderer
        self._feed = feed
        self._fragments: OrderedDict[CacheKey, EncodedFragment] = OrderedDict()
        self._reading_points = asyncio.Semaphore(CHARTS_AT_ONCE)
        self._charts: WeakValueDictionary[CacheKey, asyncio.Lock] = WeakValueDictionary()  # one read at a time of each
        self._turns = asyncio.Semaphore(PAGES_AT_ONCE)
        self.rendered = 0

    async def turn(self) -> None:
        """Wait for a turn: a sweep wakes every page at once, and other requests should wait for only a few of them."""
        async with self._turns:
            await asyncio.sleep(0)

    async def get(self, visibility: Visibility, key: str, name: str, *, since: float | None = None) -> EncodedFragment:
        """Return the newest version of a fragment within this visibility. `since` is the time at which the chart ends."""
        resource = self._registry.resource(key, name)
        cache_key = (visibility.resources if resource is None else None, key, name)
        if name == POINTS:
            return await self._points(visibility, cache_key, since)
        version = self._feed.version(key)
        fragment = self._fragments.get(cache_key)
        if fragment is None or fragment.version != version:
            fragment = self._render(visibility, key, name, version)
            self._store(cache_key, fragment)
        return fragment

    def _render(self, visibility: Visibility, key: str, name: str, version: Version) -> EncodedFragment:
        if name == CHANGED:
            return _encode(version, key, name, "")
        registered = self._registry.fragment(key, name)
        if registered is None:
            raise KeyError(name)
        fragment, live = registered
        self.rendered += 1
        try:
            read_model, parts = live.read_model(visibility), parts_of(key)
            value = fragment.context(read_model, parts)
            if value is None:
                why = live.why_missing(read_model, parts)
                return _encode(version, key, name, None, *([why] if why else []))
            html = self._renderer.fragment(Part(fragment.template, fragment.variable, value), version)
        except Exception:
            fault = secrets.token_hex(3)
            log.exception("fault %s: cannot render fragment %s of %r", fault, name, key)
            return _encode(version, key, name, "", fault)
        return _encode(version, key, name, html)

    async def _points(self, visibility: Visibility, cache_key: CacheKey, since: float | None) -> EncodedFragment:
        key = cache_key[1]
        version = self._feed.version(key)
        cached = self._fragments.get(cache_key)
        if cached is not None and cached.version == version:
            return cached
        chart = self._charts.setdefault(cache_key, asyncio.Lock())
        try:
            async with asyncio.timeout(POINTS_WAIT_S), chart, self._reading_points:  # the wait for others counts too
                return await self._read_points(visibility, cache_key, since)
        except Exception:
            fault = secrets.token_hex(3)
            log.exception("fault %s: cannot read the points of %r", fault, key)
            return _encode(version, key, POINTS, "", fault)

    async def _read_points(self, visibility: Visibility, cache_key: CacheKey, since: float | None) -> EncodedFragment:
        key = cache_key[1]
        version = self._feed.version(key)
        cached = self._fragments.get(cache_key)
        if cached is not None and cached.version == version:
            return cached  # read for another page meanwhile
        registered = self._registry.points(key)
        if registered is None:
            raise KeyError(POINTS)
        source, live = registered
        after = cached.until if cached is not None and cached.until is not None else self._bounded(since)
        self.rendered += 1
        points = await source.read(live.read_model(visibility), parts_of(key), after)
        fragment = replace(_encode(version, key, POINTS, after, points), until=points.at[-1] if points.at else after)
        self._store(cache_key, fragment)
        return fragment

    def _bounded(self, since: float | None) -> float:
        now = self._renderer.clock()
        return now if since is None else min(max(since, now - POINTS_BACK_MAX_S), now)

    def _store(self, cache_key: CacheKey, fragment: EncodedFragment) -> None:
        self._fragments[cache_key] = fragment
        self._fragments.move_to_end(cache_key)
        while len(self._fragments) > FRAGMENTS_MAX:
            self._fragments.popitem(last=False)


def _encode(version: Version, key: str, name: str, *content: object) -> EncodedFragment:
    return EncodedFragment(version, msgspec.json.encode([urls.encode_key(key), name, str(version), *content]))
