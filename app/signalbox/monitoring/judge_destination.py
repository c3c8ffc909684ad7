"""What a destination's figures mean. Pure; every time is passed in."""

from collections.abc import Sequence

from signalbox.brokers.model import Destination, Why
from signalbox.monitoring.model import Reason, Status, Verdict

HOT_TIMES = 2.0  # times the mean of its partitions
HOT_PARTITIONS_LEAST = 3
HOT_MEAN_LEAST = 1.0  # a second: below that, chance looks like skew
NEARLY_FULL = 0.9


def judge_destination(
    destination: Destination, rates: Sequence[float | None], loses_at: float | None, now: float, *, losing: bool
) -> Verdict:
    """Return the dearest of what is not well in a destination.

    Args:
        destination: as it was read last.
        rates: messages a second by partition, None where unknown.
        loses_at: when the first reader loses messages to retention; None = none is foreseen, or it does already.
        now: seconds since the epoch.
        losing: whether a reader will lose, or loses, messages.
    """
    if losing:
        return Verdict(status=Status.WILL_LOSE_DATA, since=now, until=loses_at)
    if destination.why is not Why.KNOWN:
        status = Status.NOT_PERMITTED if destination.why is Why.NOT_PERMITTED else Status.UNKNOWN
        return Verdict(status=status, since=now, why=destination.why)
    return (
        _leaderless(destination, now)
        or _not_running(destination, now)
        or _copies(destination, now)
        or _nearly_full(destination, now)
        or _hot(destination, rates, now)
        or Verdict(status=Status.OK, since=now)
    )


def _leaderless(destination: Destination, now: float) -> Verdict | None:
    partitions = destination.partitions
    if partitions is None:
        return None
    without = sum(why is Why.NO_LEADER for why in partitions.why)
    if without:
        return Verdict(status=Status.BEHIND, since=now, reason=Reason.NO_LEADER, partitions_affected=without)
    unread = [why for why in partitions.why if why is not Why.KNOWN]
    if unread:
        return Verdict(status=Status.UNKNOWN, since=now, why=unread[0], partitions_affected=len(unread))
    return None


def _not_running(destination: Destination, now: float) -> Verdict | None:
    if destination.healthy is not False or lacking(destination):
        return None
    return Verdict(status=Status.BEHIND, since=now, reason=Reason.NOT_RUNNING, detail=destination.state)


def _copies(destination: Destination, now: float) -> Verdict | None:
    lacks = lacking(destination)
    if not lacks:
        return None
    return Verdict(status=Status.BEHIND, since=now, reason=Reason.UNDER_REPLICATED, partitions_affected=lacks)


def lacking(destination: Destination) -> int:
    """Return how many partitions lack a copy, as far as the broker tells."""
    partitions = destination.partitions
    if partitions is None:
        return 0
    pairs = zip(partitions.replicas, partitions.in_sync, strict=False)
    return sum(len(in_sync) < len(replicas) for replicas, in_sync in pairs)


def _nearly_full(destination: Destination, now: float) -> Verdict | None:
    """A queue refuses or drops at its limit; a log that is full is how a log works."""
    retention = destination.retention
    if retention is None or destination.partitions is not None:
        return None
    by_count = _over(destination.messages, retention.messages)
    if not by_count and not _over(destination.size_bytes, retention.size_bytes):
        return None
    return Verdict(status=Status.BEHIND, since=now, reason=Reason.NEARLY_FULL)


def _over(used: int | None, most: int | None) -> bool:
    return used is not None and most is not None and most > 0 and used >= NEARLY_FULL * most


def _hot(destination: Destination, rates: Sequence[float | None], now: float) -> Verdict | None:
    partitions = destination.partitions
    known = [rate for rate in rates if rate is not None]
    if partitions is None or len(known) < max(HOT_PARTITIONS_LEAST, len(rates)) or len(rates) != len(partitions):
        return None
    mean, highest = sum(known) / len(known), max(known)
    if mean < HOT_MEAN_LEAST or highest < HOT_TIMES * mean:
        return None
    hottest = partitions.index[known.index(highest)]
    return Verdict(status=Status.BEHIND, since=now, reason=Reason.HOT, partition=hottest, partitions_affected=1)
