"""What is said when an address names something that is not there: the nearest names that are."""

from collections.abc import Sequence

from signalbox.monitoring import words
from signalbox.web.errors import AnswerError, NotThere
from signalbox.web.monitoring.asked import nearest
from signalbox.web.monitoring.glance import Glance


class NotRead(AnswerError):
    """What an address names may be there: its connection has not been read since Signalbox started."""

    status = 503


def no_connection(around: Glance, name: str) -> NotThere:
    near = nearest(name, list(around.links))
    known = ", ".join(near or list(around.links)[:5]) or "none"
    return NotThere(f"No connection is called {name}.", f"{'The nearest' if near else 'Known'}: {known}.")


def no_group(around: Glance, connection: str, name: str) -> NotThere:
    """Say that there is no such group, and which are called nearly so, there or elsewhere. Raises NotRead."""
    if connection not in around.links:
        return no_connection(around, connection)
    _read(around, connection, f"group {name}")
    near = nearest(name, list({g.name for g in around.monitor.groups()}))
    return NotThere(f"No group {name} is known on {connection}.", _near(near))


def no_destination(around: Glance, connection: str, name: str) -> NotThere:
    """Say that there is no such destination, and which are called nearly so. Raises NotRead."""
    if connection not in around.links:
        return no_connection(around, connection)
    _read(around, connection, f"destination {name}")
    near = nearest(name, list({d.name for d in around.monitor.destinations()}))
    return NotThere(f"No destination {name} is known on {connection}.", _near(near))


def _read(around: Glance, connection: str, what: str) -> None:
    """Let through what is of a connection that was read: of any other nobody knows what is gone. Raises NotRead."""
    view = around.links[connection]
    if view.never_read:
        why = words.connection_sentence(view, around.now), words.connection_reason(view, around.now)
        raise NotRead(
            f"Whether there is a {what} is not known: {view.name} has not been read yet.",
            " ".join(filter(None, (*map(words.plain, why), "Load this page again once it answers."))),
        )


def _near(names: Sequence[str]) -> str:
    gone = "It is gone, or this user may not see it."
    return f"The nearest: {', '.join(names)}. {gone}" if names else gone
