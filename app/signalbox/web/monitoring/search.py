"""What the command palette finds: connections, groups and destinations whose names hold the text, trouble first."""

from dataclasses import dataclass

from signalbox.monitoring import words
from signalbox.monitoring.model import SEVERITY, Status
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.context import MonitoringContext

FOUND_MAX = 8  # of each kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One line of the palette. The name is not escaped yet."""

    name: str
    place: str
    href: str
    status: str
    mark: str
    tone: str


@dataclass(frozen=True, slots=True)
class Hits:
    kind: str
    head: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    groups: tuple[Hits, ...]
    text: str


def found(context: MonitoringContext, text: str) -> tuple[Hits, ...]:
    """Return what is found, by kind; kinds without a hit are left out."""
    sought = text.strip().casefold()
    every = (
        Hits("group", "Groups", _groups(context, sought)),
        Hits("destination", "Destinations", _destinations(context, sought)),
        Hits("connection", "Connections", _connections(context, sought)),
    )
    return tuple(hits for hits in every if hits.hits)


def _groups(context: MonitoringContext, sought: str) -> tuple[Hit, ...]:
    views = [g for g in context.monitor.groups() if sought in g.name.casefold()]
    views.sort(key=lambda g: (not g.name.casefold().startswith(sought), SEVERITY[g.verdict.status], g.name))
    return tuple(
        _hit(g.name, g.connection, urls.group(g.connection, g.name), g.verdict.status) for g in views[:FOUND_MAX]
    )


def _destinations(context: MonitoringContext, sought: str) -> tuple[Hit, ...]:
    views = [d for d in context.monitor.destinations() if sought in d.name.casefold()]
    views.sort(key=lambda d: (not d.name.casefold().startswith(sought), SEVERITY[d.verdict.status], d.name))
    return tuple(
        _hit(d.name, d.connection, urls.destination(d.connection, d.name), d.verdict.status) for d in views[:FOUND_MAX]
    )


def _connections(context: MonitoringContext, sought: str) -> tuple[Hit, ...]:
    views = [view for name, view in sorted(context.connections.items()) if sought in name]
    return tuple(
        Hit(
            name=view.name,
            place=view.kind.value,
            href=urls.connection(view.name),
            status=view.link.value,
            mark=words.mark(view.link),
            tone=words.tone(view.link),
        )
        for view in views[:FOUND_MAX]
    )


def _hit(name: str, place: str, href: str, status: Status) -> Hit:
    return Hit(name=name, place=place, href=href, status=status.value, mark=words.mark(status), tone=words.tone(status))
