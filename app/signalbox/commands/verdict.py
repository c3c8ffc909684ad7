"""What a check of the audit log found, in sentences for a terminal and as data."""

from collections.abc import Iterator

import msgspec

from signalbox.commands.printing import shortened
from signalbox.kernel.figures import count
from signalbox.security.audit.chain import Fault, Finding, Verdict
from signalbox.security.audit.words import OF_SIGNATURE, found, reach, rows_named


class Found(msgspec.Struct, kw_only=True):
    """One finding. Hashes are hexadecimal; `null` where there is none."""

    fault: Fault
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


def as_data(verdict: Verdict) -> Verified:
    return Verified(
        whole=verdict.is_whole,
        first=verdict.start.row + 1,
        last=verdict.end.row,
        rows=verdict.rows,
        whole_before=verdict.whole_before,
        whole_after=verdict.whole_after,
        signed_row=verdict.signed.row if verdict.signed else None,
        findings=[_found(finding) for finding in verdict.findings],
        more=verdict.more,
    )


def _found(finding: Finding) -> Found:
    entry = finding.row.entry if finding.row else None
    return Found(
        fault=finding.fault,
        first=finding.first,
        last=finding.last,
        expected=finding.expected.hex() if finding.expected is not None else None,
        found=finding.found.hex() if finding.found is not None else None,
        actor=str(entry.actor) if entry else None,
        action=str(entry.action) if entry else None,
    )


def sentences(verdict: Verdict) -> Iterator[str]:
    """Yield what a person is told, line by line. What rows hold is hostile."""
    first = verdict.start.row + 1
    if verdict.is_whole:
        yield (
            f"The log is whole: {rows_named(first, verdict.end.row)}."
            if verdict.rows
            else "The log is whole: there is no row."
        )
        if verdict.signed is None:
            yield "It was compared with no signed head: that nothing was cut off at the end is not proved (--head FILE)."
        else:
            yield f"It goes on from the signed head of row {count(verdict.signed.row)}: nothing was cut off before that."
        return
    yield "The log is not whole."
    for finding in verdict.findings:
        yield from _told(finding)
    if verdict.more:
        yield f"And {count(verdict.more)} more."
    yield reach(verdict)


def _told(finding: Finding) -> Iterator[str]:
    yield f"{found(finding)}. {OF_SIGNATURE}" if finding.fault is Fault.NOT_SIGNED else f"{found(finding)}."
    if finding.expected is not None:
        yield f"  expected {finding.expected.hex()}"
    if finding.found is not None:
        yield f"  found    {finding.found.hex()}"
    if finding.row is not None:
        entry = finding.row.entry
        yield f"  as it stands: {shortened(str(entry.action))} {shortened(str(entry.target))}, by {shortened(str(entry.actor))}"
