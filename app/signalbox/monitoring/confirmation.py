"""What is believed of a reading: a changed status only from the second on, a message's time only if our readings allow it. Pure."""

from dataclasses import dataclass, replace

from signalbox.monitoring.model import Reason, Status, TimeLag, TimeLagMethod, Verdict

_SINCE_IS_A_FACT = frozenset((Status.STALLED, Status.STOPPED, Status.HELD_BACK, Status.REWOUND))


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictState:
    """What was said of a group, and what the last reading would say if it were believed at once."""

    verdict: Verdict
    candidate: Status | None = None
    candidate_since: float = 0.0


def confirm(memory: VerdictState | None, raw: Verdict, now: float) -> VerdictState:
    """Believe a changed status when a second reading says the same; keep its beginning, and never an end in the past.

    The first verdict is taken as it is, and so is the first after "watched too shortly to tell".
    """
    raw = replace(raw, until=raw.until if raw.until is not None and raw.until > now else None)
    if memory is None:
        return VerdictState(verdict=raw if raw.status in _SINCE_IS_A_FACT else replace(raw, since_exact=False))
    before = memory.verdict
    if raw.status is before.status:
        known = raw.status in _SINCE_IS_A_FACT
        return VerdictState(verdict=raw if known else replace(raw, since=before.since, since_exact=before.since_exact))
    if before.reason is Reason.HISTORY_TOO_SHORT:
        return VerdictState(verdict=raw if raw.status in _SINCE_IS_A_FACT else replace(raw, since_exact=False))
    if memory.candidate is not raw.status:
        kept = replace(before, until=before.until if before.until is not None and before.until > now else None)
        return VerdictState(verdict=kept, candidate=raw.status, candidate_since=now)
    since = raw.since if raw.status in _SINCE_IS_A_FACT else memory.candidate_since
    return VerdictState(verdict=replace(raw, since=since))


def choose_time_lag(
    own: TimeLag | None, measured: TimeLag | None, bounds: tuple[float, float] | None
) -> TimeLag | None:
    """Choose between what our own history shows and what the broker's time of the message says.

    Args:
        own: from our readings; its clock is ours.
        measured: by the clock of the broker or of whoever wrote the message.
        bounds: between which ages our readings prove it to be, seconds; a time outside them comes from a clock that differs.
    """
    if measured is None:
        return own
    if own is not None and own.seconds == 0.0:
        return own  # nothing waits
    if bounds is not None and not bounds[0] <= measured.seconds <= bounds[1]:
        return own
    if measured.method is TimeLagMethod.AT_MOST and own is not None and own.method is TimeLagMethod.INTERPOLATED:
        return own
    return measured
