"""Names of connections as they are typed, checked against the configuration."""

from difflib import get_close_matches

import click

from signalbox.brokers.settings import ConnectionSettings
from signalbox.kernel.configuration import Configuration


def connection_named(name: str, configuration: Configuration) -> str:
    """Return the name of a connection that is configured. Raises UsageError with the nearest name when there is none."""
    names = [connection.name for connection in configuration.many(ConnectionSettings)]
    if name in names:
        return name
    near = get_close_matches(name, names, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise click.UsageError(f"no connection is called {name!r}{meant}; configured: {', '.join(names) or 'none'}")
