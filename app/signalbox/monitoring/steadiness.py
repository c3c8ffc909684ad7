"""Which verdict a page shows while one reading differs from the ones before: always one that its figures do not contradict."""

from dataclasses import replace

from signalbox.monitoring.confirmation import OWN_BEGINNING, VerdictState, confirm
from signalbox.monitoring.model import SEVERITY, Before, Flow, Reason, Status, TimeLagMethod, Verdict

NO_PROOF = frozenset((Status.UNKNOWN, Status.NOT_PERMITTED))  # a reading without figures contradicts nothing
_NEVER_KEPT = frozenset((*NO_PROOF, Status.STOPPED, Status.NO_MEMBERS, Status.CATCHING_UP, Status.REBALANCING))
_LATE = frozenset((Status.BEHIND, Status.CATCHING_UP))
_KEPT_WHILE_BETTER = {Status.WILL_LOSE_DATA: None, Status.BEHIND: Status.CATCHING_UP}
"""Statuses that stay for one reading although the last one is better; by the one better status, or None for any."""


class SteadyVerdict:
    """Confirms a changed status by a second reading, and shows meanwhile what fits the figures of the first."""

    def __init__(self, ok_below_s: float = 0.0) -> None:
        self._ok_below_s = ok_below_s
        self.restart()

    @property
    def confirmed(self) -> Verdict | None:
        """The status that two readings agree on: the one that recent changes tell."""
        return None if self._state is None else self._state.verdict

    @property
    def is_settled(self) -> bool:
        return self._state is not None and self._state.candidate is None

    def restart(self) -> None:
        """Forget all readings."""
        self._state: VerdictState | None = None
        self._last: Status | None = None  # by the last reading
        self._agreed = Before(status=Status.UNKNOWN, at=0.0)  # the last reading that showed the confirmed status

    def take(self, raw: Verdict, now: float, flow: Flow | None = None) -> Verdict:
        """Take the judgement of a reading with its figures; return the verdict to show with them."""
        state = self._state = confirm(self._state, raw, now)
        unproven = raw.status is not self._last and raw.status is not self._agreed.status
        self._last = raw.status
        if raw.status is state.verdict.status:
            self._agreed = Before(status=raw.status, at=now, time_lag=flow.time_lag if flow is not None else None)
        if raw.status is Status.STOPPED and unproven:  # one reading proves only that there is no consumer now
            return replace(state.verdict if state.candidate is None else raw, status=Status.NO_MEMBERS)
        if state.candidate is None or state.verdict.reason is Reason.HISTORY_TOO_SHORT:
            return state.verdict
        if self._is_kept(state.verdict.status, raw.status, flow):
            return replace(state.verdict, before=self._agreed, newest=raw)
        return replace(raw, since=raw.since if raw.status in OWN_BEGINNING else now, before=self._agreed)

    def _is_kept(self, kept: Status, raw: Status, flow: Flow | None) -> bool:
        if flow is not None and self._contradicts(kept, flow):
            return False
        if raw in NO_PROOF:
            return kept not in NO_PROOF
        if SEVERITY[raw] < SEVERITY[kept]:
            return kept not in _NEVER_KEPT
        return kept in _KEPT_WHILE_BETTER and _KEPT_WHILE_BETTER[kept] in (None, raw)

    def _contradicts(self, kept: Status, flow: Flow) -> bool:
        """Return whether figures rule a status out: no lag, or only messages younger than the limit."""
        if SEVERITY[kept] > SEVERITY[Status.BEHIND] and kept is not Status.CATCHING_UP:
            return False
        if flow.lag == 0:
            return True
        lag = flow.time_lag
        young = lag is not None and lag.method is not TimeLagMethod.AT_LEAST and lag.seconds < self._ok_below_s
        return young and kept in (*_LATE, Status.WILL_LOSE_DATA)
