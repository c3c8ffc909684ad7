"""Turns a bare message count into a verdict. Pure; every time is passed in."""

from collections.abc import Sequence

from signalbox.brokers.model import Why
from signalbox.monitoring.judge import GroupFacts
from signalbox.monitoring.model import Reason, Status, Verdict

NOISE_SHARE = 0.1  # of a count
NOISE_MESSAGES = 10
TREND_READINGS = 3


def judge_count(
    lags: Sequence[int], group: GroupFacts, now: float, *, approximate: bool, in_flight: int | None
) -> Verdict:
    """Judge a group without offsets and rates: SQS, Kafka share groups, RabbitMQ without statistics.

    A steady or falling count is ok, a growing one is behind. A count never proves "caught up" and has no time left.

    Args:
        lags: the counts over the last minute or three readings, oldest first.
        group: the facts about the group.
        now: seconds since the epoch.
        approximate: whether the broker calls the count approximate.
        in_flight: messages delivered and not acknowledged; None = not reported.
    """
    if group.why is not Why.KNOWN or not lags:
        if group.why is Why.KNOWN and group.has_consumers is False:
            return Verdict(status=Status.NO_MEMBERS, since=now, reason=group.absence_reason)
        status = Status.NOT_PERMITTED if group.why is Why.NOT_PERMITTED else Status.UNKNOWN
        return Verdict(status=status, since=now, why=group.why, detail=group.detail)
    if group.has_consumers is False:
        return _no_consumers(lags, group, now)
    if len(lags) < TREND_READINGS:
        return Verdict(status=Status.UNKNOWN, since=now, reason=Reason.HISTORY_TOO_SHORT)
    noise = max(NOISE_MESSAGES, NOISE_SHARE * lags[0])
    if lags[-1] > lags[0] + noise:
        return Verdict(status=Status.BEHIND, since=now, reason=Reason.COUNT_ONLY)
    if approximate and in_flight == 0 and min(lags) > 0 and lags[-1] >= lags[0]:
        return Verdict(status=Status.BEHIND, since=now, reason=Reason.NONE_IN_FLIGHT)
    return Verdict(status=Status.OK, since=now, reason=Reason.COUNT_ONLY)


def _no_consumers(lags: Sequence[int], group: GroupFacts, now: float) -> Verdict:
    if group.batch or lags[-1] == 0:
        return Verdict(status=Status.NO_MEMBERS, since=now, reason=group.absence_reason)
    if len(lags) >= TREND_READINGS and lags[-1] < lags[0]:
        return Verdict(status=Status.OK, since=now, reason=Reason.COUNT_ONLY)  # an unreported consumer takes messages
    since = group.absent_since
    return Verdict(
        status=Status.STOPPED,
        since=group.first_read_at if since is None else since,
        since_exact=since is not None,
        reason=group.paused_reason,
    )
