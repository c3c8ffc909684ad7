"""Find what an address names. The error for a missing thing suggests similar names."""

from collections.abc import Sequence

from signalbox.monitoring import words
from signalbox.monitoring.model import ConnectionView, DestinationView, GroupView
from signalbox.web.errors import NotFound, RequestError
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.list_query import closest_names


class NoDataYet(RequestError):
    """The thing may exist: its connection has not been read since Signalbox started."""

    status = 503


def find_connection(context: MonitoringContext, name: str) -> ConnectionView:
    """Return the connection. Raises NotFound."""
    if name in context.connections:
        return context.connections[name]
    similar = closest_names(name, list(context.connections))
    listed = ", ".join(similar or list(context.connections)[:5]) or "none"
    advice = f"{'Similar names' if similar else 'Configured connections'}: {listed}."
    raise NotFound(f"There is no connection “{name}”.", advice)


def find_group(context: MonitoringContext, connection: str, name: str) -> GroupView:
    """Return the group. Raises NotFound, NoDataYet."""
    view = context.monitor.group(connection, name)
    if view is None:
        raise _missing(context, connection, "group", name, context.monitor.groups())
    return view


def find_destination(context: MonitoringContext, connection: str, name: str) -> DestinationView:
    """Return the destination. Raises NotFound, NoDataYet."""
    view = context.monitor.destination(connection, name)
    if view is None:
        raise _missing(context, connection, "destination", name, context.monitor.destinations())
    return view


def _missing(
    context: MonitoringContext, connection: str, noun: str, name: str, views: Sequence[GroupView | DestinationView]
) -> RequestError:
    view = find_connection(context, connection)
    if view.never_read:  # nothing on it can be called missing
        cause = words.connection_sentence(view, context.now), words.connection_reason(view, context.now)
        return NoDataYet(
            f"Cannot tell whether {noun} “{name}” exists: no data from {connection} yet.",
            " ".join(filter(None, (*map(words.plain, cause), "Reload this page when the connection is up."))),
        )
    similar = closest_names(name, list({view.name for view in views}))
    advice = f"The {noun} was deleted, or you are not permitted to view it."
    if similar:
        advice = f"Similar names: {', '.join(similar)}. {advice}"
    return NotFound(f"{noun.capitalize()} “{name}” was not found on {connection}.", advice)
