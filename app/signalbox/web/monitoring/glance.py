"""What a page is drawn from: the monitor's views, and now."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring.model import ConnectionView, DestinationView, GroupView, LinkState, PartitionView, Status
from signalbox.monitoring.service import Monitor


@dataclass(frozen=True, slots=True)
class Glance:
    """One moment's view of everything. Made per answer; asks nobody."""

    monitor: Monitor
    now: float
    links: Mapping[str, ConnectionView]
    _unseen: frozenset[str]
    _partitions: dict[tuple[str, str], tuple[PartitionView, ...]] = field(default_factory=dict)

    def unseen(self, connection: str) -> bool:
        """Say whether nothing is known just now of what is on this connection."""
        return connection in self._unseen

    def status_of(self, view: GroupView | DestinationView) -> Status:
        """Return how a group or destination is as far as anybody knows just now: what was so before its connection broke is not."""
        return Status.UNKNOWN if view.connection in self._unseen else view.verdict.status

    def stale(self, connection: str, read_at: float, interval_s: float) -> bool:
        view = self.links.get(connection)
        is_stale = view is not None and view.link is LinkState.STALE
        return is_stale or self.now - read_at > STALE_INTERVALS * interval_s

    def stale_group(self, group: GroupView) -> bool:
        return self.stale(group.connection, group.read_at, group.interval_s)

    def partitions(self, group: GroupView) -> tuple[PartitionView, ...]:
        """Return a group's partitions, judged once for all parts of a page: judging costs."""
        key = (group.connection, group.name)
        if key not in self._partitions:
            self._partitions[key] = self.monitor.partitions(*key)
        return self._partitions[key]


def glance(monitor: Monitor) -> Glance:
    links = {view.name: view for view in monitor.connections()}
    unseen = frozenset(name for name, view in links.items() if view.link in {LinkState.DOWN, LinkState.CONNECTING})
    return Glance(monitor, monitor.now(), links, unseen)
