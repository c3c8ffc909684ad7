"""What the figures mean: a status, since when, until when, and why. Pure; every time is passed in.

A verdict that the figures do not prove is `unknown`, never a guess: a history that is too short, a row that is not known.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

from signalbox.brokers.model import UNKNOWN, GroupState, Retention, Why
from signalbox.monitoring.model import SEVERITY, Reason, Status, TimeLag, TimeLagMethod, Verdict

LOSS_WITHIN_S = 24 * 3600.0
REWOUND_SHOWN_S = 600.0
REBALANCE_NORMAL_S = 300.0  # one that takes longer hides a standstill
STILL_INTERVALS = 3
EMPTIED_BY_READING = frozenset(("workqueue", "interest"))  # there the oldest kept position follows the readers
STEADY_NOISE = 0.05  # two rates closer than this are alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """When a group is called what. Seconds."""

    ok_below_s: float = 30.0
    stalled_after_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """What holds for all partitions of a group."""

    somebody: bool | None  # whether anybody reads; None = the broker does not tell. See `has_consumers`
    batch: bool  # nobody reading is normal
    interval_s: float
    first_at: float  # when it was first read: what was so then may be older
    paused: bool = False
    rebalancing_since: float | None = None
    why: Why = Why.KNOWN
    detail: str = ""

    @property
    def paused_reason(self) -> Reason | None:
        return Reason.PAUSED if self.paused else None

    @property
    def calm_reason(self) -> Reason | None:
        """Return why nobody reading asks for nobody."""
        return Reason.BATCH if self.batch else self.paused_reason


class PartitionFacts(NamedTuple):
    """One partition as the last readings show it. UNKNOWN (-1) where a position is not known.

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
    start_rate: float | None = None  # how fast the oldest kept position moves, where it moves steadily
    moved_at: float | None = None  # when settled last moved
    still_since: float | None = None  # since when it stands while messages wait
    rewound_at: float | None = None
    hidden_since: float | None = None  # since when the stable end stands below the end
    retention: Retention | None = None  # None: nothing is lost by it


def still_limit(interval_s: float, limits: Thresholds) -> float:
    """Return for how many seconds a position must stand before that means something: at least three readings."""
    return max(limits.stalled_after_s, STILL_INTERVALS * interval_s)


def has_consumers(
    state: GroupState, member_count: int | None, moved_at: float | None, now: float, still_s: float
) -> bool | None:
    """Say whether anybody reads; None where the broker does not tell.

    Commits that move prove a reader whatever the state says: Kafka calls a consumer by assign() "Empty".
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


def judge_partition(row: PartitionFacts, reader: GroupFacts, limits: Thresholds, now: float) -> Verdict:
    """Judge one partition by its last minute."""
    return _of_row(_judge(row, reader, limits, now), row)


def judge_group(
    rows: Collection[PartitionFacts], reader: GroupFacts, limits: Thresholds, now: float, *, waiting: bool
) -> Verdict:
    """Return the verdict of a group's dearest partition, with how many share its status.

    Args:
        rows: the partitions that may be other than ok.
        reader: what holds for all of them.
        limits: when a partition is called what.
        now: seconds since the epoch.
        waiting: whether any message waits on any partition.
    """
    if reader.why is not Why.KNOWN:
        status = Status.NOT_PERMITTED if reader.why is Why.NOT_PERMITTED else Status.UNKNOWN
        return Verdict(status=status, since=now, why=reader.why, detail=reader.detail)
    judged = [(_judge(row, reader, limits, now), row) for row in rows]
    wrong = [(verdict, row) for verdict, row in judged if verdict.status not in (Status.OK, Status.NO_MEMBERS)]
    if not wrong:
        return _quiet(reader, now, waiting=waiting)
    dearest, blamed = min(wrong, key=_dearness)
    ends = [verdict.until for verdict, _ in wrong if verdict.status is dearest.status]
    verdict = _of_row(dearest, blamed)
    until = verdict.until
    if dearest.status is Status.CATCHING_UP:  # done when the slowest is done
        until = None if None in ends else max(end for end in ends if end is not None)
    lost = sum(_lost(row) for row in rows) or None
    return replace(verdict, until=until, partitions_affected=len(ends), lost=lost)


def _judge(row: PartitionFacts, reader: GroupFacts, limits: Thresholds, now: float) -> Verdict:
    return (
        _unreadable(row, now)
        or _losing(row, limits, now)
        or _standing(row, reader, limits, now)
        or _rewound(row, now)
        or _flowing(row, reader, limits, now)
    )


def _of_row(verdict: Verdict, row: PartitionFacts) -> Verdict:
    lost = _lost(row) or None
    return replace(verdict, destination=row.destination, partition=row.partition, partitions_affected=1, lost=lost)


def _lost(row: PartitionFacts) -> int:
    return row.start - row.settled if UNKNOWN < row.settled < row.start else 0


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


def _losing(row: PartitionFacts, limits: Thresholds, now: float) -> Verdict | None:
    """Say when retention reaches the first unread message, if that is within a day."""
    if row.lag <= 0 or _young(row, limits):
        return None
    if UNKNOWN < row.settled < row.start < row.arrived:
        return Verdict(status=Status.WILL_LOSE_DATA, since=now, reason=Reason.LOST_ALREADY)
    left, reason = _left_by_age(row), Reason.BY_AGE
    pushed = _left_by_start(row)
    if pushed is not None and (left is None or pushed < left):
        left, reason = pushed, Reason.BY_COUNT
    if left is None or left > LOSS_WITHIN_S:
        return None
    return Verdict(status=Status.WILL_LOSE_DATA, since=now, until=now + left if left > 0 else None, reason=reason)


def _left_by_age(row: PartitionFacts) -> float | None:
    """Return the seconds until the position is as old as messages are kept.

    The position moves through `speed` seconds of what was written in each second: messages read a second, over how densely
    the waiting ones were written. Below 1 its age grows.
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
    """Return the seconds until the oldest kept position overtakes the group's."""
    kept = row.retention
    if kept is None or (kept.messages is None and kept.size_bytes is None) or kept.policy in EMPTIED_BY_READING:
        return None
    if row.start_rate is None or row.rate_out is None or UNKNOWN in (row.start, row.settled):
        return None
    closing = row.start_rate - row.rate_out
    return (row.settled - row.start) / closing if closing > STEADY_NOISE * row.start_rate else None


def _standing(row: PartitionFacts, reader: GroupFacts, limits: Thresholds, now: float) -> Verdict | None:
    """Say that it stands still, and why: held back, stopped, stalled."""
    if row.lag <= 0 or _young(row, limits):
        return None
    if row.hidden_since is not None and row.settled >= row.stable > UNKNOWN:
        held = now - row.hidden_since >= limits.ok_below_s
        return Verdict(status=Status.HELD_BACK, since=row.hidden_since) if held else None
    return _stopped(row, reader, limits, now) if reader.somebody is False else _stalled(row, reader, limits, now)


def _stopped(row: PartitionFacts, reader: GroupFacts, limits: Thresholds, now: float) -> Verdict | None:
    since = row.still_since if row.still_since is not None else now
    exact = since > reader.first_at
    if reader.batch:
        return Verdict(status=Status.NO_MEMBERS, since=since, since_exact=exact, reason=Reason.BATCH)
    if not _old_enough(row, limits):
        return None
    return Verdict(status=Status.STOPPED, since=since, since_exact=exact, reason=reader.paused_reason)


def _stalled(row: PartitionFacts, reader: GroupFacts, limits: Thresholds, now: float) -> Verdict | None:
    since = row.still_since
    if not reader.somebody or since is None or now - since < still_limit(reader.interval_s, limits):
        return None
    if reader.rebalancing_since is not None and now - reader.rebalancing_since < REBALANCE_NORMAL_S:
        return None
    return Verdict(status=Status.STALLED, since=since, since_exact=since > reader.first_at)


def _rewound(row: PartitionFacts, now: float) -> Verdict | None:
    if row.rewound_at is None or now - row.rewound_at >= REWOUND_SHOWN_S:
        return None
    return Verdict(status=Status.REWOUND, since=row.rewound_at)


def _flowing(row: PartitionFacts, reader: GroupFacts, limits: Thresholds, now: float) -> Verdict:
    """Say whether it keeps up, gains or loses."""
    if row.lag == 0 or _young(row, limits):
        return _quiet(reader, now, waiting=row.lag > 0)
    if reader.rebalancing_since is not None:
        return Verdict(status=Status.REBALANCING, since=reader.rebalancing_since)
    if not _old_enough(row, limits):
        return Verdict(status=Status.UNKNOWN, since=now, reason=Reason.HISTORY_TOO_SHORT)
    if row.rate_in is None or row.rate_out is None or row.rate_out <= row.rate_in:
        return Verdict(status=Status.BEHIND, since=now)
    return Verdict(status=Status.CATCHING_UP, since=now, until=now + row.lag / (row.rate_out - row.rate_in))


def _quiet(reader: GroupFacts, now: float, *, waiting: bool) -> Verdict:
    """Return the verdict where nothing is late."""
    if reader.rebalancing_since is not None:
        return Verdict(status=Status.REBALANCING, since=reader.rebalancing_since)
    if reader.somebody is False and (reader.batch or not waiting):
        return Verdict(status=Status.NO_MEMBERS, since=now, reason=reader.calm_reason)
    return Verdict(status=Status.OK, since=now)


def _young(row: PartitionFacts, limits: Thresholds) -> bool:
    """Say whether the oldest unread message is proven to be younger than the limit."""
    lag = row.time_lag
    return lag is not None and lag.method is not TimeLagMethod.AT_LEAST and lag.seconds < limits.ok_below_s


def _old_enough(row: PartitionFacts, limits: Thresholds) -> bool:
    """Say whether it is proven to be at least as old as the limit; where there are no times at all, a lag is enough."""
    lag = row.time_lag
    if lag is None:
        return row.arrived == UNKNOWN
    return lag.method is not TimeLagMethod.AT_MOST and lag.seconds >= limits.ok_below_s


def _dearness(judged: tuple[Verdict, PartitionFacts]) -> tuple[int, float, float, str, int]:
    verdict, row = judged
    until = verdict.until if verdict.until is not None else float("inf")
    if verdict.status is Status.WILL_LOSE_DATA and verdict.until is None:
        until = 0.0  # it loses now
    return SEVERITY[verdict.status], until, verdict.since, row.destination, row.partition
