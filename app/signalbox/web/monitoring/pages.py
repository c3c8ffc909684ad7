"""The pages of monitoring. Each is drawn from what the monitor knows; none waits for a broker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from signalbox.brokers.settings import ConnectionSettings
from signalbox.monitoring.service import Monitor
from signalbox.web import urls
from signalbox.web.errors import NotUnderstood
from signalbox.web.lists import InvalidParameter
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.monitoring.asked import DESTINATION_SORTS, GROUP_SORTS, Asked, asked, window
from signalbox.web.monitoring.connection_list import connections_page
from signalbox.web.monitoring.connection_page import connection_page
from signalbox.web.monitoring.destination_list import DestinationList, destination_list
from signalbox.web.monitoring.destination_page import destination_page
from signalbox.web.monitoring.first_run import first_run
from signalbox.web.monitoring.glance import glance
from signalbox.web.monitoring.group_list import GroupList, group_list
from signalbox.web.monitoring.group_page import group_page
from signalbox.web.monitoring.heads import destinations_head, groups_head
from signalbox.web.monitoring.missing import no_connection, no_destination, no_group
from signalbox.web.monitoring.navigation import CONNECTIONS, DESTINATIONS, GROUPS, OVERVIEW
from signalbox.web.monitoring.overview import overview
from signalbox.web.monitoring.parts import Verdict
from signalbox.web.monitoring.tools import query_of
from signalbox.web.rendering import Crumb, Part, page

Asking = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsPage:
    head: Verdict
    list: GroupList


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationsPage:
    head: Verdict
    list: DestinationList


@get(urls.overview(), include_in_schema=False, sync_to_thread=False)
def overview_page(request: Asking, monitor: NamedDependency[Monitor]) -> Response[bytes]:
    around = glance(monitor)
    if not around.links:
        return _first_run(request, OVERVIEW)
    return page(request, "overview/index.html", overview(around), title="Overview", section=OVERVIEW)


@get("/groups", include_in_schema=False, sync_to_thread=False)
def groups_page(request: Asking, monitor: NamedDependency[Monitor]) -> Response[bytes]:
    around = glance(monitor)
    if not around.links:
        return _first_run(request, GROUPS)
    wanted = _asked(request, GROUP_SORTS)
    listed = group_list(around, wanted)
    context = GroupsPage(head=groups_head(around), list=listed)
    part = Part("groups/_list.html", "it", listed)
    answer = page(request, "groups/index.html", context, title="Groups", section=GROUPS, part=part)
    answer.headers["HX-Push-Url"] = monitoring_urls.groups(
        **query_of(wanted)
    )  # without the filters that ask for nothing
    return answer


@get("/groups/{connection:str}/{name:str}", include_in_schema=False, sync_to_thread=False)
def one_group_page(
    request: Asking, monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    chosen = _window(request)
    view = monitor.group(connection, name)
    if view is None:
        raise no_group(glance(monitor), connection, name)
    context = group_page(glance(monitor), view, window=chosen)
    crumbs = (
        Crumb("Groups", monitoring_urls.groups()),
        Crumb(connection, monitoring_urls.connection(connection)),
        Crumb(name),
    )
    return page(request, "groups/group.html", context, title=name, section=GROUPS, crumbs=crumbs)


@get("/destinations", include_in_schema=False, sync_to_thread=False)
def destinations_page(request: Asking, monitor: NamedDependency[Monitor]) -> Response[bytes]:
    around = glance(monitor)
    if not around.links:
        return _first_run(request, DESTINATIONS)
    wanted = _asked(request, DESTINATION_SORTS)
    listed = destination_list(around, wanted)
    context = DestinationsPage(head=destinations_head(around), list=listed)
    part = Part("destinations/_list.html", "it", listed)
    answer = page(request, "destinations/index.html", context, title="Destinations", section=DESTINATIONS, part=part)
    answer.headers["HX-Push-Url"] = monitoring_urls.destinations(**query_of(wanted))
    return answer


@get("/destinations/{connection:str}/{name:str}", include_in_schema=False, sync_to_thread=False)
def one_destination_page(
    request: Asking, monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    around = glance(monitor)
    view = monitor.destination(connection, name)
    if view is None:
        raise no_destination(around, connection, name)
    crumbs = (
        Crumb("Destinations", monitoring_urls.destinations()),
        Crumb(connection, monitoring_urls.connection(connection)),
        Crumb(name),
    )
    context = destination_page(around, view)
    return page(request, "destinations/destination.html", context, title=name, section=DESTINATIONS, crumbs=crumbs)


@get("/connections", include_in_schema=False, sync_to_thread=False)
def all_connections_page(request: Asking, monitor: NamedDependency[Monitor]) -> Response[bytes]:
    around = glance(monitor)
    if not around.links:
        return _first_run(request, CONNECTIONS)
    context = connections_page(around)
    return page(request, "connections/index.html", context, title="Connections", section=CONNECTIONS)


@get("/connections/{name:str}", include_in_schema=False, sync_to_thread=False)
def one_connection_page(
    request: Asking,
    monitor: NamedDependency[Monitor],
    connections: NamedDependency[Sequence[ConnectionSettings]],
    name: FromPath[str],
) -> Response[bytes]:
    around = glance(monitor)
    view = monitor.connection(name)
    if view is None:
        raise no_connection(around, name)
    settings = next((one for one in connections if one.name == name), None)
    crumbs = (Crumb("Connections", monitoring_urls.connections()), Crumb(name))
    context = connection_page(around, view, settings)
    return page(request, "connections/connection.html", context, title=name, section=CONNECTIONS, crumbs=crumbs)


PAGES = (
    overview_page,
    groups_page,
    one_group_page,
    destinations_page,
    one_destination_page,
    all_connections_page,
    one_connection_page,
)


def _first_run(request: Asking, section: str) -> Response[bytes]:
    """Answer every list while nothing is configured: what is missing, and the steps to it."""
    return page(request, "overview/first_run.html", first_run(), title=section, section=section)


def _asked(request: Asking, sorts: Mapping[str, bool]) -> Asked:
    try:
        return asked(request.query_params, sorts)
    except InvalidParameter as fault:
        raise NotUnderstood(f"{fault}.") from fault


def _window(request: Asking) -> str:
    try:
        return window(request.query_params)
    except InvalidParameter as fault:
        raise NotUnderstood(f"{fault}.") from fault
