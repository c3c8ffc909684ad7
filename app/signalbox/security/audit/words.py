"""What a check of the log found, in sentences: the same for the page and the command line. Pure."""

from typing import Final

from signalbox.kernel.figures import count
from signalbox.security.audit.chain import Fault, Finding, Verdict

SAYS: Final = {
    Fault.CHANGED: ("is not what was written", "are not what was written"),
    Fault.REMOVED: ("was removed", "were removed"),
    Fault.REORDERED: ("stands where another was written", "stand where others were written"),
    Fault.INSERTED: ("was put in", "were put in"),
    Fault.CUT: ("was cut off at the end", "were cut off at the end"),
    Fault.NOT_SIGNED: ("is not what was signed", "are not what was signed"),
}
OF_SIGNATURE: Final = "It or one before it was written anew, or the seal was made up."


def rows_named(first: int, last: int) -> str:
    """Return "row 5" or "rows 5 to 12"."""
    return f"row {count(first)}" if first == last else f"rows {count(first)} to {count(last)}"


def found(finding: Finding) -> str:
    """Return what is wrong, without its full stop: "Row 17,311 is not what was written"."""
    one, many = SAYS[finding.fault]
    return f"{_capital(rows_named(finding.first, finding.last))} {one if finding.count == 1 else many}"


def reach(verdict: Verdict) -> str:
    """Return what is whole beside the findings."""
    first, before = verdict.start.row + 1, verdict.whole_before
    told = f"{_capital(rows_named(first, before))} {_are(first, before)} whole." if before >= first else ""
    if not verdict.whole_after:
        return told or "No row before that is whole."
    after = rows_named(verdict.end.row - verdict.whole_after + 1, verdict.end.row)
    among = "is whole" if verdict.whole_after == 1 else "are whole among themselves"
    return f"{told or 'No row before that is whole.'} {_capital(after)} after it {among}."


def _are(first: int, last: int) -> str:
    return "is" if first == last else "are"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
