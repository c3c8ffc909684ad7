"""Actions of the audit log as table rows. A tampered row can hold any type and any length."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from signalbox.kernel import figures
from signalbox.security.audit.chain import TimedVerification
from signalbox.security.audit.model import AuditEntry, Outcome
from signalbox.security.model import Via
from signalbox.web.access import ANONYMOUS
from signalbox.web.lists import StatusLabel
from signalbox.web.security.audit.parameter_tree import ParameterNode, parameter_tree
from signalbox.web.security.user_agents import browser_name

TIME_MAX_S: Final = 253_402_300_799  # the end of year 9999, the last date that Python knows
HASH_ENDS: Final = 4  # hexadecimal digits shown at each end
NO_OUTCOME: Final = "Signalbox stopped before the action ended, or could not record the outcome."
STILL_RUNNING: Final = "Running in this process."
NO_OUTCOME_OF_CLI: Final = "The command may still be running, or was interrupted."
CHANNELS: Final[Mapping[str, str]] = {
    Via.PAGE: "web page",
    Via.API: "API",
    Via.SOCKET: "live page",
    Via.CLI: "command line",
}

OUTCOMES: Final = {
    Outcome.DONE: StatusLabel("clear", "m-done", "done"),
    Outcome.FAILED: StatusLabel("danger", "m-failed", "failed"),
    Outcome.REFUSED: StatusLabel("danger", "m-failed", "denied"),
    Outcome.INTERRUPTED: StatusLabel("caution", "m-paused", "interrupted"),
}
RUNNING: Final = StatusLabel("motion", "m-running", "running")
TAMPERING: Final = StatusLabel("danger", "m-failed", "tampering found")
VERIFY_NAME: Final = "verify audit log"
INTACT: Final = "intact up to row "  # the detail of a verification that found no tampering
UNKNOWN: Final = StatusLabel("caution", "m-doubt", "no result recorded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hash:
    short: str
    full: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDetail:
    """What an open row shows besides the row."""

    parameters: tuple[ParameterNode, ...]
    reason: str
    outcome_row: str  # "row 18,201", or why there is none
    ended_at: float | None
    duration: str
    outcome_text: str
    channel: str
    request: str
    browser: str
    agent: str
    hash: Hash
    previous: Hash
    chain: StatusLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    id: str
    href: str  # opens the row, or closes it
    at: float | None
    actor: str
    origin: str
    action: str
    target: str
    resource: str
    status: StatusLabel
    outcome_text: str
    warning: str  # what the last verification found wrong with the row
    duration: str
    duration_note: str
    number: str
    outcome_row: str
    detail: ActionDetail | None  # None: the row is closed


def action_row(
    line: AuditEntry, *, now: float, running: bool, href: str, checked: TimedVerification | None, is_open: bool
) -> ActionRow:
    """Return the table row of an action. `running`: the action runs in this process."""
    duration, note = _duration(line, now, running=running)
    return ActionRow(
        id=f"row-{line.row}",
        href=href,
        at=seconds(line.at_us),
        actor=actor_name(line.actor),
        origin=_origin(line),
        action=str(line.action),
        target=str(line.target),
        resource=str(line.resource),
        status=outcome_status(line, running=running),
        outcome_text=str(line.detail) or ("" if line.outcome or running else "check whether it ran"),
        warning=_warning(line, checked),
        duration=duration,
        duration_note=note,
        number=figures.number(line.row),
        outcome_row=_outcome_row(line, running=running),
        detail=_detail(line, running=running, checked=checked) if is_open else None,
    )


def _found_tampering(line: AuditEntry) -> bool:
    detail = str(line.detail)
    return (
        line.action == VERIFY_NAME and line.outcome == Outcome.DONE and bool(detail) and not detail.startswith(INTACT)
    )


def actor_name(actor: object) -> str:
    return "not signed in" if actor == ANONYMOUS else str(actor)


def _warning(line: AuditEntry, checked: TimedVerification | None) -> str:
    """Return "changed, do not trust" if the last verification found a problem with the row or its outcome row."""
    numbers = [number for number in (line.row, line.outcome_row) if number is not None]
    for finding in checked.verification.findings if checked else ():
        if any(finding.first <= number <= finding.last for number in numbers):
            return f"{finding.kind}, do not trust"
    return ""


def outcome_status(line: AuditEntry, *, running: bool) -> StatusLabel:
    if running:
        return RUNNING
    if not line.outcome:
        return UNKNOWN
    if _found_tampering(line):
        return TAMPERING
    known = next((outcome for outcome in Outcome if outcome == line.outcome), None)
    return OUTCOMES[known] if known else StatusLabel("quiet", "m-unknown", "unknown")


def chain_status(row: int, checked: TimedVerification | None) -> StatusLabel:
    """Return what the last verification found for one row."""
    if checked is None:
        return StatusLabel("quiet", "m-unknown", "not verified since Signalbox started")
    verification, at = checked.verification, figures.utc_time(checked.at, checked.at)
    fault = next((finding.kind for finding in verification.findings if finding.first <= row <= finding.last), None)
    if fault is not None:
        return StatusLabel("danger", "m-failed", f"{fault}, found at {at}")
    if row > verification.end.row:
        return StatusLabel("quiet", "m-unknown", f"added after the verification at {at}")
    if row > verification.intact_to or row <= verification.start.row:
        return StatusLabel("caution", "m-doubt", "consistent, but builds on a row that is not intact")
    return StatusLabel("clear", "m-done", f"intact, verified at {at}")


def shortened(hash_: object) -> Hash:
    """Return a hash with its ends only, and in full. Text that is not a hash stays as it is."""
    text = hash_.hex() if isinstance(hash_, bytes) else str(hash_)
    short = text if len(text) <= 2 * HASH_ENDS + 1 else f"{text[:HASH_ENDS]}…{text[-HASH_ENDS:]}"
    return Hash(short=short, full=text)


def seconds(at_us: object) -> float | None:
    """Convert microseconds to seconds; None for anything that is not a time."""
    if not isinstance(at_us, int) or not 0 <= at_us <= TIME_MAX_S * 1e6:
        return None
    return at_us / 1e6


def _origin(line: AuditEntry) -> str:
    channel = "" if line.via == Via.PAGE else CHANNELS.get(line.via, "")
    return ", ".join(text for text in (str(line.address), channel) if text)


def _duration(line: AuditEntry, now: float, *, running: bool) -> tuple[str, str]:
    at, took_us = seconds(line.at_us), line.took_us
    if running and at is not None:
        return figures.duration(now - at), "so far"
    if line.outcome == Outcome.REFUSED and line.outcome_row is None:
        return "not started", ""
    return figures.duration(took_us / 1e6 if isinstance(took_us, int | float) else None), ""


def _outcome_row(line: AuditEntry, *, running: bool) -> str:
    if line.outcome_row is not None:
        return f"outcome {figures.number(line.outcome_row)}"
    if line.outcome == Outcome.REFUSED:
        return "one row"
    return "none yet" if running else "no result"


def _detail(line: AuditEntry, *, running: bool, checked: TimedVerification | None) -> ActionDetail:
    return ActionDetail(
        parameters=parameter_tree(str(line.parameters)),
        reason=str(line.reason),
        outcome_row=_recorded_in(line),
        ended_at=seconds(line.ended_us),
        duration=_duration(line, 0, running=False)[0],
        outcome_text=str(line.detail) or _missing_outcome(line, running=running),
        channel=CHANNELS.get(line.via, str(line.via)),
        request=str(line.request),
        browser=browser_name(str(line.agent)),
        agent=str(line.agent),
        hash=shortened(line.hash),
        previous=shortened(line.previous),
        chain=chain_status(line.row, checked),
    )


def _recorded_in(line: AuditEntry) -> str:
    if line.outcome_row is not None:
        return f"row {figures.number(line.outcome_row)}"
    return "same row" if line.outcome else "none"


def _missing_outcome(line: AuditEntry, *, running: bool) -> str:
    if line.outcome:
        return ""
    if running:
        return STILL_RUNNING
    return NO_OUTCOME_OF_CLI if line.via == Via.CLI else NO_OUTCOME
