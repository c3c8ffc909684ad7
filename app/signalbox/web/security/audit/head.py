"""The sentence over the audit log, and what a check found in it. Pure."""

from dataclasses import dataclass
from typing import Final

from signalbox.kernel import figures
from signalbox.monitoring.words.spans import Span, quantity
from signalbox.security.audit import words
from signalbox.security.audit.chain import Finding, FindingKind, TimedVerification, Verification
from signalbox.security.audit.model import LogState
from signalbox.web.security import urls
from signalbox.web.security.audit.lines import Hash, Sign, seconds, short

ROWS_MAX: Final = 200_000  # that a page checks while somebody waits
RULE: Final = (
    "Every action is written before it is done and again when it has ended; rows cannot be changed or deleted."
)
TAIL: Final = "Only a signed head that is kept elsewhere shows that nothing was cut off at the end."


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The answer: is the log whole, and since when is that known."""

    sentence: tuple[Span, ...]
    why: tuple[Span, ...]
    too_long: str  # why it cannot be verified from here; "" when it can


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One line of what a check found."""

    rows: str
    href: str  # the row as it stands now; "" where there is none
    sign: Sign
    note: str
    at: float | None
    expected: Hash | None
    found: Hash | None
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """What a check found that is not as it was written."""

    at: float  # of the check
    strong: str
    text: str
    rows: tuple[FindingRow, ...]
    more: str


def head(standing: LogState, checked: TimedVerification | None) -> Head:
    rows = standing.head.row - standing.sealed.row
    too_long = ""
    if rows > ROWS_MAX:
        too_long = f"{figures.count(rows)} rows are too many to wait for here. Run: signalbox audit verify"
    if checked is None:
        to_row = Span(f"to row {figures.count(standing.head.row)}", strong=True)
        sentence = (Span("The log goes "), to_row, Span(", not verified since the start."))
        return Head(sentence=sentence, why=(Span(f"{RULE} {TAIL}"),), too_long=too_long)
    return Head(sentence=_sentence(checked), why=(Span(_why(standing, checked)),), too_long=too_long)


def broken(checked: TimedVerification | None) -> Broken | None:
    """Return what the last check found, or None when that was nothing."""
    if checked is None or checked.verification.is_intact:
        return None
    verdict = checked.verification
    signature = any(finding.kind is FindingKind.NOT_AS_SIGNED for finding in verdict.findings)
    rows = [_row(finding) for finding in verdict.findings]
    return Broken(
        at=checked.at,
        strong=f"{_first(verdict)}.",
        text=f"{words.SIGNATURE_HINT if signature else ''} {words.intact_rows(verdict)}".strip(),
        rows=tuple(rows),
        more=f"and {quantity(verdict.omitted, 'more finding', 'more findings')}" if verdict.omitted else "",
    )


def _sentence(checked: TimedVerification) -> tuple[Span, ...]:
    verdict, at = checked.verification, figures.utc_time(checked.at, checked.at)
    if verdict.is_intact:
        whole = Span(f"to row {figures.count(verdict.end.row)}", strong=True, tone="clear")
        return (Span("The log is whole "), whole, Span(f", verified at {at}."))
    others = len(verdict.findings) + verdict.omitted - 1
    more = f", and {quantity(others, 'more finding', 'more findings')}" if others else ""
    return (Span(_first(verdict), strong=True, tone="danger"), Span(f", found at {at}{more}."))


def _first(verdict: Verification) -> str:
    return words.finding_sentence(verdict.findings[0])


def _why(standing: LogState, checked: TimedVerification) -> str:
    since = max(standing.head.row - checked.verification.end.row, 0)
    came = f"{quantity(since, 'row', 'rows')} came since." if since else "No row came since."
    return f"{RULE} {came} {TAIL}" if checked.verification.is_intact else f"{RULE} Somebody went around that. {came}"


def _row(finding: Finding) -> FindingRow:
    named = words.row_range(finding.first, finding.last).partition(" ")[2]
    entry = finding.row.record if finding.row else None
    return FindingRow(
        rows=named,
        href=urls.audit(row=finding.first, when="all") if entry else "",
        sign=Sign("m-failed", "danger", finding.kind),
        note=f"{entry.action}, by {entry.actor} as it stands now" if entry else "",
        at=seconds(entry.at_us) if entry else None,
        expected=None if finding.expected is None else short(finding.expected),
        found=None if finding.found is None else short(finding.found),
        differs=finding.expected is not None and finding.found is not None,
    )
