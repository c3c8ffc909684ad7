"""Any tampering with a chain is detected, and the row is named."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.security.audit.chain import FINDINGS_MAX, Finding, FindingKind, Verification, Verifier
from signalbox.security.audit.model import CHAIN_START, FIELDS, AuditRecord, ChainPosition, ChainRow, row_hash
from tests.support.audit import make_chain, make_record

LENGTH_MAX = 12
Said = list[tuple[FindingKind, int, int]]


def verify(
    rows: Iterable[ChainRow],
    head: ChainPosition | None,
    *,
    start: ChainPosition = CHAIN_START,
    signed: ChainPosition | None = None,
) -> Verification:
    verifier = Verifier(start, signed)
    for row in rows:
        verifier.add(row)
    return verifier.finish(head)


def counted(rows: Iterable[ChainRow], *, start: ChainPosition = CHAIN_START) -> Verification:
    """Verify as lines of a file: in file order, and without a head."""
    verifier = Verifier(start)
    for stands, row in enumerate(rows, start=start.row + 1):
        verifier.add(row, stands)
    return verifier.finish()


def head(rows: Sequence[ChainRow]) -> ChainPosition:
    return ChainPosition(rows[-1].number, rows[-1].hash)


def said(verdict: Verification) -> Said:
    return [(finding.kind, finding.first, finding.last) for finding in verdict.findings]


def one(fault: FindingKind, first: int, last: int | None = None) -> Said:
    return [(fault, first, last or first)]


def renumbered(rows: Iterable[ChainRow]) -> list[ChainRow]:
    return [replace(row, number=number) for number, row in enumerate(rows, start=1)]


def remade(row: ChainRow, **changes: object) -> ChainRow:
    """Return the row with other fields and a matching hash."""
    written = replace(row.record, **changes)  # type: ignore[arg-type]
    return replace(row, record=written, hash=row_hash(row.number, row.previous, written))


@st.composite
def chains(draw: st.DrawFn, least: int = 1) -> tuple[list[ChainRow], int]:
    """A chain, and the index of the row to tamper with."""
    rows = make_chain(draw(st.integers(least, LENGTH_MAX)))
    return rows, draw(st.integers(0, len(rows) - 1))


OTHER: dict[type, object] = {int: 77, str: "other", type(None): 1}


@given(chains(), st.sampled_from(FIELDS))
def test_changed_field(made: tuple[list[ChainRow], int], field: str) -> None:
    rows, at = made
    value = OTHER[type(getattr(rows[at].record, field)) if field != "kind" else str]
    bad = replace(rows[at], record=replace(rows[at].record, **{field: value}))  # type: ignore[arg-type]
    verdict = verify([*rows[:at], bad, *rows[at + 1 :]], head(rows))
    assert said(verdict) == one(FindingKind.CHANGED, at + 1)
    [finding] = verdict.findings
    assert finding.expected == rows[at].hash
    assert finding.found == row_hash(at + 1, bad.previous, bad.record)
    assert finding.row == bad
    assert (verdict.intact_to, verdict.consistent_after) == (at, len(rows) - at - 1)


@given(chains(), st.sampled_from(["hash", "previous"]), st.binary(min_size=32, max_size=32))
def test_changed_hash(made: tuple[list[ChainRow], int], column: str, other: bytes) -> None:
    rows, at = made
    bad = replace(rows[at], **{column: other})  # type: ignore[arg-type]
    if bad == rows[at]:
        return
    verdict = verify([*rows[:at], bad, *rows[at + 1 :]], head(rows))
    assert said(verdict) == one(FindingKind.CHANGED, at + 1)
    assert verdict.findings[0].expected == rows[at].hash
    assert verdict.findings[0].found not in (None, rows[at].hash)


@given(chains(), st.booleans())
def test_forged_row_with_a_matching_hash(made: tuple[list[ChainRow], int], other_before: bool) -> None:
    rows, at = made
    bad = remade(replace(rows[at], previous=b"x" * 32) if other_before else rows[at], actor="nobody")
    verdict = verify([*rows[:at], bad, *rows[at + 1 :]], head(rows))
    assert said(verdict) == one(FindingKind.CHANGED, at + 1)


@given(chains(), st.integers(1, LENGTH_MAX), st.booleans())
def test_removed_rows(made: tuple[list[ChainRow], int], count: int, closed_up: bool) -> None:
    rows, at = made
    rest = rows[:at] + rows[at + count :]
    last = min(at + count, len(rows))
    verdict = verify(renumbered(rest) if closed_up else rest, head(rows))
    assert said(verdict) == one(FindingKind.TRUNCATED if last == len(rows) else FindingKind.REMOVED, at + 1, last)
    assert verdict.findings[0].expected == rows[last - 1].hash
    assert verdict.intact_to == at


SWAPS: list[Callable[[ChainRow, ChainRow], ChainRow]] = [
    lambda here, there: replace(there, number=here.number),  # the number alone, which is the whole row elsewhere
    lambda here, there: replace(here, record=there.record),
    lambda here, there: replace(here, record=there.record, hash=there.hash),
]


@given(chains(least=2), st.integers(0, LENGTH_MAX - 1), st.sampled_from(SWAPS))
def test_two_swapped_rows(
    made: tuple[list[ChainRow], int], other: int, swap: Callable[[ChainRow, ChainRow], ChainRow]
) -> None:
    rows, at = made
    other %= len(rows)
    if other == at:
        return
    swapped = list(rows)
    swapped[at], swapped[other] = swap(rows[at], rows[other]), swap(rows[other], rows[at])
    verdict = verify(swapped, head(rows))
    assert said(verdict) == [(FindingKind.REORDERED, place + 1, place + 1) for place in sorted((at, other))]


@given(chains(), st.booleans(), st.integers(1, 3))
def test_inserted_rows(made: tuple[list[ChainRow], int], fits: bool, count: int) -> None:
    rows, at = made
    previous = rows[at].previous
    extra = make_chain(count, first=at + 1, previous=previous)
    extra = [remade(extra[0], actor="nobody"), *extra[1:]]
    if not fits:
        extra = [replace(row, hash=b"x" * 32) for row in extra]
    verdict = verify(renumbered([*rows[:at], *extra, *rows[at:]]), head(rows))
    if at + 1 == len(rows):  # with one row after it there is nothing to see that it was moved by
        assert not verdict.is_intact
        assert verdict.intact_to == at
    else:
        assert said(verdict) == one(FindingKind.INSERTED, at + 1, at + count)


@given(chains())
def test_rows_after_the_head(made: tuple[list[ChainRow], int]) -> None:
    rows, at = made
    verdict = verify(rows, ChainPosition(at + 1, rows[at].hash))
    assert said(verdict) == (one(FindingKind.INSERTED, at + 2, len(rows)) if at + 1 < len(rows) else [])


@given(chains(least=2), st.booleans())
def test_truncation_with_a_reset_head_is_detected_by_a_signed_head(
    made: tuple[list[ChainRow], int],
    all_gone: bool,
) -> None:
    rows, at = made
    left = [] if all_gone else rows[: at + 1]
    now = head(left) if left else CHAIN_START
    assert verify(left, now).is_intact  # which is why heads are signed and kept elsewhere
    verdict = verify(left, now, signed=head(rows))
    assert said(verdict) == ([] if len(left) == len(rows) else one(FindingKind.TRUNCATED, len(left) + 1, len(rows)))
    assert verdict.signed_head == head(rows)


@given(chains(), st.integers(0, LENGTH_MAX - 1))
def test_rewritten_chain_is_detected_by_a_signed_head(made: tuple[list[ChainRow], int], signed: int) -> None:
    rows, at = made
    signed %= len(rows)
    anew = [*rows[:at], remade(rows[at], actor="nobody")]
    for row in rows[at + 1 :]:
        anew.append(remade(replace(row, previous=anew[-1].hash)))
    verdict = verify(anew, head(anew), signed=ChainPosition(signed + 1, rows[signed].hash))
    assert said(verdict) == (one(FindingKind.NOT_AS_SIGNED, signed + 1) if signed >= at else [])


@given(chains(), st.integers(0, LENGTH_MAX))
def test_valid_chain_is_intact_from_any_seal(made: tuple[list[ChainRow], int], sealed: int) -> None:
    rows, _ = made
    sealed = min(sealed, len(rows))
    start = ChainPosition(sealed, rows[sealed - 1].hash) if sealed else CHAIN_START
    verdict = verify(rows[sealed:], head(rows), start=start)
    assert verdict.is_intact
    assert (verdict.rows, verdict.end, verdict.intact_to) == (len(rows) - sealed, head(rows), len(rows))


def test_rows_that_follow_another_seal() -> None:
    rows = make_chain(4)
    verdict = verify(rows[2:], head(rows), start=ChainPosition(2, b"x" * 32))
    assert said(verdict) == one(FindingKind.CHANGED, 3)
    assert verdict.findings[0].expected == b"x" * 32
    assert verdict.findings[0].found == rows[1].hash


@given(chains(least=4), st.integers(0, LENGTH_MAX - 1))
def test_reordered_lines_of_a_file(made: tuple[list[ChainRow], int], other: int) -> None:
    rows, at = made
    other %= len(rows)
    swapped = list(rows)
    swapped[at], swapped[other] = rows[other], rows[at]
    expected = [(FindingKind.REORDERED, place + 1, place + 1) for place in sorted((at, other))] if at != other else []
    assert said(counted(swapped)) == expected


def test_missing_lines_of_a_file() -> None:
    rows = make_chain(400)
    assert said(counted(rows[:100] + rows[300:])) == one(FindingKind.REMOVED, 101, 300)


def test_duplicate_line() -> None:
    rows = make_chain(9)
    assert said(counted([*rows[:5], rows[2], *rows[5:]])) == one(FindingKind.INSERTED, 6)


def test_first_findings_are_listed_and_others_counted() -> None:
    rows = make_chain(200)
    other = [replace(row, record=make_record(row.number, actor="nobody")) for row in rows]
    verdict = verify(other, head(rows))
    assert [finding.first for finding in verdict.findings[:3]] == [1, 2, 3]
    assert len(verdict.findings) <= FINDINGS_MAX
    assert verdict.omitted >= 100
    assert not verdict.is_intact


@pytest.mark.parametrize("strange", [b"\xff", 1.5, None, -1, 2**63 - 1])
def test_values_that_cannot_be_stored_are_a_changed_row(strange: object) -> None:
    rows = make_chain(3)
    written: AuditRecord = replace(rows[1].record, target=strange)  # type: ignore[arg-type]
    assert said(verify([rows[0], replace(rows[1], record=written), rows[2]], head(rows))) == one(FindingKind.CHANGED, 2)


def test_finding_counts_its_rows() -> None:
    assert Finding(kind=FindingKind.REMOVED, first=3, last=7).count == 5


def test_head_that_contradicts_the_last_seal() -> None:
    rows = make_chain(4)
    assert verify([], head(rows), start=head(rows)).is_intact
    assert said(verify([], ChainPosition(4, b"x" * 32), start=head(rows))) == one(FindingKind.CHANGED, 4)
