"""The fragments and charts that a page may watch. Each feature declares its own as `LiveParts`."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from signalbox.web.visibility import Visibility

KeyParts = tuple[str, ...]  # ("kafka-prod", "payments") of the key "group/kafka-prod/payments"
ReadModel = TypeVar("ReadModel")

CHANGED = "changed"  # the fragment name by which a page learns that a list changed: it has no HTML
POINTS = "points"  # the fragment name by which a chart gets its newest points


class Points(Protocol):
    """Points of a chart as the browser gets them; `at` are epoch seconds, ascending."""

    @property
    def at(self) -> Sequence[float]: ...


ResourceOf = Callable[[KeyParts], str | None]
"""Returns the resource that a viewer must be allowed to see; None: anyone who is signed in may watch the key."""


def no_resource(_: KeyParts) -> None:
    """For keys of lists and totals: their content depends on what the viewer may see."""


def first_part(parts: KeyParts) -> str | None:
    """For keys whose first part is a connection."""
    return parts[0] if parts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment(Generic[ReadModel]):
    """A partial that stays live, rendered once per key and version for all sockets. It has no hx-* attributes."""

    name: str
    key_prefix: str  # the first part of the key: "group"
    resource: ResourceOf
    template: str
    variable: str  # the one variable of the partial
    context: Callable[[ReadModel, KeyParts], object | None]  # its value; None: the entity does not exist


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSource(Generic[ReadModel]):
    """Reads the points after a time (epoch seconds), for the charts of one kind of key."""

    key_prefix: str
    resource: ResourceOf
    read: Callable[[ReadModel, KeyParts, float | None], Awaitable[Points]]


def no_reason(_: Any, __: KeyParts) -> None:  # noqa: ANN401 - any read model
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveParts(Generic[ReadModel]):
    """The live parts of one feature, and the read model from which its fragments are rendered."""

    read_model: Callable[[Visibility], ReadModel]
    fragments: Sequence[Fragment[ReadModel]]
    lists: Sequence[str] = ()  # keys of lists: pages learn that order or membership changed
    points: Sequence[PointSource[ReadModel]] = ()
    why_missing: Callable[[ReadModel, KeyParts], str | None] = no_reason  # why an entity is unknown; None: it is gone


@dataclass(slots=True)
class Registry:
    """Fragments and point sources by name and key prefix."""

    _fragments: dict[tuple[str, str], tuple[Fragment[Any], LiveParts[Any]]] = field(default_factory=dict)
    _points: dict[str, tuple[PointSource[Any], LiveParts[Any]]] = field(default_factory=dict)
    _lists: set[str] = field(default_factory=set)

    def add(self, live: LiveParts[Any]) -> None:
        """Register the live parts of one feature.

        Raises:
            ValueError: a fragment name is taken for its prefix, or reserved.
        """
        for fragment in live.fragments:
            address = (fragment.key_prefix, fragment.name)
            if fragment.name in {CHANGED, POINTS} or address in self._fragments:
                raise ValueError(f"fragment {fragment.name} of {fragment.key_prefix} is registered already")
            self._fragments[address] = (fragment, live)
        self._points |= {source.key_prefix: (source, live) for source in live.points}
        self._lists |= {*live.lists}

    def fragment(self, key: str, name: str) -> tuple[Fragment[Any], LiveParts[Any]] | None:
        return self._fragments.get((prefix_of(key), name))

    def points(self, key: str) -> tuple[PointSource[Any], LiveParts[Any]] | None:
        return self._points.get(prefix_of(key))

    def knows(self, key: str, name: str) -> bool:
        if name == CHANGED:
            return key in self._lists
        return (self.points(key) if name == POINTS else self.fragment(key, name)) is not None

    def resource(self, key: str, name: str) -> str | None:
        registered = self.points(key) if name == POINTS else self.fragment(key, name)
        return registered[0].resource(parts_of(key)) if registered else None


def prefix_of(key: str) -> str:
    return key.partition("/")[0]


def parts_of(key: str) -> KeyParts:
    """Split a key: a connection's name has no slash, the name behind it may have any."""
    _, slash, rest = key.partition("/")
    return tuple(rest.split("/", 1)) if slash else ()
