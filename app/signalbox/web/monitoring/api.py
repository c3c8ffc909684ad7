"""/api/v1 of monitoring: what the pages show, for programs. Read only; nothing here waits for a broker."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter

from signalbox.monitoring.service import Monitor
from signalbox.web import urls
from signalbox.web.errors import problems
from signalbox.web.monitoring import answers, destination_list, group_list
from signalbox.web.monitoring import resources as r
from signalbox.web.monitoring.asked import WINDOWS, Asked
from signalbox.web.monitoring.glance import glance
from signalbox.web.monitoring.missing import no_connection, no_destination, no_group
from signalbox.web.monitoring.parameters import (
    destination_parameters,
    group_parameters,
    rows_parameters,
    window_parameter,
)
from signalbox.web.monitoring.search import search_by_name

CHANGES_MAX = 200
TAGS = ["monitoring"]


@get(
    f"{urls.API}/connections",
    tags=TAGS,
    responses=problems(),
    sync_to_thread=False,
    summary="Connections, in the order of the configuration",
)
def connections(monitor: NamedDependency[Monitor]) -> list[r.ConnectionOut]:
    around = glance(monitor)
    return [answers.connection(around, view) for view in around.links.values()]


@get(
    f"{urls.API}/connections/{{name:str}}",
    tags=TAGS,
    responses=problems(404),
    sync_to_thread=False,
    summary="One connection, with its cluster",
)
def one_connection(monitor: NamedDependency[Monitor], name: FromPath[str]) -> r.ConnectionDetail:
    around = glance(monitor)
    view = monitor.connection(name)
    if view is None:
        raise no_connection(around, name)
    return answers.connection_detail(around, view)


@get(
    f"{urls.API}/groups",
    tags=TAGS,
    responses=problems(),
    sync_to_thread=False,
    dependencies={"asked": Provide(group_parameters, sync_to_thread=False)},
    summary="Consumer groups of all connections: not ok first, then by the sorted column",
)
def groups(monitor: NamedDependency[Monitor], asked: NamedDependency[Asked]) -> r.Listing[r.GroupOut]:
    around = glance(monitor)
    part = group_list.page_of(around, group_list.matching(around, monitor.groups(), asked), asked)
    items = [answers.group(around, view) for view in part.rows]
    return r.Listing(items=items, total=part.total, next=part.after, previous=part.before)


@get(
    f"{urls.API}/groups/{{connection:str}}/{{name:str}}",
    tags=TAGS,
    responses=problems(404),
    sync_to_thread=False,
    summary="One consumer group",
)
def one_group(monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str]) -> r.GroupDetail:
    around = glance(monitor)
    view = monitor.group(connection, name)
    if view is None:
        raise no_group(around, connection, name)
    return answers.group_detail(around, view)


@get(
    f"{urls.API}/groups/{{connection:str}}/{{name:str}}/partitions",
    tags=TAGS,
    responses=problems(404),
    sync_to_thread=False,
    dependencies={"rows": Provide(rows_parameters, sync_to_thread=False)},
    summary="Partitions of a consumer group, dearest first",
)
def group_partitions(
    monitor: NamedDependency[Monitor],
    connection: FromPath[str],
    name: FromPath[str],
    rows: NamedDependency[tuple[int, int]],
) -> r.Rows[r.PartitionOut]:
    around = glance(monitor)
    group = monitor.group(connection, name)
    if group is None:
        raise no_group(around, connection, name)
    first, most = rows
    every = monitor.partitions(connection, name)
    items = [answers.partition(around, group.kind, one) for one in every[first : first + most]]
    return r.Rows(items=items, total=len(every), first=first)


@get(
    f"{urls.API}/groups/{{connection:str}}/{{name:str}}/history",
    tags=TAGS,
    responses=problems(404),
    dependencies={"chosen": Provide(window_parameter, sync_to_thread=False)},
    summary="Lag and rates of a consumer group over time",
)
async def group_history(
    monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str], chosen: NamedDependency[str]
) -> r.HistoryOut:
    if monitor.group(connection, name) is None:
        raise no_group(glance(monitor), connection, name)
    return answers.history(chosen, await monitor.points(connection, name, WINDOWS[chosen]))


@get(
    f"{urls.API}/destinations",
    tags=TAGS,
    responses=problems(),
    sync_to_thread=False,
    dependencies={"asked": Provide(destination_parameters, sync_to_thread=False)},
    summary="Topics, queues and streams of all connections",
)
def destinations(monitor: NamedDependency[Monitor], asked: NamedDependency[Asked]) -> r.Listing[r.DestinationOut]:
    around = glance(monitor)
    part = destination_list.page_of(around, destination_list.matching(around, monitor.destinations(), asked), asked)
    items = [answers.destination(around, view) for view in part.rows]
    return r.Listing(items=items, total=part.total, next=part.after, previous=part.before)


@get(
    f"{urls.API}/destinations/{{connection:str}}/{{name:str}}",
    tags=TAGS,
    responses=problems(404),
    sync_to_thread=False,
    summary="One destination",
)
def one_destination(
    monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str]
) -> r.DestinationOut:
    around = glance(monitor)
    view = monitor.destination(connection, name)
    if view is None:
        raise no_destination(around, connection, name)
    return answers.destination(around, view)


@get(
    f"{urls.API}/destinations/{{connection:str}}/{{name:str}}/partitions",
    tags=TAGS,
    responses=problems(404),
    sync_to_thread=False,
    dependencies={"rows": Provide(rows_parameters, sync_to_thread=False)},
    summary="Partitions of a destination, by number",
)
def destination_partitions(
    monitor: NamedDependency[Monitor],
    connection: FromPath[str],
    name: FromPath[str],
    rows: NamedDependency[tuple[int, int]],
) -> r.Rows[r.DestinationPartitionOut]:
    view = monitor.destination(connection, name)
    if view is None:
        raise no_destination(glance(monitor), connection, name)
    held = view.destination.partitions
    if held is None:
        return r.Rows(items=[], total=0, first=rows[0])
    items = answers.destination_partitions(held, monitor.partition_rates(connection, name), *rows)
    return r.Rows(items=items, total=len(held), first=rows[0])


@get(
    f"{urls.API}/changes",
    tags=TAGS,
    responses=problems(),
    sync_to_thread=False,
    summary="What changed, newest first, since the start",
)
def changes(monitor: NamedDependency[Monitor]) -> list[r.ChangeOut]:
    return [answers.change(one) for one in monitor.changes(CHANGES_MAX)]


@get(
    f"{urls.API}/search",
    tags=TAGS,
    responses=problems(),
    sync_to_thread=False,
    summary="Groups, destinations and connections by name",
)
def search(
    monitor: NamedDependency[Monitor],
    q: Annotated[str, QueryParameter(description="a part of the name, whatever its case", max_length=300)] = "",
) -> list[r.HitOut]:
    return answers.hits(search_by_name(monitor, q.strip().casefold()))


API = (
    connections,
    one_connection,
    groups,
    one_group,
    group_partitions,
    group_history,
    destinations,
    one_destination,
    destination_partitions,
    changes,
    search,
)
