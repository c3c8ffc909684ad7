"""The result of verifying the audit log, as text for a terminal and as data."""

from collections.abc import Iterator

import msgspec

from signalbox.commands.printing import shortened
from signalbox.kernel.figures import number
from signalbox.security.audit.chain import Finding, FindingKind, Verification
from signalbox.security.audit.words import SIGNATURE_HINT, finding_sentence, intact_rows, result_sentences


class FindingOut(msgspec.Struct, kw_only=True):
    """One finding. Hashes are hexadecimal; `null` is none."""

    kind: FindingKind
    first: int
    last: int
    expected: str | None
    found: str | None
    actor: str | None  # as the row is now
    action: str | None


class VerificationOut(msgspec.Struct, kw_only=True):
    """The result of verifying the audit log."""

    intact: bool
    first: int
    last: int
    rows: int
    intact_to: int
    consistent_after: int
    signed_row: int | None
    findings: list[FindingOut]
    omitted: int


def as_data(verification: Verification) -> VerificationOut:
    return VerificationOut(
        intact=verification.is_intact,
        first=verification.start.row + 1,
        last=verification.end.row,
        rows=verification.rows,
        intact_to=verification.intact_to,
        consistent_after=verification.consistent_after,
        signed_row=verification.signed_head.row if verification.signed_head else None,
        findings=[_finding(finding) for finding in verification.findings],
        omitted=verification.omitted,
    )


def _finding(finding: Finding) -> FindingOut:
    record = finding.row.record if finding.row else None
    return FindingOut(
        kind=finding.kind,
        first=finding.first,
        last=finding.last,
        expected=finding.expected.hex() if finding.expected is not None else None,
        found=finding.found.hex() if finding.found is not None else None,
        actor=str(record.actor) if record else None,
        action=str(record.action) if record else None,
    )


def as_lines(verification: Verification) -> Iterator[str]:
    """Yield the lines for a terminal. The content of rows is hostile."""
    yield from result_sentences(verification)
    if verification.is_intact:
        return
    for finding in verification.findings:
        yield from _finding_lines(finding)
    if verification.omitted:
        yield f"{number(verification.omitted)} more findings are not listed."
    yield intact_rows(verification)


def _finding_lines(finding: Finding) -> Iterator[str]:
    sentence = f"{finding_sentence(finding)}."
    yield f"{sentence} {SIGNATURE_HINT}" if finding.kind is FindingKind.NOT_AS_SIGNED else sentence
    if finding.expected is not None:
        yield f"  expected hash {finding.expected.hex()}"
    if finding.found is not None:
        yield f"  found hash    {finding.found.hex()}"
    if finding.row is not None:
        record = finding.row.record
        what = " ".join(shortened(str(part)) for part in (record.action, record.target) if str(part))
        yield f"  row now: {what}, by {shortened(str(record.actor))}"
