"""What may be watched, and how each of it is drawn. Features register here; a socket may watch nothing else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from signalbox.monitoring.model import Points
from signalbox.monitoring.service import Monitor
from signalbox.security.model import Rights

Parts = tuple[str, ...]  # of a key: ("kafka-prod", "payments") of "group/kafka-prod/payments"

CHANGED = "changed"  # the fragment name by which a page is told that a list changed: nothing is drawn
POINTS = "points"  # the fragment name by which a chart gets its newest points


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A partial that stays live: drawn once per key and version, for all sockets. It holds no hx-* attributes."""

    name: str
    key_prefix: str  # the key's first part: "group"
    template: str
    variable: str = "it"  # the partial's one variable
    context: Callable[[Monitor, Parts], object | None]  # its value; None: what it showed is gone


@dataclass(frozen=True, slots=True)
class Sight:
    """What a page may see: some of the connections, by name, or all of them (None); and the monitor that knows no others."""

    connections: frozenset[str] | None
    monitor: Monitor

    def sees(self, key: str) -> bool:
        """Say whether a key may be watched. Whatever has parts is of a connection, which is the first of them."""
        parts = parts_of(key)
        return self.connections is None or not parts or parts[0] in self.connections

    def of(self, key: str) -> frozenset[str] | None:
        """Return what changes the drawing of a key: nothing where it is of one connection alone."""
        return None if parts_of(key) else self.connections


def sight_of(rights: Rights, monitor: Monitor) -> Sight:
    """Return what these rights let one see."""
    names = [view.name for view in monitor.connections()]
    visible = rights.visible(names)
    return Sight(None, monitor) if len(visible) == len(names) else Sight(visible, monitor.visible_to(visible))


PointsSource = Callable[[Monitor, Parts, float | None], Awaitable[Points]]


@dataclass(slots=True)
class Registry:
    """Fragments by name and key prefix."""

    _fragments: dict[tuple[str, str], Fragment] = field(default_factory=dict)
    _lists: set[str] = field(default_factory=set)
    _points: dict[str, PointsSource] = field(default_factory=dict)

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

    def add_points(self, *, key_prefix: str, points: PointsSource) -> None:
        """Register where the points after a time (epoch seconds) come from, for charts of these keys."""
        self._points[key_prefix] = points

    def fragment(self, key: str, name: str) -> Fragment | None:
        return self._fragments.get((prefix_of(key), name))

    def points(self, key: str) -> PointsSource | None:
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
    """Split a key as `signalbox.monitoring.keys` made it: a connection's name has no slash, what follows it may have any."""
    _, found, rest = key.partition("/")
    return tuple(rest.split("/", 1)) if found else ()
