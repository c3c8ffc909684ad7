"""What of these pages stays live: each fragment is the partial that the page includes, with the same context."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from signalbox.monitoring import keys
from signalbox.monitoring.model import ConnectionView, DestinationView, GroupView, Points
from signalbox.monitoring.service import Monitor
from signalbox.web.live.registry import (
    Fragment,
    KeyParts,
    LiveParts,
    PointSource,
    first_part,
    no_resource,
)
from signalbox.web.monitoring.attention import attention
from signalbox.web.monitoring.connection_list import connection_row
from signalbox.web.monitoring.connection_page import connection_head, connection_health
from signalbox.web.monitoring.context import MonitoringContext, monitoring_context
from signalbox.web.monitoring.destination_page import destination_head, destination_partition_table
from signalbox.web.monitoring.destination_rows import destination_row
from signalbox.web.monitoring.group_page import group_head, message_flow
from signalbox.web.monitoring.group_rows import group_row
from signalbox.web.monitoring.headlines import connections_headline, destinations_headline, groups_headline
from signalbox.web.monitoring.members import members
from signalbox.web.monitoring.navigation import visible_monitor
from signalbox.web.monitoring.overview import connection_totals, overview_head, summary_rows
from signalbox.web.monitoring.partition_rows import partition_table

POINTS_WINDOW_S = 3600
View = TypeVar("View")

OF_EVERYTHING: dict[str, tuple[str, str, Callable[[MonitoringContext], object]]] = {
    "overview/head": ("overview/_head.html", "head", overview_head),
    "overview/attention": ("overview/_attention.html", "attention", attention),
    "groups/headline": ("_headline.html", "headline", groups_headline),
    "destinations/headline": ("_headline.html", "headline", destinations_headline),
    "connections/headline": ("_headline.html", "headline", connections_headline),
}
OF_CONNECTION: dict[str, tuple[str, str, Callable[[MonitoringContext, ConnectionView], object]]] = {
    "overview/connection": ("overview/_connection_totals.html", "connection", connection_totals),
    "overview/summary-rows": ("overview/_summary_rows.html", "summary", summary_rows),
    "connections/row": ("connections/_row.html", "connection", connection_row),
    "connections/head": ("connections/_head.html", "head", connection_head),
    "connections/health": ("connections/_health.html", "health", lambda _, view: connection_health(view)),
}
OF_GROUP: dict[str, tuple[str, str, Callable[[MonitoringContext, GroupView], object]]] = {
    "overview/group": ("overview/_group_row.html", "group", group_row),
    "groups/row": ("groups/_row.html", "group", group_row),
    "groups/compact-row": ("groups/_compact_row.html", "group", group_row),
    "groups/head": ("groups/_head.html", "head", group_head),
    "groups/message-flow": (
        "groups/_message_flow.html",
        "message_flow",
        lambda context, view: message_flow(context, view, context.partitions(view)),
    ),
    "groups/partitions": ("groups/_partitions.html", "table", partition_table),
    "groups/members": (
        "groups/_members.html",
        "members",
        lambda context, view: members(view, context.partitions(view)),
    ),
}
OF_DESTINATION: dict[str, tuple[str, str, Callable[[MonitoringContext, DestinationView], object]]] = {
    "destinations/row": ("destinations/_row.html", "destination", destination_row),
    "destinations/compact-row": ("destinations/_compact_row.html", "destination", destination_row),
    "destinations/head": ("destinations/_head.html", "head", destination_head),
    "destinations/partitions": ("destinations/_partitions.html", "table", destination_partition_table),
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
                    template=f"monitoring/{template}",
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
    """Nothing is known to be deleted while its connection was never read since the start."""
    view = monitor.connection(parts[0]) if parts else None
    return f"{view.name} has not been read since Signalbox started." if view is not None and view.never_read else None


def _everything(draw: Callable[[MonitoringContext], object]) -> Callable[[Monitor, KeyParts], object | None]:
    """Draw what is of all connections. A key with a connection in it names nothing: its drawing would be kept for everybody."""
    return lambda monitor, parts: None if parts else draw(monitoring_context(monitor))


def _fragments(
    prefix: str,
    table: Mapping[str, tuple[str, str, Callable[[MonitoringContext, View], object]]],
    find: Callable[[Monitor, KeyParts], View | None],
) -> Iterator[Fragment[Monitor]]:
    for name, (template, variable, draw) in table.items():
        yield Fragment(
            name=name,
            key_prefix=prefix,
            resource=first_part,
            template=f"monitoring/{template}",
            variable=variable,
            context=_of_one(find, draw),
        )


def _named_by(count: int, find: Callable[..., View | None]) -> Callable[[Monitor, KeyParts], View | None]:
    """Find what so many parts of a key name. A page may send a key of any other length: that names nothing."""
    return lambda monitor, parts: find(monitor, *parts) if len(parts) == count else None


def _of_one(
    find: Callable[[Monitor, KeyParts], View | None], draw: Callable[[MonitoringContext, View], object]
) -> Callable[[Monitor, KeyParts], object | None]:
    def context(monitor: Monitor, parts: KeyParts) -> object | None:
        view = find(monitor, parts)
        return None if view is None else draw(monitoring_context(monitor), view)

    return context
