"""The pages of monitoring. They show what the monitor knows; none waits for a broker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from signalbox.brokers.settings import ConnectionSettings
from signalbox.monitoring.service import Monitor
from signalbox.web import urls
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.monitoring.components import Headline
from signalbox.web.monitoring.connection_list import connections_page
from signalbox.web.monitoring.connection_page import connection_page
from signalbox.web.monitoring.context import monitoring_context
from signalbox.web.monitoring.destination_list import DESTINATION_LIST
from signalbox.web.monitoring.destination_page import destination_page
from signalbox.web.monitoring.first_run import FirstRunPage
from signalbox.web.monitoring.group_list import GROUP_LIST
from signalbox.web.monitoring.group_page import group_page
from signalbox.web.monitoring.headlines import destinations_headline, groups_headline
from signalbox.web.monitoring.list_frame import url_parameters
from signalbox.web.monitoring.list_page import ListPage, list_page
from signalbox.web.monitoring.list_query import DESTINATION_SORTS, GROUP_SORTS, parse_list_query, parse_window
from signalbox.web.monitoring.lookup import find_connection, find_destination, find_group
from signalbox.web.monitoring.navigation import CONNECTIONS, DESTINATIONS, GROUPS, OVERVIEW
from signalbox.web.monitoring.overview import overview
from signalbox.web.monitoring.parameters import parsed
from signalbox.web.rendering import Crumb, Part, page

AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class FilteredListPage:
    headline: Headline
    list: ListPage[Any]


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
    query = parsed(lambda: parse_list_query(request.query_params, GROUP_SORTS))
    listed = list_page(GROUP_LIST, context, monitor.groups(), query)
    content = FilteredListPage(groups_headline(context), listed)
    part = Part("monitoring/groups/_list.html", "group_list", listed)
    response = page(request, "monitoring/groups/index.html", content, title="Groups", section=GROUPS, part=part)
    response.headers["HX-Push-Url"] = monitoring_urls.groups(**url_parameters(query))  # without empty parameters
    return response


@get("/groups/{connection:str}/{name:str}", include_in_schema=False, sync_to_thread=False)
def group_detail_page(
    request: AnyRequest, monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    window = parsed(lambda: parse_window(request.query_params))
    context = monitoring_context(monitor)
    content = group_page(context, find_group(context, connection, name), window=window)
    crumbs = _crumbs(Crumb("Groups", monitoring_urls.groups()), connection, name)
    return page(request, "monitoring/groups/group.html", content, title=name, section=GROUPS, crumbs=crumbs)


@get("/destinations", include_in_schema=False, sync_to_thread=False)
def destinations_page(request: AnyRequest, monitor: NamedDependency[Monitor]) -> Response[bytes]:
    context = monitoring_context(monitor)
    if not context.connections:
        return _first_run(request, DESTINATIONS)
    query = parsed(lambda: parse_list_query(request.query_params, DESTINATION_SORTS))
    listed = list_page(DESTINATION_LIST, context, monitor.destinations(), query)
    content = FilteredListPage(destinations_headline(context), listed)
    part = Part("monitoring/destinations/_list.html", "destination_list", listed)
    response = page(
        request, "monitoring/destinations/index.html", content, title="Destinations", section=DESTINATIONS, part=part
    )
    response.headers["HX-Push-Url"] = monitoring_urls.destinations(**url_parameters(query))
    return response


@get("/destinations/{connection:str}/{name:str}", include_in_schema=False, sync_to_thread=False)
def destination_detail_page(
    request: AnyRequest, monitor: NamedDependency[Monitor], connection: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    context = monitoring_context(monitor)
    content = destination_page(context, find_destination(context, connection, name))
    crumbs = _crumbs(Crumb("Destinations", monitoring_urls.destinations()), connection, name)
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
    view = find_connection(context, name)
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


def _crumbs(section: Crumb, connection: str, name: str) -> tuple[Crumb, ...]:
    return section, Crumb(connection, monitoring_urls.connection(connection)), Crumb(name)
