"""Errors for addresses of things that do not exist: they suggest similar names."""

from collections.abc import Sequence

from signalbox.monitoring import words
from signalbox.web.errors import NotFound, RequestError
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.list_query import closest_names


class NoDataYet(RequestError):
    """The thing may exist: its connection has not been read since Signalbox started."""

    status = 503


def connection_not_found(context: MonitoringContext, name: str) -> NotFound:
    similar = closest_names(name, list(context.connections))
    listed = ", ".join(similar or list(context.connections)[:5]) or "none"
    return NotFound(
        f"Connection {name} does not exist.", f"{'Similar names' if similar else 'Configured connections'}: {listed}."
    )


def group_not_found(context: MonitoringContext, connection: str, name: str) -> NotFound:
    """Return the error, with similar group names on any connection. Raises NoDataYet."""
    if connection not in context.connections:
        return connection_not_found(context, connection)
    _ensure_read(context, connection, f"group {name}")
    similar = closest_names(name, list({group.name for group in context.monitor.groups()}))
    return NotFound(f"Group {name} was not found on {connection}.", _advice("group", similar))


def destination_not_found(context: MonitoringContext, connection: str, name: str) -> NotFound:
    """Return the error, with similar destination names on any connection. Raises NoDataYet."""
    if connection not in context.connections:
        return connection_not_found(context, connection)
    _ensure_read(context, connection, f"destination {name}")
    similar = closest_names(name, list({destination.name for destination in context.monitor.destinations()}))
    return NotFound(f"Destination {name} was not found on {connection}.", _advice("destination", similar))


def _ensure_read(context: MonitoringContext, connection: str, thing: str) -> None:
    """Raise NoDataYet if the connection was never read: then nothing on it can be called missing."""
    view = context.connections[connection]
    if not view.never_read:
        return
    cause = words.connection_sentence(view, context.now), words.connection_reason(view, context.now)
    raise NoDataYet(
        f"Cannot tell whether {thing} exists: no data from {view.name} yet.",
        " ".join(filter(None, (*map(words.plain, cause), "Reload this page when the connection is up."))),
    )


def _advice(noun: str, similar: Sequence[str]) -> str:
    cause = f"The {noun} was deleted, or you are not permitted to view it."
    return f"Similar names: {', '.join(similar)}. {cause}" if similar else cause
