"""Turns figures into a verdict: status, since when, until when, and why. Pure; every time is passed in.

What the figures do not prove is `unknown`, never a guess.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

from signalbox.brokers.model import UNKNOWN, GroupState, RetentionLimits, Why
from signalbox.monitoring.model import LOSS_ENDED, SEVERITY, Reason, Status, TimeLag, TimeLagMethod, Verdict

LOSS_WITHIN_S = 24 * 3600.0
LOSING_S = 60.0  # a loss that has not grown for so long has ended
REWOUND_SHOWN_S = 600.0
REBALANCE_NORMAL_S = 300.0  # a longer rebalance does not excuse a stall
STILL_INTERVALS = 3
EMPTIED_BY_READING = frozenset(("workqueue", "interest"))  # there the log start follows the consumers
RATE_NOISE = 0.05  # two rates closer than this share of one are equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The limits of a group's statuses, in seconds."""

    ok_below_s: float = 30.0
    stalled_after_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    has_consumers: bool | None  # None = the broker does not report it; see the function `has_consumers`
    batch: bool  # having no members is normal
    interval_s: float
    first_read_at: float  # a state at that time may have begun earlier
    paused: bool = False
    all_listed: bool = False  # there are no consumers besides the members
    unassigned: bool = False  # has members, but none for the partitions in question
    absent_since: float | None = None  # the first reading without consumers, after one with them
    rebalancing_since: float | None = None
    why: Why = Why.KNOWN
    detail: str = ""

    @property
    def paused_reason(self) -> Reason | None:
        if self.unassigned:
            return Reason.UNASSIGNED
        return Reason.PAUSED if self.paused else None

    @property
    def absence_reason(self) -> Reason | None:
        """Why it is normal that the group has no members, or None."""
        return Reason.BATCH if self.batch else self.paused_reason


class PartitionFacts(NamedTuple):
    """One partition by the last readings; UNKNOWN (-1) where an offset is not known.

    A tuple, because a cluster in trouble makes 100,000 of them each sweep.
    """

    destination: str
    partition: int
    why: Why = Why.KNOWN
    lag: int = UNKNOWN
    settled: int = UNKNOWN
    arrived: int = UNKNOWN
    start: int = UNKNOWN
    stable: int = UNKNOWN
    time_lag: TimeLag | None = None
    rate_in: float | None = None
    rate_out: float | None = None
    start_rate: float | None = None  # messages/s by which the log start moves, if it moves steadily
    moved_at: float | None = None  # when `settled` last moved
    still_since: float | None = None  # since when `settled` has not moved while messages wait
    consumer_since: float = 0.0  # when the consumer that reads it joined; 0 = before our readings
    lag_falls: bool | None = None  # over the last readings; None = not known, or neither
    rewound_at: float | None = None
    behind_open_transaction_since: float | None = None  # since when the stable end is below the end
    retention: RetentionLimits | None = None  # None: retention loses no message
    deleted_unread: int = 0  # recently, by a counter of the adapter
    lost_at: float | None = None  # when that counter last rose
    unassigned: bool = False  # no member holds it, whatever members the group has
    deleted: int = UNKNOWN  # unread messages that were deleted, at most; UNKNOWN = start minus settled


def still_limit(interval_s: float, limits: Thresholds) -> float:
    """Return after how many seconds without progress a partition is stalled: at least three readings."""
    return max(limits.stalled_after_s, STILL_INTERVALS * interval_s)


def has_consumers(
    state: GroupState, member_count: int | None, moved_at: float | None, now: float, still_s: float
) -> bool | None:
    """Return whether a group has consumers; None where the broker does not report it.

    Recent commits prove a consumer whatever the state is: Kafka calls a group that uses assign() "Empty".
    """
    if state is GroupState.PAUSED:
        return False
    if moved_at is not None and now - moved_at < still_s:
        return True
    if member_count is not None:
        return member_count > 0
    if state in (GroupState.ACTIVE, GroupState.REBALANCING):
        return True
    return False if state is GroupState.EMPTY else None


def judge_partition(row: PartitionFacts, group: GroupFacts, limits: Thresholds, now: float) -> Verdict:
    return _locate(_judge(row, group, limits, now), row)


def judge_group(
    rows: Collection[PartitionFacts],
    group: GroupFacts,
    limits: Thresholds,
    now: float,
    *,
    lag_falls: bool | None = None,
    all_judged: bool = True,
) -> Verdict:
    """Return the most severe verdict of a group's partitions, and how many partitions share its status.

    Args:
        rows: the partitions that may be other than ok.
        group: the facts that they share.
        limits: the thresholds of the group.
        now: seconds since the epoch.
        lag_falls: whether the lag of the whole group fell over the last readings; None = not known.
        all_judged: False if there are more such partitions than `rows`: then every count is a minimum.
    """
    if group.why is not Why.KNOWN:
        status = Status.NOT_PERMITTED if group.why is Why.NOT_PERMITTED else Status.UNKNOWN
        return Verdict(status=status, since=now, why=group.why, detail=group.detail)
    judged = [(_judge(row, group, limits, now), row) for row in rows]
    wrong = [(verdict, row) for verdict, row in judged if verdict.status not in (Status.OK, Status.NO_MEMBERS)]
    if not wrong:
        return _nothing_late(group, now)
    most_severe, worst_partition = min(wrong, key=_severity_key)
    ends = [verdict.until for verdict, _ in wrong if verdict.status is most_severe.status]
    verdict = _locate(most_severe, worst_partition)
    until = verdict.until
    if verdict.status is Status.CATCHING_UP and lag_falls is False:  # another partition's lag grows by more
        verdict, until = replace(verdict, status=Status.BEHIND), None
    elif verdict.status is Status.CATCHING_UP:  # the group has caught up with its slowest partition
        unknown = None in ends or not all_judged
        until = None if unknown else max(end for end in ends if end is not None)
    lost, at_most = sum(_lost(row) for row in rows) or None, any(row.deleted > 0 for row in rows)
    return replace(
        verdict,
        until=until,
        partitions_affected=len(ends),
        lost=lost,
        lost_at_most=at_most,
        at_least=not all_judged,
    )


def _judge(row: PartitionFacts, group: GroupFacts, limits: Thresholds, now: float) -> Verdict:
    if row.unassigned:
        group = replace(group, has_consumers=False, unassigned=True)
    return (
        _unreadable(row, now)
        or _losing(row, group, limits, now)
        or _without_progress(row, group, limits, now)
        or _rewound(row, now)
        or _flowing(row, group, limits, now)
    )


def _locate(verdict: Verdict, row: PartitionFacts) -> Verdict:
    return replace(
        verdict,
        destination=row.destination,
        partition=row.partition,
        partitions_affected=1,
        lost=_lost(row) or None,
        lost_at_most=row.deleted > 0,
    )


def _lost(row: PartitionFacts) -> int:
    if row.deleted != UNKNOWN:
        return row.deleted
    return max(row.start - row.settled if UNKNOWN < row.settled < row.start else 0, row.deleted_unread)


def _unreadable(row: PartitionFacts, now: float) -> Verdict | None:
    match row.why:
        case Why.KNOWN:
            if row.lag == UNKNOWN:
                return Verdict(status=Status.UNKNOWN, since=now, why=Why.NO_ANSWER)
            return None
        case Why.NEVER_COMMITTED:
            return Verdict(status=Status.NEVER_COMMITTED, since=now, why=row.why)
        case Why.BEYOND_END:
            return Verdict(status=Status.PAST_END, since=now, why=row.why)
        case Why.NOT_PERMITTED:
            return Verdict(status=Status.NOT_PERMITTED, since=now, why=row.why)
        case Why.NO_LEADER | Why.NO_ANSWER | Why.NOT_REPORTED:
            return Verdict(status=Status.UNKNOWN, since=now, why=row.why)


def _losing(row: PartitionFacts, group: GroupFacts, limits: Thresholds, now: float) -> Verdict | None:
    """Return when retention reaches the first unread message, if that is within a day; also what was deleted recently."""
    if row.lost_at is not None:
        reason = Reason.LOST_EARLIER if now - row.lost_at > LOSING_S else Reason.LOST_ALREADY
        return Verdict(status=Status.WILL_LOSE_DATA, since=row.lost_at, reason=reason)
    if row.deleted > 0:
        reason = Reason.LOST_ALREADY if row.lag > 0 else Reason.LOST_ALL
        return Verdict(status=Status.WILL_LOSE_DATA, since=now, reason=reason)
    if row.lag <= 0 or _safe(row, group, limits):
        return None
    if row.deleted == UNKNOWN < row.settled < row.start < row.arrived:
        return Verdict(status=Status.WILL_LOSE_DATA, since=now, reason=Reason.LOST_ALREADY)
    left, reason = _left_by_age(row), Reason.BY_AGE
    left_by_start = _left_by_start(row)
    if left_by_start is not None and (left is None or left_by_start < left):
        left, reason = left_by_start, Reason.BY_COUNT
    if left is None or left > LOSS_WITHIN_S:
        return None
    return Verdict(status=Status.WILL_LOSE_DATA, since=now, until=now + left if left > 0 else None, reason=reason)


def _safe(row: PartitionFacts, group: GroupFacts, limits: Thresholds) -> bool:
    """Return whether retention is far from the first unread message: it is young, or being read in time.

    What is kept for less than the limit never gets old enough to be noticed, so half of that time is the limit then.
    """
    kept_s = _kept_s(row)
    if kept_s is None or kept_s >= limits.ok_below_s:
        return _young(row, limits)
    if group.has_consumers is False:
        return False
    return _young(row, replace(limits, ok_below_s=kept_s / 2))


def _kept_s(row: PartitionFacts) -> float | None:
    """Return for how long the destination keeps a message, read or not; None without a limit or while it is not reached."""
    retention = row.retention
    if retention is None or retention.policy in EMPTIED_BY_READING:
        return None
    kept = [retention.age_s] if retention.age_s is not None else []
    if row.start_rate and UNKNOWN < row.start <= row.arrived:
        kept.append((row.arrived - row.start) / row.start_rate)
    return min(kept, default=None)


def _left_by_age(row: PartitionFacts) -> float | None:
    """Return the seconds until the first unread message reaches the retention time.

    Each second the group reads through `speed` seconds of writing: its rate, over how densely the waiting messages were
    written. Below 1 the age of the first unread message grows.
    """
    age = row.retention.age_s if row.retention is not None else None
    lag = row.time_lag
    if age is None or lag is None or lag.method not in (TimeLagMethod.MEASURED, TimeLagMethod.INTERPOLATED):
        return None
    if row.rate_out is None:
        return None
    speed = row.rate_out * lag.seconds / row.lag
    return (age - lag.seconds) / (1 - speed) if speed < 1 else None


def _left_by_start(row: PartitionFacts) -> float | None:
    retention = row.retention
    if retention is None or (retention.messages is None and retention.size_bytes is None):
        return None
    if retention.policy in EMPTIED_BY_READING or UNKNOWN in (row.start, row.settled):
        return None
    if row.start_rate is None or row.rate_out is None:
        return None
    closing = row.start_rate - row.rate_out
    return (row.settled - row.start) / closing if closing > RATE_NOISE * row.start_rate else None


def _without_progress(row: PartitionFacts, group: GroupFacts, limits: Thresholds, now: float) -> Verdict | None:
    if row.lag <= 0:
        return None
    young = _young(row, limits)
    if row.behind_open_transaction_since is not None and row.settled >= row.stable > UNKNOWN:
        if young or now - row.behind_open_transaction_since < limits.ok_below_s:
            return None
        exact = row.behind_open_transaction_since > group.first_read_at
        return Verdict(status=Status.HELD_BACK, since=row.behind_open_transaction_since, since_exact=exact)
    if group.has_consumers is False:
        return _stopped(row, group, now)
    return None if young else _stalled(row, group, limits, now)


def _stopped(row: PartitionFacts, group: GroupFacts, now: float) -> Verdict:
    since = row.still_since if row.still_since is not None else now
    exact = since > group.first_read_at
    if group.batch:
        return Verdict(status=Status.NO_MEMBERS, since=since, since_exact=exact, reason=Reason.BATCH)
    return Verdict(status=Status.STOPPED, since=since, since_exact=exact, reason=group.paused_reason)


def _stalled(row: PartitionFacts, group: GroupFacts, limits: Thresholds, now: float) -> Verdict | None:
    if not group.has_consumers or row.still_since is None:
        return None
    since = max(row.still_since, row.consumer_since)
    if now - since < still_limit(group.interval_s, limits):
        return None
    if group.rebalancing_since is not None and now - group.rebalancing_since < REBALANCE_NORMAL_S:
        return None
    return Verdict(status=Status.STALLED, since=since, since_exact=since > group.first_read_at)


def _rewound(row: PartitionFacts, now: float) -> Verdict | None:
    if row.rewound_at is None or now - row.rewound_at >= REWOUND_SHOWN_S:
        return None
    return Verdict(status=Status.REWOUND, since=row.rewound_at)


def _flowing(row: PartitionFacts, group: GroupFacts, limits: Thresholds, now: float) -> Verdict:
    if row.lag == 0 or _young(row, limits):
        return _nothing_late(group, now)
    if group.rebalancing_since is not None:
        return Verdict(status=Status.REBALANCING, since=group.rebalancing_since)
    if not _old_enough(row, limits):
        return Verdict(status=Status.UNKNOWN, since=now, reason=Reason.HISTORY_TOO_SHORT)
    if row.rate_in is None or row.rate_out is None or row.rate_out <= row.rate_in or row.lag_falls is False:
        return Verdict(status=Status.BEHIND, since=now)
    return Verdict(status=Status.CATCHING_UP, since=now, until=now + row.lag / (row.rate_out - row.rate_in))


def _nothing_late(group: GroupFacts, now: float) -> Verdict:
    if group.rebalancing_since is not None:
        return Verdict(status=Status.REBALANCING, since=group.rebalancing_since)
    if group.has_consumers is False:
        return Verdict(status=Status.NO_MEMBERS, since=now, reason=group.absence_reason)
    return Verdict(status=Status.OK, since=now)


def _young(row: PartitionFacts, limits: Thresholds) -> bool:
    """Return whether the oldest unread message is proven to be younger than the limit."""
    lag = row.time_lag
    return lag is not None and lag.method is not TimeLagMethod.AT_LEAST and lag.seconds < limits.ok_below_s


def _old_enough(row: PartitionFacts, limits: Thresholds) -> bool:
    """Return whether it is proven to be at least as old as the limit; without any times a lag is enough."""
    lag = row.time_lag
    if lag is None:
        return row.arrived == UNKNOWN
    return lag.lower_bound >= limits.ok_below_s


def data_loss_at(verdict: Verdict) -> float:
    """Return when data is lost, to sort the most urgent first: 0 if it is lost now, infinity if no more loss is foreseen."""
    if verdict.status is not Status.WILL_LOSE_DATA or verdict.reason in LOSS_ENDED:
        return float("inf")
    return verdict.until if verdict.until is not None else 0.0


def _severity_key(judged: tuple[Verdict, PartitionFacts]) -> tuple[int, float, float, str, int]:
    verdict, row = judged
    return SEVERITY[verdict.status], data_loss_at(verdict), verdict.since, row.destination, row.partition
