"""What a check of the log found, in sentences: the same for the page and the command line. Pure."""

from typing import Final

from signalbox.kernel.figures import count
from signalbox.security.audit.chain import Finding, FindingKind, Verification

PREDICATES: Final = {
    FindingKind.CHANGED: ("is not what was written", "are not what was written"),
    FindingKind.REMOVED: ("was removed", "were removed"),
    FindingKind.REORDERED: ("stands where another was written", "stand where others were written"),
    FindingKind.INSERTED: ("was put in", "were put in"),
    FindingKind.TRUNCATED: ("was cut off at the end", "were cut off at the end"),
    FindingKind.NOT_AS_SIGNED: ("is not what was signed", "are not what was signed"),
}
SIGNATURE_HINT: Final = "It or one before it was written anew, or the seal was made up."


def row_range(first: int, last: int) -> str:
    """Return "row 5" or "rows 5 to 12"."""
    return f"row {count(first)}" if first == last else f"rows {count(first)} to {count(last)}"


def finding_sentence(finding: Finding) -> str:
    """Return what is wrong, without its full stop: "Row 17,311 is not what was written"."""
    one, many = PREDICATES[finding.kind]
    return f"{_capital(row_range(finding.first, finding.last))} {one if finding.count == 1 else many}"


def intact_rows(verdict: Verification) -> str:
    """Return what is whole beside the findings."""
    first, before = verdict.start.row + 1, verdict.intact_to
    told = f"{_capital(row_range(first, before))} {_are(first, before)} whole." if before >= first else ""
    if not verdict.consistent_after:
        return told or "No row before that is whole."
    after = row_range(verdict.end.row - verdict.consistent_after + 1, verdict.end.row)
    among = "is whole" if verdict.consistent_after == 1 else "are whole among themselves"
    return f"{told or 'No row before that is whole.'} {_capital(after)} after it {among}."


def _are(first: int, last: int) -> str:
    return "is" if first == last else "are"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
