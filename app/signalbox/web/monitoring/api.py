"""/api/v1 of monitoring: the data of the pages, as JSON. Read only; no request waits for a broker."""

from functools import partial
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter

from signalbox.monitoring.service import Monitor
from signalbox.web import urls
from signalbox.web.errors import problems
from signalbox.web.monitoring import parameters, schemas, serializers
from signalbox.web.monitoring.context import monitoring_context
from signalbox.web.monitoring.destination_list import DESTINATION_LIST
from signalbox.web.monitoring.group_list import GROUP_LIST
from signalbox.web.monitoring.list_page import filtered_page
from signalbox.web.monitoring.list_query import WINDOWS, ListQuery
from signalbox.web.monitoring.lookup import find_connection, find_destination, find_group
from signalbox.web.monitoring.search import search_by_name

CHANGES_MAX = 200
_get = partial(get, tags=["monitoring"], sync_to_thread=False)
LISTED = {"filters": Provide(parameters.list_filters, sync_to_thread=False)}
ROWS = {"rows": Provide(parameters.rows_parameters, sync_to_thread=False)}


@_get(f"{urls.API}/connections", responses=problems(), summary="List connections in the order of the configuration")
def list_connections(monitor: NamedDependency[Monitor]) -> list[schemas.ConnectionOut]:
    context = monitoring_context(monitor)
    return [serializers.connection(context, view) for view in context.connections.values()]


@_get(f"{urls.API}/connections/{{name:str}}", responses=problems(404), summary="Get a connection with its cluster")
def get_connection(monitor: NamedDependency[Monitor], name: FromPath[str]) -> schemas.ConnectionDetail:
    context = monitoring_context(monitor)
    return serializers.connection_detail(context, find_connection(context, name))


@_get(
    f"{urls.API}/groups",
    dependencies=LISTED | {"list_query": Provide(parameters.group_parameters, sync_to_thread=False)},
    responses=problems(),
    summary="List consumer groups of all connections: not ok first, then by the sort column",
)
def list_groups(
    monitor: NamedDependency[Monitor], list_query: NamedDependency[ListQuery]
) -> schemas.Listing[schemas.GroupOut]:
    context = monitoring_context(monitor)
    page = filtered_page(GROUP_LIST, context, monitor.groups(), list_query)
    return serializers.listing(page, [serializers.group(context, view) for view in page.rows])


@_get(f"{urls.API}/groups/{{connection:str}}/{{name:str}}", responses=problems(404), summary="Get a consumer group")
def get_group(monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str]) -> schemas.GroupDetail:
    context = monitoring_context(monitor)
    return serializers.group_detail(context, find_group(context, connection, name))


@_get(
    f"{urls.API}/groups/{{connection:str}}/{{name:str}}/partitions",
    dependencies=ROWS,
    responses=problems(404),
    summary="List the partitions of a consumer group, most severe first",
)
def list_group_partitions(
    monitor: NamedDependency[Monitor],
    connection: FromPath[str],
    name: FromPath[str],
    rows: NamedDependency[tuple[int, int]],
) -> schemas.Rows[schemas.PartitionOut]:
    context = monitoring_context(monitor)
    group = find_group(context, connection, name)
    first, limit = rows
    partitions = monitor.partitions(connection, name)
    items = [serializers.partition(context, group.kind, view) for view in partitions[first : first + limit]]
    return schemas.Rows(items=items, total=len(partitions), first=first)


@_get(
    f"{urls.API}/groups/{{connection:str}}/{{name:str}}/history",
    dependencies={"history_window": Provide(parameters.window_parameter, sync_to_thread=False)},
    sync_to_thread=None,
    responses=problems(404),
    summary="Get the lag and rates of a consumer group over time",
)
async def get_group_history(
    monitor: NamedDependency[Monitor],
    connection: FromPath[str],
    name: FromPath[str],
    history_window: NamedDependency[str],
) -> schemas.HistoryOut:
    find_group(monitoring_context(monitor), connection, name)
    return serializers.history(history_window, await monitor.points(connection, name, WINDOWS[history_window]))


@_get(
    f"{urls.API}/destinations",
    dependencies=LISTED | {"list_query": Provide(parameters.destination_parameters, sync_to_thread=False)},
    responses=problems(),
    summary="List topics, queues and streams of all connections",
)
def list_destinations(
    monitor: NamedDependency[Monitor], list_query: NamedDependency[ListQuery]
) -> schemas.Listing[schemas.DestinationOut]:
    context = monitoring_context(monitor)
    page = filtered_page(DESTINATION_LIST, context, monitor.destinations(), list_query)
    return serializers.listing(page, [serializers.destination(context, view) for view in page.rows])


@_get(f"{urls.API}/destinations/{{connection:str}}/{{name:str}}", responses=problems(404), summary="Get a destination")
def get_destination(
    monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str]
) -> schemas.DestinationOut:
    context = monitoring_context(monitor)
    return serializers.destination(context, find_destination(context, connection, name))


@_get(
    f"{urls.API}/destinations/{{connection:str}}/{{name:str}}/partitions",
    dependencies=ROWS,
    responses=problems(404),
    summary="List the partitions of a destination, by number",
)
def list_destination_partitions(
    monitor: NamedDependency[Monitor],
    connection: FromPath[str],
    name: FromPath[str],
    rows: NamedDependency[tuple[int, int]],
) -> schemas.Rows[schemas.DestinationPartitionOut]:
    partitions = find_destination(monitoring_context(monitor), connection, name).destination.partitions
    if partitions is None:
        return schemas.Rows(items=[], total=0, first=rows[0])
    items = serializers.destination_partitions(partitions, monitor.partition_rates(connection, name), *rows)
    return schemas.Rows(items=items, total=len(partitions), first=rows[0])


@_get(f"{urls.API}/changes", responses=problems(), summary="List status changes since the start, newest first")
def list_changes(monitor: NamedDependency[Monitor]) -> list[schemas.ChangeOut]:
    return [serializers.change(change) for change in monitor.changes(CHANGES_MAX)]


@_get(f"{urls.API}/search", responses=problems(), summary="Search groups, destinations and connections by name")
def search(
    monitor: NamedDependency[Monitor],
    q: Annotated[str, QueryParameter(description="part of the name, case-insensitive", max_length=300)] = "",
) -> list[schemas.SearchResultOut]:
    return serializers.search_results(search_by_name(monitor, q.strip().casefold()))


API = (
    list_connections,
    get_connection,
    list_groups,
    get_group,
    list_group_partitions,
    get_group_history,
    list_destinations,
    get_destination,
    list_destination_partitions,
    list_changes,
    search,
)
