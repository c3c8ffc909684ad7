"""The result of verifying the audit log in sentences, shared by page and command line. Pure."""

from typing import Final

from signalbox.kernel.figures import number
from signalbox.security.audit.chain import Finding, FindingKind, Verification

PREDICATES: Final = {  # of one row, of several
    FindingKind.CHANGED: ("was changed after it was written", "were changed after they were written"),
    FindingKind.REMOVED: ("was removed", "were removed"),
    FindingKind.REORDERED: ("was moved to the place of another row", "were moved to the places of other rows"),
    FindingKind.INSERTED: ("was inserted", "were inserted"),
    FindingKind.TRUNCATED: ("was removed at the end of the log", "were removed at the end of the log"),
    FindingKind.NOT_AS_SIGNED: ("is not what was signed", "are not what was signed"),
}
SIGNATURE_HINT: Final = "This row or an earlier one was rewritten, or the seal was forged."


def row_range(first: int, last: int) -> str:
    """Return "row 5" or "rows 5 to 12"."""
    return f"row {number(first)}" if first == last else f"rows {number(first)} to {number(last)}"


def finding_sentence(finding: Finding) -> str:
    """Return what is wrong, without a full stop: "Row 17,311 was changed after it was written"."""
    one, many = PREDICATES[finding.kind]
    return f"{_capital(row_range(finding.first, finding.last))} {one if finding.count == 1 else many}"


def intact_rows(verification: Verification) -> str:
    """Return which rows before and after the findings are not affected."""
    first, last = verification.start.row + 1, verification.intact_to
    if last >= first:
        before = f"{_capital(row_range(first, last))} {'is' if first == last else 'are'} intact."
    else:
        before = "No earlier row is intact."
    if not verification.consistent_after:
        return before
    after = row_range(verification.end.row - verification.consistent_after + 1, verification.end.row)
    are = "is" if verification.consistent_after == 1 else "are"
    return f"{before} {_capital(after)} after that {are} consistent."


def result_sentences(verification: Verification) -> tuple[str, ...]:
    """Return whether the log is intact, and what a signed head proves; the findings follow, if there are any."""
    if not verification.is_intact:
        return ("The audit log is not intact.",)
    if not verification.rows:
        intact = "The audit log is intact: it has no rows."
    else:
        intact = f"The audit log is intact: {row_range(verification.start.row + 1, verification.end.row)}."
    if verification.signed_head is None:
        return intact, "Without a signed head (--head FILE), rows removed at the end of the log are not detected."
    return (
        intact,
        f"It matches the signed head of row {number(verification.signed_head.row)}: no row up to there was removed.",
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
