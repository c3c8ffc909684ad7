"""Which partitions of a Kafka group no member holds, although the group has members."""

from signalbox.brokers.model import BrokerKind, Group, GroupState, Member
from signalbox.monitoring.columns import Column
from signalbox.monitoring.window import ReadingWindow


class Assignment:
    """Follows which rows of one group no member holds."""

    def __init__(self, kind: BrokerKind) -> None:
        self.unassigned: frozenset[int] = frozenset()
        self._kind = kind
        self._last: tuple[tuple[Member, ...] | None, Column, GroupState] | None = None
        self._members_at: float | None = None
        self._still_s = 0.0

    def take(self, group: Group, still_s: float) -> None:
        """Take one reading; a consumer that is not listed counts as present for `still_s` after its last commit."""
        last, partitions = self._last, group.positions.partition
        self._members_at, self._still_s = group.members_at, still_s
        if last is None or last[0] is not group.members or last[1] is not partitions or last[2] is not group.state:
            self.unassigned = unassigned_rows(group, self._kind)
            self._last = (group.members, partitions, group.state)

    def is_unassigned(self, row: int, window: ReadingWindow, *, has_lag: bool) -> bool:
        """Return whether no consumer reads a row, judged by members read after its last progress and by its commits."""
        if row not in self.unassigned or self._members_at is None:
            return False
        moved, still_since = window.moved_at(row), window.still_since(row)
        if moved is not None and window.newest.requested_at - moved < self._still_s:
            return False
        return not has_lag or (still_since is not None and self._members_at >= still_since)


def unassigned_rows(group: Group, kind: BrokerKind) -> frozenset[int]:
    """Return the rows that no member holds; none while a member's assignment is unknown, or may change."""
    if kind is not BrokerKind.KAFKA or group.state is not GroupState.ACTIVE or not group.members:
        return frozenset()
    assigned: set[tuple[str, int]] = set()
    for member in group.members:
        if member.assigned is None:
            return frozenset()
        assigned.update((name, partition) for name, partitions in member.assigned.items() for partition in partitions)
    positions = group.positions
    pairs = zip(positions.destination, positions.partition, strict=True)
    names = positions.names
    return frozenset(row for row, (index, partition) in enumerate(pairs) if (names[index], partition) not in assigned)


def is_held(group: Group, destination: str) -> bool:
    """Return whether a member holds any partition of a destination."""
    return any(destination in (member.assigned or {}) for member in group.members or ())


def unassigned_lag(group: Group, kind: BrokerKind, destination: str) -> int:
    """Return how many messages wait on the partitions of a destination that no member holds."""
    positions = group.positions
    rows = [row for row in unassigned_rows(group, kind) if positions.names[positions.destination[row]] == destination]
    return sum(max(0, positions.lag[row]) for row in rows)
