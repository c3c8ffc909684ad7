"""Turns a destination's figures into a verdict. Pure; every time is passed in."""

from collections.abc import Sequence

from signalbox.brokers.model import Destination, Why
from signalbox.monitoring.model import LOSS_ENDED, NEEDS_ATTENTION, SEVERITY, GroupView, Reason, Status, Verdict

HOT_FACTOR = 2.0  # times the mean of the partitions
HOT_PARTITIONS_MIN = 3
HOT_MEAN_MIN = 1.0  # messages/s: below it, chance looks like skew
NEARLY_FULL = 0.9


def judge_destination(destination: Destination, rates: Sequence[float | None], now: float) -> Verdict:
    """Return the most severe problem of a destination itself.

    Args:
        destination: its last reading.
        rates: messages/s by partition, None where unknown.
        now: seconds since the epoch.
    """
    if destination.why is not Why.KNOWN:
        status = Status.NOT_PERMITTED if destination.why is Why.NOT_PERMITTED else Status.UNKNOWN
        return Verdict(status=status, since=now, why=destination.why)
    return (
        _leaderless(destination, now)
        or _not_running(destination, now)
        or _under_replicated(destination, now)
        or _copy_broken(destination, now)
        or _full(destination, now)
        or _nearly_full(destination, now)
        or _hot(destination, rates, now)
        or Verdict(status=Status.OK, since=now)
    )


def judge_consumers(name: str, groups: Sequence[GroupView]) -> Verdict | None:
    """Return what is wrong with the consumer groups of the destination of that name; None if none needs attention."""
    wrong = [
        view for view in groups if view.verdict.status in NEEDS_ATTENTION and view.verdict.destination in (None, name)
    ]
    if not wrong:
        return None
    worst = min(wrong, key=lambda view: (SEVERITY[view.verdict.status], view.verdict.until or 0.0, view.name))
    losing = [view.verdict for view in wrong if view.verdict.status is Status.WILL_LOSE_DATA]
    ended = bool(losing) and all(verdict.reason in LOSS_ENDED for verdict in losing)
    return Verdict(
        status=worst.verdict.status,
        since=worst.verdict.since,
        since_exact=worst.verdict.since_exact,
        until=min((verdict.until for verdict in losing if verdict.until is not None), default=None),
        lost=max((verdict.lost for verdict in losing if verdict.lost is not None), default=None),
        at_least=any(verdict.at_least for verdict in losing),
        lost_at_most=any(verdict.lost_at_most for verdict in losing),
        partitions_affected=len(wrong),
        reason=Reason.LOST_EARLIER if ended else Reason.CONSUMERS,
        detail=worst.name,
    )


def needs_attention(own: Verdict) -> bool:
    """Return whether a destination's own verdict is a problem to act on: skewed keys are worth a note only."""
    return own.status in NEEDS_ATTENTION and own.reason not in (Reason.HOT, Reason.CONSUMERS)


def most_severe(own: Verdict, consumers: Verdict | None) -> Verdict:
    """Return the verdict to show: data loss first, then the destination's own problem, then that of its groups."""
    if consumers is None:
        return own
    if consumers.status is Status.WILL_LOSE_DATA or not needs_attention(own):
        return consumers
    return own


def _leaderless(destination: Destination, now: float) -> Verdict | None:
    partitions = destination.partitions
    if partitions is None:
        return None
    leaderless = sum(why is Why.NO_LEADER for why in partitions.why)
    if leaderless:
        return Verdict(status=Status.BEHIND, since=now, reason=Reason.NO_LEADER, partitions_affected=leaderless)
    unread = [why for why in partitions.why if why is not Why.KNOWN]
    if unread:
        return Verdict(status=Status.UNKNOWN, since=now, why=unread[0], partitions_affected=len(unread))
    return None


def _not_running(destination: Destination, now: float) -> Verdict | None:
    if destination.healthy is not False or _count_under_replicated(destination):
        return None
    return Verdict(status=Status.BEHIND, since=now, reason=Reason.NOT_RUNNING, detail=destination.state)


def _under_replicated(destination: Destination, now: float) -> Verdict | None:
    partitions = _count_under_replicated(destination)
    if not partitions:
        return None
    return Verdict(status=Status.BEHIND, since=now, reason=Reason.UNDER_REPLICATED, partitions_affected=partitions)


def _count_under_replicated(destination: Destination) -> int:
    partitions = destination.partitions
    if partitions is None:
        return 0
    pairs = zip(partitions.replicas, partitions.in_sync, strict=False)
    return sum(len(in_sync) < len(replicas) for replicas, in_sync in pairs)


def _copy_broken(destination: Destination, now: float) -> Verdict | None:
    if not any(origin.broken for origin in destination.origins):
        return None
    return Verdict(status=Status.BEHIND, since=now, reason=Reason.COPY_BROKEN)


def _full(destination: Destination, now: float) -> Verdict | None:
    """Judge what rejects at its limit: it is full when the next message of the mean size does not fit."""
    retention, messages, size = destination.retention, destination.messages, destination.size_bytes
    if retention is None or not retention.rejects or not messages:
        return None
    by_count = retention.messages is not None and messages >= retention.messages
    mean = 0.0 if size is None else size / messages
    by_size = retention.size_bytes is not None and size is not None and size + mean > retention.size_bytes
    return Verdict(status=Status.BEHIND, since=now, reason=Reason.FULL) if by_count or by_size else None


def _nearly_full(destination: Destination, now: float) -> Verdict | None:
    """Judge queues, and logs that reject at the limit; for any other log it is normal to be full."""
    retention = destination.retention
    if retention is None or (destination.partitions is not None and not retention.rejects):
        return None
    by_count = _over(destination.messages, retention.messages)
    if not by_count and not _over(destination.size_bytes, retention.size_bytes):
        return None
    return Verdict(status=Status.BEHIND, since=now, reason=Reason.NEARLY_FULL)


def _over(used: int | None, limit: int | None) -> bool:
    return used is not None and limit is not None and limit > 0 and used >= NEARLY_FULL * limit


def _hot(destination: Destination, rates: Sequence[float | None], now: float) -> Verdict | None:
    partitions = destination.partitions
    known = [rate for rate in rates if rate is not None]
    if partitions is None or len(known) < max(HOT_PARTITIONS_MIN, len(rates)) or len(rates) != len(partitions):
        return None
    mean, highest = sum(known) / len(known), max(known)
    if mean < HOT_MEAN_MIN or highest < HOT_FACTOR * mean:
        return None
    hottest = partitions.index[known.index(highest)]
    return Verdict(status=Status.BEHIND, since=now, reason=Reason.HOT, partition=hottest, partitions_affected=1)
