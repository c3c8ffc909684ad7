"""Monitoring's entries of the navigation."""

from collections.abc import Sequence
from typing import Final

from signalbox.monitoring.model import ConnectionView, LinkState
from signalbox.monitoring.service import Monitor
from signalbox.web.monitoring import urls
from signalbox.web.shell import Badge, Banner, NavigationEntry
from signalbox.web.urls import home
from signalbox.web.visibility import Visibility

OVERVIEW: Final = "Overview"
CONNECTIONS: Final = "Connections"
GROUPS: Final = "Groups"
DESTINATIONS: Final = "Destinations"

NAMES_IN_BANNER = 3


def visible_monitor(monitor: Monitor, visibility: Visibility) -> Monitor:
    return monitor if visibility.resources is None else monitor.visible_to(visibility.resources)


def navigation(monitor: Monitor) -> tuple[NavigationEntry, ...]:
    def views(visibility: Visibility) -> Sequence[ConnectionView]:
        return visible_monitor(monitor, visibility).connections()

    def connections(visibility: Visibility) -> Badge:
        down = any(view.link is LinkState.DOWN for view in views(visibility))
        return Badge(len(views(visibility)), "danger" if down else None)

    def groups(visibility: Visibility) -> Badge:
        return Badge(_known(views(visibility), sum(view.groups for view in views(visibility))))

    def destinations(visibility: Visibility) -> Badge:
        return Badge(_known(views(visibility), sum(view.destinations for view in views(visibility))))

    return (
        NavigationEntry(label=OVERVIEW, group="Now", href=home(), icon="i-home"),
        NavigationEntry(label=CONNECTIONS, group="Flow", href=urls.connections(), icon="i-link", badge=connections),
        NavigationEntry(label=GROUPS, group="Flow", href=urls.groups(), icon="i-flow", badge=groups),
        NavigationEntry(
            label=DESTINATIONS, group="Flow", href=urls.destinations(), icon="i-destinations", badge=destinations
        ),
    )


def _known(views: Sequence[ConnectionView], count: int) -> int | None:
    """Return a count; None for a 0 while a connection has not been read yet."""
    return count if count or not any(view.never_read for view in views) else None


def tls_banners(monitor: Monitor, visibility: Visibility) -> Sequence[Banner]:
    """Name the connections whose TLS certificate is not verified."""
    unverified = [view.name for view in visible_monitor(monitor, visibility).connections() if not view.tls_verified]
    if not unverified:
        return ()
    names = ", ".join(unverified[:NAMES_IN_BANNER])
    if len(unverified) > NAMES_IN_BANNER:
        names += f" and {len(unverified) - NAMES_IN_BANNER} more"
    return (
        Banner(
            tone="caution",
            mark="m-behind",
            strong=f"TLS is not verified on {names}:",
            text="anyone on the network path can read and change the traffic.",
        ),
    )
