"""Lines of the log as rows of the page. What a row holds may have been put there behind our back: of any type, of any length."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from signalbox.kernel import figures
from signalbox.security.audit.chain import TimedVerification
from signalbox.security.audit.model import AuditEntry, Outcome
from signalbox.security.model import Via
from signalbox.web.security.agents import browser
from signalbox.web.security.audit.tree import Node, tree

TIME_MAX_S: Final = 253_402_300_799  # the end of 9999, beyond which there is no date
HASH_ENDS: Final = 4  # hexadecimal digits shown of either end
NO_OUTCOME: Final = "Signalbox was stopped before it ended, or could not write down how it ended."
NO_OUTCOME_YET: Final = "It runs in this process now."
NO_OUTCOME_OF_CLI: Final = "It may still run on the command line, or was interrupted there."
WAYS: Final[Mapping[str, str]] = {
    Via.PAGE: "a page",
    Via.API: "the API",
    Via.SOCKET: "a live page",
    Via.CLI: "the command line",
}


@dataclass(frozen=True, slots=True)
class Sign:
    """A status: its mark, tone and word."""

    mark: str
    tone: str
    words: str


OUTCOMES: Final = {
    Outcome.DONE: Sign("m-done", "clear", "done"),
    Outcome.FAILED: Sign("m-failed", "danger", "failed"),
    Outcome.REFUSED: Sign("m-failed", "danger", "refused"),
    Outcome.INTERRUPTED: Sign("m-paused", "caution", "interrupted"),
}
RUNNING: Final = Sign("m-running", "motion", "running")
NONE: Final = Sign("m-doubt", "caution", "no outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hash:
    """A hash as it is shown, short and whole."""

    short: str
    whole: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What an open row tells besides what stands in it."""

    parameters: tuple[Node, ...]
    reason: str
    outcome_row: str  # "row 18,201", or why there is none
    ended_at: float | None
    took: str
    words: str  # of the outcome
    way: str
    request: str
    browser: str  # the agent in words
    agent: str
    hash: Hash
    previous: Hash
    chain: Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """One action in the list."""

    id: str
    href: str  # opens it, or closes it when it is open
    at: float | None
    who: str
    place: str
    action: str
    target: str
    on: str
    sign: Sign
    words: str  # what the outcome's row says besides
    took: str
    took_note: str
    number: str
    outcome_row: str
    detail: Detail | None  # None: it is not open


def line_row(
    line: AuditEntry, *, now: float, running: bool, href: str, checked: TimedVerification | None, is_open: bool
) -> LineRow:
    """Draw a line. `running` says that it runs in this process now."""
    took, note = _took(line, now, running=running)
    return LineRow(
        id=f"row-{line.row}",
        href=href,
        at=seconds(line.at_us),
        who=str(line.actor),
        place=_place(line),
        action=str(line.action),
        target=str(line.target),
        on=str(line.resource),
        sign=sign_of(line, running=running),
        words=str(line.detail),
        took=took,
        took_note=note,
        number=figures.count(line.row),
        outcome_row=_outcome_row(line, running=running),
        detail=_detail(line, running=running, checked=checked) if is_open else None,
    )


def sign_of(line: AuditEntry, *, running: bool) -> Sign:
    if running:
        return RUNNING
    if not line.outcome:
        return NONE
    known = next((outcome for outcome in Outcome if outcome == line.outcome), None)
    return OUTCOMES[known] if known else Sign("m-unknown", "quiet", "unknown")


def chain_sign(row: int, checked: TimedVerification | None) -> Sign:
    """Say of one row what the last check found."""
    if checked is None:
        return Sign("m-unknown", "quiet", "not verified since the start")
    verdict, at = checked.verification, figures.utc_time(checked.at, checked.at)
    fault = next((one.kind for one in verdict.findings if one.first <= row <= one.last), None)
    if fault is not None:
        return Sign("m-failed", "danger", f"{fault}, found at {at}")
    if row > verdict.end.row:
        return Sign("m-unknown", "quiet", f"written since the check of {at}")
    if row > verdict.intact_to or row <= verdict.start.row:
        return Sign("m-doubt", "caution", "whole in itself, but what it hangs on is not")
    return Sign("m-done", "clear", f"whole, verified at {at}")


def short(hash_: object) -> Hash:
    """Write a hash with its ends only. What is none is shown as it is."""
    text = hash_.hex() if isinstance(hash_, bytes) else str(hash_)
    brief = text if len(text) <= 2 * HASH_ENDS + 1 else f"{text[:HASH_ENDS]}…{text[-HASH_ENDS:]}"
    return Hash(short=brief, whole=text)


def seconds(at_us: object) -> float | None:
    """Return a time of the log in seconds; None where what stands there is no time."""
    if not isinstance(at_us, int) or not 0 <= at_us <= TIME_MAX_S * 1e6:
        return None
    return at_us / 1e6


def _place(line: AuditEntry) -> str:
    way = "" if line.via == Via.PAGE else WAYS.get(line.via, "")
    return ", ".join(word for word in (str(line.address), way) if word)


def _took(line: AuditEntry, now: float, *, running: bool) -> tuple[str, str]:
    at, took_us = seconds(line.at_us), line.took_us
    if running and at is not None:
        return figures.duration(now - at), "so far"
    if line.outcome == Outcome.REFUSED and line.outcome_row is None:
        return "not begun", ""
    return figures.duration(took_us / 1e6 if isinstance(took_us, int | float) else None), ""


def _outcome_row(line: AuditEntry, *, running: bool) -> str:
    if line.outcome_row is not None:
        return f"outcome {figures.count(line.outcome_row)}"
    if line.outcome == Outcome.REFUSED:
        return "one row"
    return "none yet" if running else "no outcome"


def _detail(line: AuditEntry, *, running: bool, checked: TimedVerification | None) -> Detail:
    return Detail(
        parameters=tree(str(line.parameters)),
        reason=str(line.reason),
        outcome_row=_told_in(line),
        ended_at=seconds(line.ended_us),
        took=_took(line, 0, running=False)[0],
        words=str(line.detail) or _without_words(line, running=running),
        way=WAYS.get(line.via, str(line.via)),
        request=str(line.request),
        browser=browser(str(line.agent)),
        agent=str(line.agent),
        hash=short(line.hash),
        previous=short(line.previous),
        chain=chain_sign(line.row, checked),
    )


def _told_in(line: AuditEntry) -> str:
    if line.outcome_row is not None:
        return f"row {figures.count(line.outcome_row)}"
    return "in the same row" if line.outcome else "none"


def _without_words(line: AuditEntry, *, running: bool) -> str:
    if line.outcome:
        return ""
    if running:
        return NO_OUTCOME_YET
    return NO_OUTCOME_OF_CLI if line.via == Via.CLI else NO_OUTCOME
