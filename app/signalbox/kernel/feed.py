"""The one way that features tell the web that something changed: bounded, coalescing, without contents.

A key names an entity or a list ("group/kafka-prod/payments"); its version is (epoch, counter), the epoch new at each start.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from typing_extensions import override

KEYS_PER_SUBSCRIBER_MAX = 200  # what stands on one page; a socket may not watch a whole cluster


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """When a key last changed: the epoch of this process and a counter within it."""

    epoch: int
    counter: int

    @override
    def __str__(self) -> str:
        return f"{self.epoch}.{self.counter}"


@dataclass(eq=False, slots=True)
class Subscription:
    """What one socket waits for. Only the newest version of each key waits; a slow reader costs one dict."""

    keys: frozenset[str]
    _changed: dict[str, Version] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, key: str, version: Version) -> None:
        self._changed[key] = version
        self._wake.set()

    async def changes(self) -> dict[str, Version]:
        """Wait until something changed and return the newest version per key, each change once."""
        await self._wake.wait()
        return self.take()

    def take(self) -> dict[str, Version]:
        """Return what changed since the last time, without waiting; empty when nothing did."""
        self._wake.clear()
        changed, self._changed = self._changed, {}
        return changed


class Feed:
    """Keys and their versions. `publish` never waits and never fails."""

    def __init__(self, *, epoch: int) -> None:
        self._epoch = epoch
        self._counter = 0
        self._versions: dict[str, Version] = {}
        self._subscribers: dict[str, set[Subscription]] = {}

    def publish(self, keys: Collection[str]) -> None:
        """Tell that these changed now, all with one version."""
        self._counter += 1
        version = Version(self._epoch, self._counter)
        for key in keys:
            self._versions[key] = version
            for subscription in self._subscribers.get(key, ()):
                subscription.offer(key, version)

    def version(self, key: str) -> Version:
        """Return the key's version; one that never changed in this epoch has counter 0."""
        return self._versions.get(key) or Version(self._epoch, 0)

    def now(self) -> Version:
        """Return the version that whatever is drawn from here on has at least: nothing published before is missing in it."""
        return Version(self._epoch, self._counter)

    def forget(self, keys: Collection[str]) -> None:
        """Drop the versions of what vanished, so that memory does not grow with every name ever seen."""
        for key in keys:
            self._versions.pop(key, None)

    def subscribe(self, keys: Collection[str]) -> Subscription:
        """Watch these keys until `unsubscribe`.

        Raises:
            ValueError: more than KEYS_PER_SUBSCRIBER_MAX keys.
        """
        if len(keys) > KEYS_PER_SUBSCRIBER_MAX:
            raise ValueError(f"a page may watch {KEYS_PER_SUBSCRIBER_MAX} keys, not {len(keys)}")
        subscription = Subscription(frozenset(keys))
        for key in subscription.keys:
            self._subscribers.setdefault(key, set()).add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        for key in subscription.keys:
            watchers = self._subscribers.get(key, set())
            watchers.discard(subscription)
            if not watchers:
                self._subscribers.pop(key, None)

    def interest(self) -> frozenset[str]:
        """Return the keys that some live page shows: what the collector reads each second."""
        return frozenset(self._subscribers)
