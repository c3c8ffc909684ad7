"""What a check of the audit log found, in sentences for a terminal and as data."""

from collections.abc import Iterator

import msgspec

from signalbox.commands.printing import shortened
from signalbox.kernel.figures import count
from signalbox.security.audit.chain import Finding, FindingKind, Verification
from signalbox.security.audit.words import SIGNATURE_HINT, finding_sentence, intact_rows, row_range


class Found(msgspec.Struct, kw_only=True):
    """One finding. Hashes are hexadecimal; `null` where there is none."""

    fault: FindingKind
    first: int
    last: int
    expected: str | None
    found: str | None
    actor: str | None  # as the row stands now
    action: str | None


class Verified(msgspec.Struct, kw_only=True):
    """What a check found."""

    whole: bool
    first: int
    last: int
    rows: int
    whole_before: int
    whole_after: int
    signed_row: int | None
    findings: list[Found]
    more: int


def as_data(verdict: Verification) -> Verified:
    return Verified(
        whole=verdict.is_intact,
        first=verdict.start.row + 1,
        last=verdict.end.row,
        rows=verdict.rows,
        whole_before=verdict.intact_to,
        whole_after=verdict.consistent_after,
        signed_row=verdict.signed_head.row if verdict.signed_head else None,
        findings=[_found(finding) for finding in verdict.findings],
        more=verdict.omitted,
    )


def _found(finding: Finding) -> Found:
    entry = finding.row.record if finding.row else None
    return Found(
        fault=finding.kind,
        first=finding.first,
        last=finding.last,
        expected=finding.expected.hex() if finding.expected is not None else None,
        found=finding.found.hex() if finding.found is not None else None,
        actor=str(entry.actor) if entry else None,
        action=str(entry.action) if entry else None,
    )


def sentences(verdict: Verification) -> Iterator[str]:
    """Yield what a person is told, line by line. What rows hold is hostile."""
    first = verdict.start.row + 1
    if verdict.is_intact:
        yield (
            f"The log is whole: {row_range(first, verdict.end.row)}."
            if verdict.rows
            else "The log is whole: there is no row."
        )
        if verdict.signed_head is None:
            yield "It was compared with no signed head: that nothing was cut off at the end is not proved (--head FILE)."
        else:
            yield f"It goes on from the signed head of row {count(verdict.signed_head.row)}: nothing was cut off before that."
        return
    yield "The log is not whole."
    for finding in verdict.findings:
        yield from _told(finding)
    if verdict.omitted:
        yield f"And {count(verdict.omitted)} more."
    yield intact_rows(verdict)


def _told(finding: Finding) -> Iterator[str]:
    yield (
        f"{finding_sentence(finding)}. {SIGNATURE_HINT}"
        if finding.kind is FindingKind.NOT_AS_SIGNED
        else f"{finding_sentence(finding)}."
    )
    if finding.expected is not None:
        yield f"  expected {finding.expected.hex()}"
    if finding.found is not None:
        yield f"  found    {finding.found.hex()}"
    if finding.row is not None:
        entry = finding.row.record
        yield f"  as it stands: {shortened(str(entry.action))} {shortened(str(entry.target))}, by {shortened(str(entry.actor))}"
