"""The monitor's views at one moment: what every page, fragment and API response of monitoring is built from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring.model import ConnectionView, DestinationView, GroupView, LinkState, PartitionView, Status
from signalbox.monitoring.service import Monitor


@dataclass(frozen=True, slots=True)
class MonitoringContext:
    """The views of all connections at `now` (epoch seconds). Created per response; never waits for a broker."""

    monitor: Monitor
    now: float
    connections: Mapping[str, ConnectionView]
    _unreachable: frozenset[str]
    _partitions: dict[tuple[str, str], tuple[PartitionView, ...]] = field(default_factory=dict)

    def is_unreachable(self, connection: str) -> bool:
        """Return whether the state of everything on this connection is unknown now."""
        return connection in self._unreachable

    def status_of(self, view: GroupView | DestinationView) -> Status:
        """Return the status now: unknown on an unreachable connection, whatever was known before."""
        return Status.UNKNOWN if self.is_unreachable(view.connection) else view.verdict.status

    def is_stale(self, connection: str, read_at: float, interval_s: float) -> bool:
        view = self.connections.get(connection)
        connection_stale = view is not None and view.link is LinkState.STALE
        return connection_stale or self.now - read_at > STALE_INTERVALS * interval_s

    def is_stale_group(self, group: GroupView) -> bool:
        return self.is_stale(group.connection, group.read_at, group.interval_s)

    def partitions(self, group: GroupView) -> tuple[PartitionView, ...]:
        """Return a group's partitions. Cached, because judging them is expensive and several parts of a page need them."""
        key = (group.connection, group.name)
        if key not in self._partitions:
            self._partitions[key] = self.monitor.partitions(*key)
        return self._partitions[key]


def monitoring_context(monitor: Monitor) -> MonitoringContext:
    connections = {view.name: view for view in monitor.connections()}
    unreachable = frozenset(
        name for name, view in connections.items() if view.link in {LinkState.DOWN, LinkState.CONNECTING}
    )
    return MonitoringContext(monitor, monitor.now(), connections, unreachable)
