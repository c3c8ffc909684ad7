"""Confirms readings: a changed status needs two, and a message's timestamp must agree with our own readings. Pure."""

from dataclasses import dataclass, replace

from signalbox.monitoring.model import Reason, Status, TimeLag, TimeLagMethod, Verdict

OWN_BEGINNING = frozenset((Status.STALLED, Status.STOPPED, Status.HELD_BACK, Status.REWOUND))
"""Statuses whose verdict has the true beginning; the others begin with the reading that showed them first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictState:
    """The confirmed verdict, and the status that the last reading showed instead, if any."""

    verdict: Verdict
    candidate: Status | None = None
    candidate_since: float = 0.0


def confirm(state: VerdictState | None, raw: Verdict, now: float) -> VerdictState:
    """Accept a changed status on its second reading; keep its beginning, and never an end in the past.

    The first verdict is accepted at once, and so is the first after "history too short".
    """
    raw = _without_past_end(raw, now)
    before = state.verdict if state is not None else None
    if (
        state is None
        or before is None
        or (before.reason is Reason.HISTORY_TOO_SHORT and raw.status is not before.status)
    ):
        return VerdictState(verdict=raw if raw.status in OWN_BEGINNING else replace(raw, since_exact=False))
    if raw.status is before.status:
        own = raw.status in OWN_BEGINNING
        return VerdictState(verdict=raw if own else replace(raw, since=before.since, since_exact=before.since_exact))
    if state.candidate is not raw.status:
        return VerdictState(verdict=_without_past_end(before, now), candidate=raw.status, candidate_since=now)
    since = raw.since if raw.status in OWN_BEGINNING else state.candidate_since
    return VerdictState(verdict=replace(raw, since=since))


def _without_past_end(verdict: Verdict, now: float) -> Verdict:
    return replace(verdict, until=verdict.until if verdict.until is not None and verdict.until > now else None)


def choose_time_lag(
    own: TimeLag | None, measured: TimeLag | None, bounds: tuple[float, float] | None
) -> TimeLag | None:
    """Choose between the time lag of our own readings and the one by the message's timestamp.

    Args:
        own: from our readings, by our clock.
        measured: by the clock of the broker or the producer.
        bounds: the ages that our readings allow, in seconds; a time outside them comes from a different clock.
    """
    if measured is None:
        return own
    if own is not None and own.seconds == 0.0:
        return own  # no messages are waiting
    if bounds is not None and not bounds[0] <= measured.seconds <= bounds[1]:
        return own
    if measured.method is not TimeLagMethod.AT_MOST or own is None:
        return measured
    if own.method is TimeLagMethod.AT_LEAST and own.seconds < measured.seconds:  # neither bound discards the other
        return replace(measured, at_least=max(own.seconds, measured.at_least))
    return own if own.method in (TimeLagMethod.INTERPOLATED, TimeLagMethod.AT_LEAST) else measured
