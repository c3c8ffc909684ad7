"""What of these pages stays live: each fragment is the partial that the page includes, with the same context."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from signalbox.monitoring import keys
from signalbox.monitoring.model import ConnectionView, DestinationView, GroupView, Points
from signalbox.monitoring.service import Monitor
from signalbox.web.live.registry import Fragment, KeyParts, LiveParts, PointSource, first_part, no_resource
from signalbox.web.monitoring.connection_list import connection_row, connections_head
from signalbox.web.monitoring.connection_page import connection_head, health
from signalbox.web.monitoring.destination_page import destination_head, part_table
from signalbox.web.monitoring.destination_rows import destination_row
from signalbox.web.monitoring.glance import Glance, glance
from signalbox.web.monitoring.group_page import group_head, track
from signalbox.web.monitoring.heads import destinations_head, groups_head
from signalbox.web.monitoring.members import members
from signalbox.web.monitoring.navigation import visible_monitor
from signalbox.web.monitoring.needs import needs
from signalbox.web.monitoring.overview import bank_head, bank_tail, head
from signalbox.web.monitoring.partition_rows import partition_table
from signalbox.web.monitoring.rows import group_row

POINTS_WINDOW_S = 3600
View = TypeVar("View")

OF_EVERYTHING: dict[str, tuple[str, str, Callable[[Glance], object]]] = {
    "overview/head": ("overview/_head.html", "it", head),
    "overview/needs": ("overview/_needs.html", "it", needs),
    "groups/sentence": ("lists/_verdict.html", "it", groups_head),
    "destinations/sentence": ("lists/_verdict.html", "it", destinations_head),
    "connections/sentence": ("lists/_verdict.html", "it", connections_head),
}
OF_CONNECTION: dict[str, tuple[str, str, Callable[[Glance, ConnectionView], object]]] = {
    "overview/connection": ("overview/_connection.html", "it", bank_head),
    "overview/rest": ("overview/_rest.html", "it", bank_tail),
    "connections/row": ("connections/_row.html", "it", connection_row),
    "connections/head": ("connections/_head.html", "it", connection_head),
    "connections/health": ("connections/_health.html", "it", lambda _, c: health(c)),
}
OF_GROUP: dict[str, tuple[str, str, Callable[[Glance, GroupView], object]]] = {
    "overview/group": ("overview/_group.html", "it", group_row),
    "groups/row": ("groups/_row.html", "it", group_row),
    "groups/short": ("groups/_short.html", "it", group_row),
    "groups/head": ("groups/_head.html", "it", group_head),
    "groups/track": ("groups/_track.html", "it", lambda s, g: track(s, g, s.partitions(g))),
    "groups/partitions": ("groups/_partitions.html", "it", partition_table),
    "groups/members": ("groups/_members.html", "it", lambda s, g: members(g, s.partitions(g))),
}
OF_DESTINATION: dict[str, tuple[str, str, Callable[[Glance, DestinationView], object]]] = {
    "destinations/row": ("destinations/_row.html", "it", destination_row),
    "destinations/short": ("destinations/_short.html", "it", destination_row),
    "destinations/head": ("destinations/_head.html", "it", destination_head),
    "destinations/partitions": ("destinations/_partitions.html", "it", part_table),
}


def live_parts(monitor: Monitor) -> LiveParts[Monitor]:
    """Return every fragment, every list that announces its changes, and the points of the groups' charts."""
    return LiveParts(
        read_model=lambda visibility: visible_monitor(monitor, visibility),
        fragments=(
            *(
                Fragment(
                    name=name,
                    key_prefix=keys.OVERVIEW,
                    resource=no_resource,
                    template=template,
                    variable=variable,
                    context=_everything(draw),
                )
                for name, (template, variable, draw) in OF_EVERYTHING.items()
            ),
            *_fragments("connection", OF_CONNECTION, _named_by(1, Monitor.connection)),
            *_fragments("group", OF_GROUP, _named_by(2, Monitor.group)),
            *_fragments("destination", OF_DESTINATION, _named_by(2, Monitor.destination)),
        ),
        lists=(keys.GROUPS, keys.DESTINATIONS, keys.CONNECTIONS),
        points=(PointSource(key_prefix="group", resource=first_part, read=_points),),
        why_missing=_why_missing,
    )


async def _points(monitor: Monitor, parts: KeyParts, since: float | None) -> Points:
    if len(parts) != 2:
        return Points(at=[], lag=[], rate_in=[], rate_out=[], step_s=0.0)
    connection, name = parts
    return await monitor.points(connection, name, POINTS_WINDOW_S, since=since)


def _why_missing(monitor: Monitor, parts: KeyParts) -> str | None:
    """A connection that was never read since the start: nothing of it is known to be gone."""
    view = monitor.connection(parts[0]) if parts else None
    return f"{view.name} has not been read since Signalbox started." if view is not None and view.never_read else None


def _everything(draw: Callable[[Glance], object]) -> Callable[[Monitor, KeyParts], object | None]:
    """Draw what is of all connections. A key with a connection in it names nothing: its drawing would be kept for everybody."""
    return lambda monitor, parts: None if parts else draw(glance(monitor))


def _fragments(
    prefix: str,
    table: Mapping[str, tuple[str, str, Callable[[Glance, View], object]]],
    find: Callable[[Monitor, KeyParts], View | None],
) -> Iterator[Fragment[Monitor]]:
    for name, (template, variable, draw) in table.items():
        yield Fragment(
            name=name,
            key_prefix=prefix,
            resource=first_part,
            template=template,
            variable=variable,
            context=_of_one(find, draw),
        )


def _named_by(count: int, find: Callable[..., View | None]) -> Callable[[Monitor, KeyParts], View | None]:
    """Find what so many parts of a key name. A page may send a key of any other length: that names nothing."""
    return lambda monitor, parts: find(monitor, *parts) if len(parts) == count else None


def _of_one(
    find: Callable[[Monitor, KeyParts], View | None], draw: Callable[[Glance, View], object]
) -> Callable[[Monitor, KeyParts], object | None]:
    def context(monitor: Monitor, parts: KeyParts) -> object | None:
        view = find(monitor, parts)
        return None if view is None else draw(glance(monitor), view)

    return context
