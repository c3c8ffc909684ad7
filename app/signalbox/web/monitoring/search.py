"""What the command palette finds: groups, destinations and connections whose names contain the text, worst status first."""

from collections.abc import Iterable
from typing import TypeVar

from signalbox.monitoring import words
from signalbox.monitoring.model import SEVERITY, DestinationView, GroupView
from signalbox.monitoring.service import Monitor
from signalbox.web.monitoring import urls
from signalbox.web.palette import HITS_MAX, Hit, Hits

View = TypeVar("View", GroupView, DestinationView)


def search_by_name(monitor: Monitor, text: str) -> Iterable[Hits]:
    groups = _best([view for view in monitor.groups() if text in view.name.casefold()], text)
    destinations = _best([view for view in monitor.destinations() if text in view.name.casefold()], text)
    connections = [view for view in monitor.connections() if text in view.name]
    yield Hits("group", "Groups", [_hit(view, urls.group(view.connection, view.name)) for view in groups])
    yield Hits(
        "destination",
        "Destinations",
        [_hit(view, urls.destination(view.connection, view.name)) for view in destinations],
    )
    yield Hits(
        "connection",
        "Connections",
        [
            Hit(
                name=view.name,
                href=urls.connection(view.name),
                location=view.kind.value,
                status=view.link.value,
                mark=words.mark(view.link),
                tone=words.tone(view.link),
            )
            for view in sorted(connections, key=lambda view: view.name)[:HITS_MAX]
        ],
    )


def _best(views: list[View], text: str) -> list[View]:
    """Return the first few: names that begin with the text first, then the worst status."""
    views.sort(key=lambda v: (not v.name.casefold().startswith(text), SEVERITY[v.verdict.status], v.name))
    return views[:HITS_MAX]


def _hit(view: GroupView | DestinationView, href: str) -> Hit:
    status = view.verdict.status
    return Hit(
        name=view.name,
        href=href,
        location=view.connection,
        status=status.value,
        mark=words.mark(status),
        tone=words.tone(status),
    )
