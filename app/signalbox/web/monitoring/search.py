"""What the command palette finds: groups, destinations and connections whose names contain the text, worst status first."""

from collections.abc import Iterable
from typing import TypeVar

from signalbox.monitoring import words
from signalbox.monitoring.model import SEVERITY, ConnectionView, DestinationView, GroupView, LinkState, Status
from signalbox.monitoring.service import Monitor
from signalbox.web.monitoring import urls
from signalbox.web.palette import HITS_MAX, Hit, Hits

View = TypeVar("View", GroupView, DestinationView)


def search_by_name(monitor: Monitor, text: str) -> Iterable[Hits]:
    groups = _best([view for view in monitor.groups() if text in view.name.casefold()], text)
    destinations = _best([view for view in monitor.destinations() if text in view.name.casefold()], text)
    connections = [view for view in monitor.connections() if text in view.name]
    connections = sorted(connections, key=lambda view: view.name)[:HITS_MAX]
    yield Hits(
        "group", "Groups", [_hit(v, urls.group(v.connection, v.name), v.connection, v.verdict.status) for v in groups]
    )
    found = [_hit(v, urls.destination(v.connection, v.name), v.connection, v.verdict.status) for v in destinations]
    yield Hits("destination", "Destinations", found)
    found = [_hit(v, urls.connection(v.name), v.kind, v.link) for v in connections]
    yield Hits("connection", "Connections", found)


def _best(views: list[View], text: str) -> list[View]:
    """Return the first few: names that begin with the text first, then the worst status."""
    views.sort(key=lambda v: (not v.name.casefold().startswith(text), SEVERITY[v.verdict.status], v.name))
    return views[:HITS_MAX]


def _hit(
    view: GroupView | DestinationView | ConnectionView, href: str, location: str, status: Status | LinkState
) -> Hit:
    tone, mark = words.tone(status), words.mark(status)
    return Hit(name=view.name, href=href, location=location, status=status.value, mark=mark, tone=tone)
