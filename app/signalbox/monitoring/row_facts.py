"""What the rows of a group and its destinations say together. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from signalbox.brokers.model import UNKNOWN, Destination, Group, Member, Positions, RetentionLimits
from signalbox.monitoring.judge import PartitionFacts
from signalbox.monitoring.model import Status, Verdict


def lost_rows(positions: Positions) -> set[int]:
    """Return the rows of which unread messages were deleted."""
    rows: set[int] = set()
    if positions.start is not None:
        offsets = zip(positions.start, positions.settled, positions.arrived, strict=True)
        rows.update(row for row, (start, settled, end) in enumerate(offsets) if UNKNOWN < settled < start < end)
    if positions.deleted is not None:
        rows.update(row for row, deleted in enumerate(positions.deleted) if deleted > 0)
    return rows


def open_transactions(group: Group, before: Mapping[int, tuple[int, float]], at: float) -> dict[int, tuple[int, float]]:
    """Return the rows whose stable end lies below the end because of an open transaction, and since when."""
    positions = group.positions
    if positions.stable is None:
        return {}
    return {
        row: before[row] if row in before and before[row][0] == stable else (stable, at)
        for row, (stable, end) in enumerate(zip(positions.stable, positions.arrived, strict=True))
        if UNKNOWN < stable < end
    }


def retention_that_loses(names: Iterable[str], destinations: Mapping[str, Destination]) -> dict[str, RetentionLimits]:
    """Return the retention of the destinations where it loses unread messages: not where they are dead-lettered."""
    retention = {}
    for name in names:
        destination = destinations.get(name)
        if destination is None or destination.retention is None or destination.dead_letters_to is not None:
            continue
        if destination.retention.policy != "compact":
            retention[name] = destination.retention
    return retention


def caught_up_at(rows: Sequence[PartitionFacts], now: float) -> float | None:
    ends = []
    for row in rows:
        if row.lag <= 0:
            continue
        if row.rate_in is None or row.rate_out is None or row.rate_out <= row.rate_in:
            return None
        ends.append(now + row.lag / (row.rate_out - row.rate_in))
    return max(ends, default=None)


def owners_of(group: Group) -> dict[tuple[str, int], Member]:
    return {
        (name, index): member
        for member in group.members or ()
        for name, indices in (member.assigned or {}).items()
        for index in indices
    }


def end_of_lag(judged: Verdict, rows: Sequence[PartitionFacts], now: float) -> float | None:
    """Return when the lag is gone at the net rate: the same time that a sentence about catching up tells."""
    if judged.status is Status.CATCHING_UP:
        return judged.until
    return caught_up_at(rows, now) if judged.status is Status.OK else None
