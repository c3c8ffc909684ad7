"""Unread messages that limits, a time to live or a purge removed, as counted by the adapter. Pure; every time is passed in."""

from signalbox.brokers.model import Group
from signalbox.monitoring.model import SEVERITY, Reason, Status, Verdict

SHOWN_S = 1800.0  # a loss stays the status for half an hour after the last one


class Removals:
    """Follows the counter of removed unread messages of one group."""

    def __init__(self) -> None:
        self._before: int | None = None
        self._total = 0
        self.since: float | None = None  # when the first of the present losses was seen
        self._last_at = 0.0

    def follow(self, group: Group, at: float) -> None:
        """Take the counter of one reading; unknown changes nothing, and a fall is a new beginning."""
        now = group.removed_unread
        if now is None:
            return
        grown = now - self._before if self._before is not None else now
        self._before = now
        if grown <= 0:
            return
        if self.since is None or at - self._last_at > SHOWN_S:
            self.since, self._total = at, 0
        self._total, self._last_at = self._total + grown, at

    def judge(self, raw: Verdict, group: Group, now: float) -> Verdict:
        """Return the loss if it is more severe than the verdict, which may be a loss that is only foreseen."""
        if (
            self.since is None
            or now - self._last_at > SHOWN_S
            or SEVERITY[raw.status] < SEVERITY[Status.WILL_LOSE_DATA]
        ):
            return raw
        return Verdict(
            status=Status.WILL_LOSE_DATA,
            since=self.since,
            lost=self._total,
            lost_at=self._last_at,
            reason=Reason.REMOVED_UNREAD,
            destination=group.destinations[0] if group.destinations else None,
        )
