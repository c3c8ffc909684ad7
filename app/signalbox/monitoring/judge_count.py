"""Turns a bare message count into a verdict. Pure; every time is passed in."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from signalbox.brokers.model import Why
from signalbox.monitoring.judge import GroupFacts
from signalbox.monitoring.model import Reason, Status, Verdict

NOISE_SHARE = 0.1  # of a count
NOISE_MESSAGES = 10
TREND_READINGS = 3
JITTER_READINGS = 6


def judge_count(
    lags: Sequence[int],
    group: GroupFacts,
    now: float,
    *,
    approximate: bool,
    in_flight: int | None,
    deliverable: bool = True,
) -> Verdict:
    """Judge a group without offsets and rates: SQS, Kafka share groups, RabbitMQ without statistics.

    A steady or falling count is ok, a growing one is behind. A count never proves "caught up" and has no time left.

    Args:
        lags: the counts over the last minute or three readings, approximate ones over ten, oldest first.
        group: the facts about the group.
        now: seconds since the epoch.
        approximate: whether the broker calls the count approximate.
        in_flight: messages delivered and not acknowledged, the most of the last readings; None = not reported.
        deliverable: whether a consumer could receive one of the messages now: delayed ones it cannot.
    """
    if group.why is not Why.KNOWN or not lags:
        if group.why is Why.KNOWN and group.has_consumers is False:
            return Verdict(status=Status.NO_MEMBERS, since=now, reason=group.absence_reason)
        status = Status.NOT_PERMITTED if group.why is Why.NOT_PERMITTED else Status.UNKNOWN
        return Verdict(status=status, since=now, why=group.why, detail=group.detail)
    if group.has_consumers is False:
        return _no_consumers(lags, group, now)
    if lags[-1] == 0 and not approximate:
        return Verdict(status=Status.OK, since=now, reason=Reason.COUNT_ONLY)
    if len(lags) < TREND_READINGS:
        return Verdict(status=Status.UNKNOWN, since=now, reason=Reason.HISTORY_TOO_SHORT)
    if _grows(lags) if approximate else lags[-1] > lags[0] + _noise(lags[0]):
        return Verdict(status=Status.BEHIND, since=now, reason=Reason.COUNT_ONLY)
    if approximate and in_flight == 0 and deliverable and min(lags) > 0 and not _falls(lags):
        return Verdict(status=Status.BEHIND, since=now, reason=Reason.NONE_IN_FLIGHT)
    return Verdict(status=Status.OK, since=now, reason=Reason.COUNT_ONLY)


def _noise(count: int) -> float:
    return max(NOISE_MESSAGES, NOISE_SHARE * count)


def _grows(lags: Sequence[int]) -> bool:
    """Return whether an approximate count grows: each of the later readings is above each of the earlier ones.

    A few readings must grow each time, and by half.
    """
    if len(lags) < JITTER_READINGS:
        return all(a < b for a, b in pairwise(lags)) and lags[-1] > 1.5 * lags[0] + NOISE_MESSAGES
    earlier, later = lags[: len(lags) // 2], lags[len(lags) // 2 :]
    return min(later) > max(earlier) and median(later) > median(earlier) + _noise(max(earlier))


def _falls(lags: Sequence[int]) -> bool:
    """Return whether an approximate count falls: each of the later readings is below each of the earlier ones."""
    return max(lags[len(lags) // 2 :]) < min(lags[: len(lags) // 2])


def _no_consumers(lags: Sequence[int], group: GroupFacts, now: float) -> Verdict:
    if group.batch or lags[-1] == 0:
        return Verdict(status=Status.NO_MEMBERS, since=now, reason=group.absence_reason)
    if len(lags) >= TREND_READINGS and lags[-1] < lags[0] and not group.all_listed:
        return Verdict(status=Status.OK, since=now, reason=Reason.COUNT_ONLY)  # an unreported consumer takes messages
    since = group.absent_since
    return Verdict(
        status=Status.STOPPED,
        since=group.first_read_at if since is None else since,
        since_exact=since is not None,
        reason=group.paused_reason,
    )
