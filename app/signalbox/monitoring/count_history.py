"""The last counts of a group without offsets: one reading of an approximate count says little."""

from collections import deque
from collections.abc import Sequence

from signalbox.brokers.model import Group, Why
from signalbox.monitoring.judge import GroupFacts
from signalbox.monitoring.judge_count import TREND_READINGS, judge_count
from signalbox.monitoring.model import Reason, Status, Verdict

COUNTS_MAX = 10


class CountHistory:
    """Takes every reading of one group."""

    def __init__(self) -> None:
        self._counts: deque[int] = deque(maxlen=COUNTS_MAX)
        self._in_flight: deque[int | None] = deque(maxlen=TREND_READINGS)

    def take(self, group: Group) -> None:
        self._in_flight.append(group.in_flight)
        if group.lag is not None:
            self._counts.append(group.lag)

    def judge(self, group: Group, exact: Sequence[int], facts: GroupFacts, now: float) -> Verdict:
        """Judge the group by its approximate counts, or by `exact` ones of the last minute, oldest first."""
        deleted = sum(group.positions.deleted or ())
        if deleted and facts.why is Why.KNOWN:
            reason = Reason.LOST_ALREADY if group.lag else Reason.LOST_ALL
            return Verdict(status=Status.WILL_LOSE_DATA, since=now, reason=reason, lost=deleted, lost_at_most=True)
        in_flight = [count for count in self._in_flight if count is not None]
        lags = self._counts if group.approximate else exact
        return judge_count(
            list(lags) if group.lag is not None else [],  # without the present count the earlier ones say nothing
            facts,
            now,
            approximate=group.approximate,
            in_flight=max(in_flight) if len(in_flight) == len(self._in_flight) else None,
            deliverable=group.waiting != 0,
        )
