"""The result of verifying the audit log in sentences, shared by page and command line. Pure."""

from collections.abc import Iterable
from typing import Final

from signalbox.kernel.figures import number
from signalbox.security.audit.chain import Finding, FindingKind, Verification

PREDICATES: Final = {  # of one row, of several
    FindingKind.CHANGED: ("was changed after it was written", "were changed after they were written"),
    FindingKind.REMOVED: ("was removed", "were removed"),
    FindingKind.REORDERED: ("was moved to the place of another row", "were moved to the places of other rows"),
    FindingKind.INSERTED: ("was inserted", "were inserted"),
    FindingKind.TRUNCATED: ("was removed at the end of the log", "were removed at the end of the log"),
    FindingKind.NOT_AS_SIGNED: ("differs from the signed head", "differ from the signed head"),
}
SIGNATURE_HINT: Final = (
    "This row or an earlier one was changed, or the seal was forged. Compare the seal with a copy stored elsewhere."
)


def row_range(first: int, last: int) -> str:
    """Return "row 5" or "rows 5 to 12"."""
    return f"row {number(first)}" if first == last else f"rows {number(first)} to {number(last)}"


def finding_sentence(finding: Finding) -> str:
    """Return what is wrong, without a full stop: "Row 17,311 was changed after it was written"."""
    one, many = PREDICATES[finding.kind]
    return f"{_capital(row_range(finding.first, finding.last))} {one if finding.count == 1 else many}"


def intact_rows(verification: Verification) -> str:
    """Return every range of rows; only the intact one if findings were omitted."""
    first, last = verification.start.row + 1, verification.intact_to
    sentences = [f"Intact: {row_range(first, last)}." if last >= first else "No earlier row is in the log."]
    if verification.omitted:
        return sentences[0]
    for kind in FindingKind:
        ranges = [(finding.first, finding.last) for finding in verification.findings if finding.kind is kind]
        sentences += [f"{_capital(kind)}: {_ranges(ranges)}."] if ranges else []
    if consistent := _consistent_ranges(verification):
        sentences.append(f"Consistent with each other, but after a damaged row: {_ranges(consistent)}.")
    return " ".join(sentences)


def result_sentences(verification: Verification) -> tuple[str, ...]:
    """Return whether the log is intact, and what a signed head proves; the findings follow, if there are any."""
    if not verification.is_intact:
        return ("The audit log is not intact.",)
    if not verification.rows:
        where = f" after sealed row {number(verification.start.row)}" if verification.start.row else ""
        intact = f"The audit log is empty{where}."
        if verification.signed_head is None:
            return (f"{intact} Only a signed head that is stored elsewhere proves that no rows were deleted.",)
    else:
        intact = f"The audit log is intact: {row_range(verification.start.row + 1, verification.end.row)}."
    if verification.signed_head is None:
        return intact, "Without a signed head (--head FILE), it cannot be proved that the last rows were not removed."
    return (
        intact,
        f"It matches the signed head of row {number(verification.signed_head.row)}: no row up to there was removed.",
    )


def _ranges(ranges: Iterable[tuple[int, int]]) -> str:
    return ", ".join(row_range(first, last).partition(" ")[2] for first, last in ranges)


def _consistent_ranges(verification: Verification) -> list[tuple[int, int]]:
    """Return the ranges between and after the findings."""
    ranges, next_row = [], verification.intact_to + 1
    for finding in sorted(verification.findings, key=lambda finding: finding.first):
        if finding.first > next_row:
            ranges.append((next_row, finding.first - 1))
        next_row = max(next_row, finding.last + 1)
    return [*ranges, (next_row, verification.end.row)] if verification.end.row >= next_row else ranges


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
