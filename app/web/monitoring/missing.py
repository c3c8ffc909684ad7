"""What is said when an address names something that is not there: the nearest names that are."""

from collections.abc import Sequence

from app.web.errors import NotThere
from app.web.monitoring.asked import nearest
from app.web.monitoring.glance import Glance


def no_connection(around: Glance, name: str) -> NotThere:
    near = nearest(name, list(around.links))
    known = ", ".join(near or list(around.links)[:5]) or "none"
    return NotThere(f"No connection is called {name}.", f"{'The nearest' if near else 'Known'}: {known}.")


def no_group(around: Glance, connection: str, name: str) -> NotThere:
    """Say that there is no such group, and which are called nearly so, there or elsewhere."""
    if connection not in around.links:
        return no_connection(around, connection)
    near = nearest(name, list({g.name for g in around.monitor.groups()}))
    return NotThere(f"No group {name} is known on {connection}.", _near(near))


def no_destination(around: Glance, connection: str, name: str) -> NotThere:
    if connection not in around.links:
        return no_connection(around, connection)
    near = nearest(name, list({d.name for d in around.monitor.destinations()}))
    return NotThere(f"No destination {name} is known on {connection}.", _near(near))


def _near(names: Sequence[str]) -> str:
    gone = "It is gone, or this user may not see it."
    return f"The nearest: {', '.join(names)}. {gone}" if names else gone
