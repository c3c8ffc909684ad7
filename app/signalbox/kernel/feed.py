"""Features announce changes to the web through this feed. It carries keys and versions, never contents, and is bounded.

A key names an entity or a list ("group/kafka-prod/payments"). Its version is (epoch, counter); each start has a new epoch.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from typing_extensions import override

KEYS_PER_SUBSCRIBER_MAX = 200  # enough for one page; one socket must not watch a whole cluster


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
    """The keys that one socket watches. Only the newest version of each key is kept, so a slow reader costs one dict."""

    keys: frozenset[str]
    _changed: dict[str, Version] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, key: str, version: Version) -> None:
        self._changed[key] = version
        self._wake.set()

    async def changes(self) -> dict[str, Version]:
        """Wait for a change, then return the newest version of each changed key. Each change is returned once."""
        await self._wake.wait()
        return self.take()

    def take(self) -> dict[str, Version]:
        """Return the changes since the last call without waiting; empty if there are none."""
        self._wake.clear()
        changed, self._changed = self._changed, {}
        return changed


class Feed:
    """Keys and their versions. `publish` never waits and never fails."""

    def __init__(self, *, epoch: int) -> None:
        self._epoch = epoch
        self._counter = 0
        self._forgotten_at = 0  # the counter when keys were last forgotten: what a page shows of them is older
        self._versions: dict[str, Version] = {}
        self._subscribers: dict[str, set[Subscription]] = {}

    def publish(self, keys: Collection[str]) -> None:
        """Give these keys one new version and notify their subscribers."""
        self._counter += 1
        version = Version(self._epoch, self._counter)
        for key in keys:
            self._versions[key] = version
            for subscription in self._subscribers.get(key, ()):
                subscription.offer(key, version)

    def version(self, key: str) -> Version:
        """Return the key's version; of a key without one that of the last `forget`, as it may have been among those."""
        return self._versions.get(key) or Version(self._epoch, self._forgotten_at)

    def latest(self) -> Version:
        """Return the latest published version: a page rendered after this call includes every earlier change."""
        return Version(self._epoch, self._counter)

    def forget(self, keys: Collection[str]) -> None:
        """Drop the versions of deleted entities, so that memory does not grow with every name that ever existed."""
        for key in keys:
            if self._versions.pop(key, None) is not None:
                self._forgotten_at = self._counter

    def subscribe(self, keys: Collection[str]) -> Subscription:
        """Watch these keys until `unsubscribe` is called.

        Raises:
            ValueError: more than KEYS_PER_SUBSCRIBER_MAX keys.
        """
        if len(keys) > KEYS_PER_SUBSCRIBER_MAX:
            raise ValueError(f"A page may watch at most {KEYS_PER_SUBSCRIBER_MAX} keys, not {len(keys)}")
        subscription = Subscription(frozenset(keys))
        for key in subscription.keys:
            self._subscribers.setdefault(key, set()).add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        for key in subscription.keys:
            subscriptions = self._subscribers.get(key, set())
            subscriptions.discard(subscription)
            if not subscriptions:
                self._subscribers.pop(key, None)

    def interest(self) -> frozenset[str]:
        """Return the keys that live pages show. The collector reads them every second."""
        return frozenset(self._subscribers)
