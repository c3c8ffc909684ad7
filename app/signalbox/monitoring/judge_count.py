"""What a bare count means. Pure; every time is passed in."""

from collections.abc import Sequence

from signalbox.brokers.model import Why
from signalbox.monitoring.judge import GroupFacts
from signalbox.monitoring.model import Reason, Status, Verdict

SLACK_SHARE = 0.1  # how much of a count is noise
SLACK_MESSAGES = 10
TREND_READINGS = 3


def judge_count(
    lags: Sequence[int], reader: GroupFacts, now: float, *, approximate: bool, taken: int | None
) -> Verdict:
    """Judge a group of which only a count is known: no positions, no rates (SQS, share groups, RabbitMQ without statistics).

    A count that stands or falls is ok, one that grows is behind; it never proves "caught up" and has no time left.

    Args:
        lags: the counts over the last minute or three readings, oldest first.
        reader: what is known of who reads.
        now: seconds since the epoch.
        approximate: the broker calls the count approximate.
        taken: how many are handed out just now; None = not told.
    """
    if reader.why is not Why.KNOWN or not lags:
        if reader.why is Why.KNOWN and reader.somebody is False:
            return Verdict(status=Status.NO_MEMBERS, since=now, reason=reader.calm_reason)
        status = Status.NOT_PERMITTED if reader.why is Why.NOT_PERMITTED else Status.UNKNOWN
        return Verdict(status=status, since=now, why=reader.why, detail=reader.detail)
    if reader.somebody is False:
        return _nobody(lags, reader, now)
    if len(lags) < TREND_READINGS:
        return Verdict(status=Status.UNKNOWN, since=now, reason=Reason.HISTORY_TOO_SHORT)
    slack = max(SLACK_MESSAGES, SLACK_SHARE * lags[0])
    if lags[-1] > lags[0] + slack:
        return Verdict(status=Status.BEHIND, since=now, reason=Reason.COUNT_ONLY)
    if approximate and taken == 0 and min(lags) > 0 and lags[-1] >= lags[0]:
        return Verdict(status=Status.BEHIND, since=now, reason=Reason.NONE_IN_FLIGHT)
    return Verdict(status=Status.OK, since=now, reason=Reason.COUNT_ONLY)


def _nobody(lags: Sequence[int], reader: GroupFacts, now: float) -> Verdict:
    if reader.batch or lags[-1] == 0:
        return Verdict(status=Status.NO_MEMBERS, since=now, reason=reader.calm_reason)
    if len(lags) >= TREND_READINGS and lags[-1] < lags[0]:
        return Verdict(status=Status.OK, since=now, reason=Reason.COUNT_ONLY)  # something takes them all the same
    return Verdict(status=Status.STOPPED, since=reader.first_at, since_exact=False, reason=reader.paused_reason)
