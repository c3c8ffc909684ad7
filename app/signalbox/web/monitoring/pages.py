"""The pages of monitoring. They show what the monitor knows; none waits for a broker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from signalbox.brokers.settings import ConnectionSettings
from signalbox.monitoring.service import Monitor
from signalbox.web import urls
from signalbox.web.errors import BadRequest
from signalbox.web.lists import InvalidParameter
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.monitoring.components import Headline
from signalbox.web.monitoring.connection_list import connections_page
from signalbox.web.monitoring.connection_page import connection_page
from signalbox.web.monitoring.context import monitoring_context
from signalbox.web.monitoring.destination_list import DESTINATION_LIST
from signalbox.web.monitoring.destination_page import destination_page
from signalbox.web.monitoring.destination_rows import DestinationRow
from signalbox.web.monitoring.first_run import FirstRunPage
from signalbox.web.monitoring.group_list import GROUP_LIST
from signalbox.web.monitoring.group_page import group_page
from signalbox.web.monitoring.group_rows import GroupRow
from signalbox.web.monitoring.headlines import destinations_headline, groups_headline
from signalbox.web.monitoring.list_frame import url_parameters
from signalbox.web.monitoring.list_page import ListPage, list_page
from signalbox.web.monitoring.list_query import (
    DESTINATION_SORTS,
    GROUP_SORTS,
    ListQuery,
    parse_list_query,
    parse_window,
)
from signalbox.web.monitoring.navigation import CONNECTIONS, DESTINATIONS, GROUPS, OVERVIEW
from signalbox.web.monitoring.not_found import connection_not_found, destination_not_found, group_not_found
from signalbox.web.monitoring.overview import overview
from signalbox.web.rendering import Crumb, Part, page

AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsPage:
    headline: Headline
    list: ListPage[GroupRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationsPage:
    headline: Headline
    list: ListPage[DestinationRow]


@get(urls.home(), include_in_schema=False, sync_to_thread=False)
def overview_page(request: AnyRequest, monitor: NamedDependency[Monitor]) -> Response[bytes]:
    context = monitoring_context(monitor)
    if not context.connections:
        return _first_run(request, OVERVIEW)
    return page(request, "monitoring/overview/index.html", overview(context), title="Overview", section=OVERVIEW)


@get("/groups", include_in_schema=False, sync_to_thread=False)
def groups_page(request: AnyRequest, monitor: NamedDependency[Monitor]) -> Response[bytes]:
    context = monitoring_context(monitor)
    if not context.connections:
        return _first_run(request, GROUPS)
    query = _list_query(request, GROUP_SORTS)
    listed = list_page(GROUP_LIST, context, monitor.groups(), query)
    content = GroupsPage(headline=groups_headline(context), list=listed)
    part = Part("monitoring/groups/_list.html", "group_list", listed)
    answer = page(request, "monitoring/groups/index.html", content, title="Groups", section=GROUPS, part=part)
    answer.headers["HX-Push-Url"] = monitoring_urls.groups(**url_parameters(query))  # without empty parameters
    return answer


@get("/groups/{connection:str}/{name:str}", include_in_schema=False, sync_to_thread=False)
def group_detail_page(
    request: AnyRequest, monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    window = _window(request)
    view = monitor.group(connection, name)
    if view is None:
        raise group_not_found(monitoring_context(monitor), connection, name)
    content = group_page(monitoring_context(monitor), view, window=window)
    crumbs = (
        Crumb("Groups", monitoring_urls.groups()),
        Crumb(connection, monitoring_urls.connection(connection)),
        Crumb(name),
    )
    return page(request, "monitoring/groups/group.html", content, title=name, section=GROUPS, crumbs=crumbs)


@get("/destinations", include_in_schema=False, sync_to_thread=False)
def destinations_page(request: AnyRequest, monitor: NamedDependency[Monitor]) -> Response[bytes]:
    context = monitoring_context(monitor)
    if not context.connections:
        return _first_run(request, DESTINATIONS)
    query = _list_query(request, DESTINATION_SORTS)
    listed = list_page(DESTINATION_LIST, context, monitor.destinations(), query)
    content = DestinationsPage(headline=destinations_headline(context), list=listed)
    part = Part("monitoring/destinations/_list.html", "destination_list", listed)
    answer = page(
        request, "monitoring/destinations/index.html", content, title="Destinations", section=DESTINATIONS, part=part
    )
    answer.headers["HX-Push-Url"] = monitoring_urls.destinations(**url_parameters(query))
    return answer


@get("/destinations/{connection:str}/{name:str}", include_in_schema=False, sync_to_thread=False)
def destination_detail_page(
    request: AnyRequest, monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    context = monitoring_context(monitor)
    view = monitor.destination(connection, name)
    if view is None:
        raise destination_not_found(context, connection, name)
    crumbs = (
        Crumb("Destinations", monitoring_urls.destinations()),
        Crumb(connection, monitoring_urls.connection(connection)),
        Crumb(name),
    )
    content = destination_page(context, view)
    return page(
        request, "monitoring/destinations/destination.html", content, title=name, section=DESTINATIONS, crumbs=crumbs
    )


@get("/connections", include_in_schema=False, sync_to_thread=False)
def connections_list_page(request: AnyRequest, monitor: NamedDependency[Monitor]) -> Response[bytes]:
    context = monitoring_context(monitor)
    if not context.connections:
        return _first_run(request, CONNECTIONS)
    content = connections_page(context)
    return page(request, "monitoring/connections/index.html", content, title="Connections", section=CONNECTIONS)


@get("/connections/{name:str}", include_in_schema=False, sync_to_thread=False)
def connection_detail_page(
    request: AnyRequest,
    monitor: NamedDependency[Monitor],
    connections: NamedDependency[Sequence[ConnectionSettings]],
    name: FromPath[str],
) -> Response[bytes]:
    context = monitoring_context(monitor)
    view = monitor.connection(name)
    if view is None:
        raise connection_not_found(context, name)
    settings = next((each for each in connections if each.name == name), None)
    crumbs = (Crumb("Connections", monitoring_urls.connections()), Crumb(name))
    content = connection_page(context, view, settings)
    return page(
        request, "monitoring/connections/connection.html", content, title=name, section=CONNECTIONS, crumbs=crumbs
    )


PAGES = (
    overview_page,
    groups_page,
    group_detail_page,
    destinations_page,
    destination_detail_page,
    connections_list_page,
    connection_detail_page,
)


def _first_run(request: AnyRequest, section: str) -> Response[bytes]:
    """Return the page of every list without any configured connection: how to set one up."""
    return page(request, "monitoring/overview/first_run.html", FirstRunPage(), title=section, section=section)


def _list_query(request: AnyRequest, sorts: Mapping[str, bool]) -> ListQuery:
    try:
        return parse_list_query(request.query_params, sorts)
    except InvalidParameter as error:
        raise BadRequest(f"{error}.") from error


def _window(request: AnyRequest) -> str:
    try:
        return parse_window(request.query_params)
    except InvalidParameter as error:
        raise BadRequest(f"{error}.") from error
