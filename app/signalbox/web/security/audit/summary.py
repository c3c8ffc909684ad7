"""The summary above the audit log, and the findings of the last verification. Pure."""

from dataclasses import dataclass
from typing import Final

from signalbox.kernel import figures
from signalbox.monitoring.words.spans import Span, quantity
from signalbox.security.audit import words
from signalbox.security.audit.chain import Finding, FindingKind, TimedVerification, Verification
from signalbox.security.audit.model import LogState
from signalbox.web.lists import StatusLabel
from signalbox.web.security import urls
from signalbox.web.security.audit.rows import Hash, seconds, shortened

ROWS_MAX: Final = 200_000  # more take too long for a page
RECORDED: Final = (
    "Every action is recorded before it starts and again when it ends. Signalbox never changes rows, and only audit seal "
    "moves old ones to a file. Verification detects changes made directly in the database."
)
CUT_OFF: Final = "Only a signed head stored elsewhere proves that no rows were deleted at the end."


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSummary:
    sentence: tuple[Span, ...]
    reason: tuple[Span, ...]
    too_long: str  # why the log cannot be verified on this page; "" if it can


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    rows: str
    href: str  # the row as it is now; "" if it is gone
    status: StatusLabel
    note: str
    at: float | None
    expected: Hash | None
    actual: Hash | None
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenChain:
    """The findings of a verification that failed."""

    at: float  # when it ran
    headline: str
    text: str
    rows: tuple[FindingRow, ...]
    more: str


def audit_summary(state: LogState, checked: TimedVerification | None) -> AuditSummary:
    rows = state.head.row - state.sealed.row
    too_long = ""
    if rows > ROWS_MAX:
        too_long = f"{figures.number(rows)} rows take too long to verify here. Run: signalbox audit verify"
    if checked is None:
        to_row = Span(f"up to row {figures.number(state.head.row)}", strong=True)
        sentence = (Span("The audit log is recorded "), to_row, Span(", not verified since Signalbox started."))
        return AuditSummary(sentence=sentence, reason=(Span(f"{RECORDED} {CUT_OFF}"),), too_long=too_long)
    return AuditSummary(sentence=_sentence(checked), reason=(Span(_reason(state, checked)),), too_long=too_long)


def broken_chain(checked: TimedVerification | None) -> BrokenChain | None:
    """Return what the last verification found, or None if the log was intact."""
    if checked is None or checked.verification.is_intact:
        return None
    verification = checked.verification
    signature = any(finding.kind is FindingKind.NOT_AS_SIGNED for finding in verification.findings)
    return BrokenChain(
        at=checked.at,
        headline=f"{_first_finding(verification)}.",
        text=f"{words.SIGNATURE_HINT if signature else ''} {words.intact_rows(verification)}".strip(),
        rows=tuple(_row(finding) for finding in verification.findings),
        more=f"and {quantity(verification.omitted, 'more finding', 'more findings')}" if verification.omitted else "",
    )


def _sentence(checked: TimedVerification) -> tuple[Span, ...]:
    verification, at = checked.verification, figures.utc_time(checked.at, checked.at)
    if verification.is_intact:
        intact = Span(f"intact up to row {figures.number(verification.end.row)}", strong=True, tone="clear")
        return (Span("The audit log is "), intact, Span(f", verified at {at}."))
    number = len(verification.findings) + verification.omitted
    problems = Span(f"{quantity(number, 'problem', 'problems')} found", strong=True, tone="danger")
    more = f", and {figures.number(number - 1)} more" if number > 1 else ""
    return (problems, Span(f" at {at}: {_first_finding(verification)}{more}."))


def _first_finding(verification: Verification) -> str:
    return words.finding_sentence(verification.findings[0])


def _reason(state: LogState, checked: TimedVerification) -> str:
    number = max(state.head.row - checked.verification.end.row, 0)
    since = f" {figures.number(number)} rows were added since." if number > 1 else ""  # one is the verification itself
    if checked.verification.is_intact:
        return f"{RECORDED}{since} {CUT_OFF}"
    return f"Signalbox never changes rows: this log was changed directly in the database.{since}"


def _row(finding: Finding) -> FindingRow:
    rows = words.row_range(finding.first, finding.last).partition(" ")[2]
    entry = finding.row.record if finding.row else None
    return FindingRow(
        rows=rows,
        href=urls.audit(row=finding.first, when="all") if entry else "",
        status=StatusLabel("danger", "m-failed", finding.kind),
        note=f"now says: {entry.action} by {entry.actor}" if entry else "",
        at=seconds(entry.at_us) if entry else None,
        expected=None if finding.expected is None else shortened(finding.expected),
        actual=None if finding.found is None else shortened(finding.found),
        differs=finding.expected is not None and finding.found is not None,
    )
