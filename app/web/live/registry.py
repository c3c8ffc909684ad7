"""What may be watched, and how each of it is drawn. Features register here; a socket may watch nothing else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.monitoring.model import Points

Parts = tuple[str, ...]  # of a key: ("kafka-prod", "payments") of "group/kafka-prod/payments"

CHANGED = "changed"  # the fragment name by which a page is told that a list changed: nothing is drawn
POINTS = "points"  # the fragment name by which a chart gets its newest points


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A partial that stays live: drawn once per key and version, for all sockets. It holds no hx-* attributes."""

    name: str
    key_prefix: str  # the key's first part: "group"
    template: str
    context: Callable[[Parts], object | None]  # the partial's `it`; None: what it showed is gone


@dataclass(slots=True)
class Registry:
    """Fragments by name and key prefix."""

    _fragments: dict[tuple[str, str], Fragment] = field(default_factory=dict)
    _lists: set[str] = field(default_factory=set)
    _points: dict[str, Callable[[Parts, float | None], Awaitable[Points]]] = field(default_factory=dict)

    def add(self, fragment: Fragment) -> None:
        """Register a fragment.

        Raises:
            ValueError: the name is taken for this prefix, or is one of ours.
        """
        place = (fragment.key_prefix, fragment.name)
        if fragment.name in {CHANGED, POINTS} or place in self._fragments:
            raise ValueError(f"fragment {fragment.name} of {fragment.key_prefix} is registered already")
        self._fragments[place] = fragment

    def add_list(self, key: str) -> None:
        """Register the key of a list; pages that show it are told when its order or membership changed."""
        self._lists.add(key)

    def add_points(self, *, key_prefix: str, points: Callable[[Parts, float | None], Awaitable[Points]]) -> None:
        """Register where the points after a time (epoch seconds) come from, for charts of these keys."""
        self._points[key_prefix] = points

    def fragment(self, key: str, name: str) -> Fragment | None:
        return self._fragments.get((prefix_of(key), name))

    def points(self, key: str) -> Callable[[Parts, float | None], Awaitable[Points]] | None:
        return self._points.get(prefix_of(key))

    def knows(self, key: str, name: str) -> bool:
        """Say whether a socket may watch this."""
        if name == CHANGED:
            return key in self._lists
        if name == POINTS:
            return prefix_of(key) in self._points
        return (prefix_of(key), name) in self._fragments


def prefix_of(key: str) -> str:
    return key.partition("/")[0]


def parts_of(key: str) -> Parts:
    """Split a key as `app.monitoring.keys` made it: a connection's name has no slash, what follows it may have any."""
    _, found, rest = key.partition("/")
    return tuple(rest.split("/", 1)) if found else ()
