"""The live fragments of monitoring: each is a partial that a page includes, rendered with the same context."""

from collections.abc import Callable
from typing import Any

from signalbox.monitoring import keys
from signalbox.monitoring.model import Points
from signalbox.monitoring.service import Monitor
from signalbox.web.live.registry import Fragment, KeyParts, LiveParts, PointSource, first_part, no_resource
from signalbox.web.monitoring.attention import attention
from signalbox.web.monitoring.change_rows import connection_changes, overview_changes
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
from signalbox.web.monitoring.overview import group_counts, overview_head, summary_rows
from signalbox.web.monitoring.partition_rows import partition_table

POINTS_WINDOW_S = 3600
Build = Callable[[MonitoringContext, Any], object]  # from the view that a key names; from None for the overview
FRAGMENTS: dict[str, dict[str, tuple[str, Build]]] = {  # key prefix -> name -> the variable of its template, its value
    keys.OVERVIEW: {
        "overview/head": ("head", lambda context, _: overview_head(context)),
        "overview/counts": ("counts", lambda context, _: group_counts(context)),
        "overview/changes": ("changes", lambda context, _: overview_changes(context)),
        "overview/attention": ("attention", lambda context, _: attention(context)),
        "groups/headline": ("headline", lambda context, _: groups_headline(context)),
        "destinations/headline": ("headline", lambda context, _: destinations_headline(context)),
        "connections/headline": ("headline", lambda context, _: connections_headline(context)),
    },
    "connection": {
        "overview/connection": ("connection", connection_row),
        "overview/summary-rows": ("summary", summary_rows),
        "connections/row": ("connection", connection_row),
        "connections/head": ("head", connection_head),
        "connections/changes": ("changes", connection_changes),
        "connections/health": ("health", lambda _, view: connection_health(view)),
    },
    "group": {
        "overview/group": ("group", group_row),
        "groups/row": ("group", group_row),
        "groups/compact-row": ("group", group_row),
        "groups/head": ("head", group_head),
        "groups/message-flow": (
            "message_flow",
            lambda context, view: message_flow(context, view, context.partitions(view)),
        ),
        "groups/partitions": ("table", partition_table),
        "groups/members": ("members", lambda context, view: members(view, context.partitions(view))),
    },
    "destination": {
        "destinations/row": ("destination", destination_row),
        "destinations/compact-row": ("destination", destination_row),
        "destinations/head": ("head", destination_head),
        "destinations/partitions": ("table", destination_partition_table),
    },
}
FIND: dict[str, tuple[int, Callable[..., object | None]]] = {  # key prefix -> number of names in a key, view of these
    "connection": (1, Monitor.connection),
    "group": (2, Monitor.group),
    "destination": (2, Monitor.destination),
}


def live_parts(monitor: Monitor) -> LiveParts[Monitor]:
    """Return every fragment, every list that announces its changes, and the points of the groups' charts."""
    return LiveParts(
        read_model=lambda visibility: visible_monitor(monitor, visibility),
        fragments=[
            _fragment(prefix, name, variable, build)
            for prefix, fragments in FRAGMENTS.items()
            for name, (variable, build) in fragments.items()
        ],
        lists=(keys.GROUPS, keys.DESTINATIONS, keys.CONNECTIONS),
        points=(PointSource(key_prefix="group", resource=first_part, read=_points),),
        why_missing=_why_missing,
    )


def _fragment(prefix: str, name: str, variable: str, build: Build) -> Fragment[Monitor]:
    names, find = FIND.get(prefix, (0, None))

    def context(monitor: Monitor, parts: KeyParts) -> object | None:
        if len(parts) != names:  # a page may send any key: one of another length names nothing, and is not cached
            return None
        view = None if find is None else find(monitor, *parts)
        return None if view is None and find is not None else build(monitoring_context(monitor), view)

    folder, _, file = name.partition("/")
    template = "_headline" if file == "headline" else f"{folder}/_{file.replace('-', '_')}"
    return Fragment(
        name=name,
        key_prefix=prefix,
        resource=no_resource if find is None else first_part,
        template=f"monitoring/{template}.html",
        variable=variable,
        context=context,
    )


async def _points(monitor: Monitor, parts: KeyParts, since: float | None) -> Points:
    if len(parts) != 2:
        return Points(at=[], lag=[], lag_at_least=[], rate_in=[], rate_out=[], step_s=0.0)
    return await monitor.points(*parts, POINTS_WINDOW_S, since=since)


def _why_missing(monitor: Monitor, parts: KeyParts) -> str | None:
    """Say that an entity is unknown, and not deleted, while its connection was never read."""
    view = monitor.connection(parts[0]) if parts else None
    return f"{view.name} has not been read since Signalbox started." if view is not None and view.never_read else None
