"""Names of connections as typed by the user."""

from difflib import get_close_matches

import click

from signalbox.brokers.settings import ConnectionSettings
from signalbox.kernel.configuration import Configuration


def configured_connection(name: str, configuration: Configuration) -> str:
    """Return the name if it is configured. Otherwise raises UsageError with the nearest name."""
    names = [connection.name for connection in configuration.many(ConnectionSettings)]
    if name in names:
        return name
    nearest = get_close_matches(name, names, n=1)
    suggestion = f" (did you mean {nearest[0]}?)" if nearest else ""
    raise click.UsageError(f"No connection is named {name!r}{suggestion}. Configured: {', '.join(names) or 'none'}.")
