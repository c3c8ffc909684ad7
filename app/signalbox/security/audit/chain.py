"""Whether a chain of rows is whole, and if not, which row is what. Pure, and row by row: only what is wrong is kept.

A row fits a place when its hash is that of its fields, of the hash that it names as the one before, and of the place's number.
So a row that was changed fits nowhere; one that was moved still fits where it was written; and one that was made up, hash and
all, fits but is not the one that the row after it names.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from signalbox.security.audit.model import CHAIN_START, ChainPosition, ChainRow, row_hash

FINDINGS_MAX: Final = 50  # what is beyond is only counted
MOVED_MAX: Final = 64  # places by which all further rows may be moved, and it is still seen as one thing
SEARCHES_MAX: Final = 100


class FindingKind(StrEnum):
    """What is wrong with rows."""

    CHANGED = "changed"
    REMOVED = "removed"
    REORDERED = "reordered"  # stands where another was written
    INSERTED = "inserted"
    TRUNCATED = "truncated"  # removed at the end
    NOT_AS_SIGNED = "not as signed"  # this row or one before it was written anew, and all hashes since


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with the rows `first` to `last`, by the numbers under which they were written."""

    kind: FindingKind
    first: int
    last: int
    expected: bytes | None = None  # the hash that it should have
    found: bytes | None = None
    row: ChainRow | None = None  # as it stands now

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a check found."""

    start: ChainPosition  # what the first row should hang on: a seal, or the beginning
    end: ChainPosition  # the last row that fits; `start` when there is none
    rows: int  # that were looked at
    findings: tuple[Finding, ...]
    omitted: int  # findings beyond those
    signed_head: ChainPosition | None = None  # a signed head that it was compared with

    @property
    def is_intact(self) -> bool:
        return not self.findings

    @property
    def intact_to(self) -> int:
        """The last row up to which all are as they were written."""
        return min((finding.first - 1 for finding in self.findings), default=self.end.row)

    @property
    def consistent_after(self) -> int:
        """How many rows after the last finding are whole among themselves; 0 when there is none, or not all is listed."""
        if self.is_intact or self.omitted:
            return 0
        return max(self.end.row - max(finding.last for finding in self.findings), 0)


@dataclass(frozen=True, slots=True)
class _Misfit:
    place: int  # where it stands
    row: ChainRow


@dataclass(frozen=True, slots=True)
class _Gap:
    """Places for which no row fits."""

    first: int
    last: int
    attested: (
        bytes | None
    )  # the hash of the row at `last`, as the row after it says, or the head; None where nothing says
    at_end: bool = False

    def __contains__(self, place: int) -> bool:
        return self.first <= place <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedVerification:
    """A check, and when it was made."""

    verification: Verification
    at: float  # when it began, seconds since the epoch: what came later it has not seen
    took_s: float


class Verifier:
    """Is given the rows in the order in which they stand, and then the head."""

    def __init__(self, start: ChainPosition = CHAIN_START, signed: ChainPosition | None = None) -> None:
        self._start = self._last = start
        self._signed_head = signed
        self._rows = 0
        self._offset = 0  # by how much the places of the rows now read differ from where they stand
        self._searches = SEARCHES_MAX
        self._pending: _Misfit | None = None  # the last row, when it fits nowhere yet
        self._doubt: tuple[ChainPosition, bytes] | None = (
            None  # the row before the last, and the hash that the last says it had
        )
        self._recent = deque([start], maxlen=MOVED_MAX + 2)
        self._misfits: list[_Misfit] = []
        self._gaps: list[_Gap] = []
        self._findings: list[Finding] = []
        self._omitted = 0

    def add(self, row: ChainRow, stands: int | None = None) -> None:
        """Take the next row. `stands` is its place by counting, where rows come without a database that orders them."""
        self._rows += 1
        if type(row.number) is not int:  # SQLite takes 5.5 and "five" for a number too
            place = self._last.row + 1
            self._report(Finding(kind=FindingKind.INSERTED, first=place, last=place, row=row))
            return
        found = _Misfit(row.number if stands is None else stands, row)
        if _matches(row, found.place + self._offset):
            self._flush_pending()
            self._accept(row, found.place + self._offset)
        elif self._pending is not None and (moved := self._find_offset(self._pending, found)) is not None:
            self._shift(self._pending, found, moved)
        else:
            self._flush_pending()
            self._pending = found

    def finish(self, head: ChainPosition | None = None) -> Verification:
        """Say what was found. `head` is the last row by the database's own record; None where there is none."""
        self._flush_pending()
        self._compare_end(head)
        self._explain()
        findings = sorted(self._findings, key=lambda finding: (finding.first, finding.last))
        return Verification(
            start=self._start,
            end=self._last,
            rows=self._rows,
            findings=tuple(findings),
            omitted=self._omitted,
            signed_head=self._signed_head,
        )

    def _accept(self, row: ChainRow, place: int) -> None:
        last = self._last
        if place <= last.row:
            self._misfit(_Misfit(place, row))
            return
        if place > last.row + 1:
            self._resolve_doubt()
            self._gap(_Gap(last.row + 1, place - 1, row.previous))
        elif last is self._start:
            if row.previous != last.hash:
                self._report_changed(place, last.hash, row.previous, row)
        else:
            self._confirm_last(row.previous)
        self._last = ChainPosition(place, row.hash)
        self._recent.append(self._last)
        if self._signed_head is not None and place == self._signed_head.row and row.hash != self._signed_head.hash:
            expected = self._signed_head.hash
            self._report(
                Finding(
                    kind=FindingKind.NOT_AS_SIGNED, first=place, last=place, expected=expected, found=row.hash, row=row
                )
            )

    def _confirm_last(self, hash_: bytes) -> None:
        """Hear what stands after the last row say which hash that had: it clears the last row, or puts it in doubt.

        In doubt is first the row whose hash is another one; but if the row that says so is itself said to be another, it is that
        one that was made up.
        """
        agrees = hash_ == self._last.hash
        if self._doubt is not None and not agrees:
            self._report_changed(self._last.row, hash_, self._last.hash)
            self._doubt = None
        elif self._doubt is not None:
            self._resolve_doubt()
        elif not agrees:
            self._doubt = self._last, hash_

    def _resolve_doubt(self) -> None:
        if self._doubt is not None:
            place, attested = self._doubt
            self._report_changed(place.row, attested, place.hash)
            self._doubt = None

    def _find_offset(self, one: _Misfit, two: _Misfit) -> int | None:
        """Return by how much two rows that follow each other were moved alike, if they were."""
        if self._searches == 0 or two.place != one.place + 1:
            return None
        self._searches -= 1
        tries = [one.row.number - one.place]
        for distance in range(1, MOVED_MAX + 1):
            tries += self._offset - distance, self._offset + distance
        return next(
            (by for by in tries if _matches(one.row, one.place + by) and _matches(two.row, two.place + by)), None
        )

    def _shift(self, one: _Misfit, two: _Misfit, moved: int) -> None:
        """Go on where all further rows stand elsewhere: after rows that were put in, or where some were taken out."""
        self._pending = None
        inserted = self._offset - moved
        if inserted > 0:
            among = range(one.place - inserted, one.place)
            self._misfits = [misfit for misfit in self._misfits if misfit.place not in among]
            self._findings = [finding for finding in self._findings if finding.first not in among]
            self._report(Finding(kind=FindingKind.INSERTED, first=among[0], last=among[-1]))
            while len(self._recent) > 1 and self._recent[-1].row >= one.place + moved:
                self._recent.pop()
            self._last, self._doubt = self._recent[-1], None
        self._offset = moved
        for found in (one, two):
            self._accept(found.row, found.place + moved)

    def _flush_pending(self) -> None:
        if self._pending is not None:
            self._misfit(_Misfit(self._pending.place + self._offset, self._pending.row))
            self._pending = None

    def _compare_end(self, head: ChainPosition | None) -> None:
        stood = max((misfit.place for misfit in self._misfits), default=0) if head is None else 0
        ends: list[tuple[int, bytes | None]] = [(place.row, place.hash) for place in (self._signed_head, head) if place]
        furthest, attested = max([*ends, (stood, None)], key=lambda end: end[0])
        if furthest > self._last.row:
            self._resolve_doubt()
            self._gap(_Gap(self._last.row + 1, furthest, attested, at_end=True))
        elif head is not None and head.row == self._last.row:
            self._confirm_last(head.hash)
        elif head is not None and head.row < self._last.row:
            self._report(Finding(kind=FindingKind.INSERTED, first=head.row + 1, last=self._last.row))
        self._resolve_doubt()

    def _explain(self) -> None:
        """Say of each row that fits nowhere, and of each place without one, what happened there."""
        places = {misfit.place for misfit in self._misfits} | {
            end for gap in self._gaps for end in (gap.first, gap.last)
        }
        holds = {place: one for one in self._misfits for place in places if self._written_for(one, place)}
        elsewhere = list(holds.values())
        explained = set(holds)
        for misfit in self._misfits:
            gap = next((gap for gap in self._gaps if misfit.place in gap), None)
            if misfit in elsewhere:
                if misfit.place in holds:
                    self._report(_misfit_finding(misfit, FindingKind.REORDERED))
            elif gap is None:
                self._report(_misfit_finding(misfit, FindingKind.INSERTED))
            else:
                explained.add(misfit.place)
                self._report(_changed_finding(misfit, gap))
        for gap in self._gaps:
            for first, last in _unexplained_parts(gap, explained):
                fault = FindingKind.TRUNCATED if gap.at_end and last == gap.last else FindingKind.REMOVED
                after = holds.get(last + 1)
                attested = gap.attested if last == gap.last else after.row.previous if after else None
                self._report(Finding(kind=fault, first=first, last=last, expected=attested))

    def _written_for(self, one: _Misfit, place: int) -> bool:
        """Say whether a misfit was written at another place, whole or only its fields."""
        if place == one.place or not any(place in gap for gap in self._gaps):
            return False
        there = [misfit.row for misfit in self._misfits if misfit.place == place]
        hashes = {row.hash for row in (one.row, *there)}
        return any(row_hash(place, row.previous, one.row.record) in hashes for row in (one.row, *there))

    def _misfit(self, misfit: _Misfit) -> None:
        if len(self._misfits) < FINDINGS_MAX:
            self._misfits.append(misfit)
        else:
            self._omitted += 1

    def _gap(self, gap: _Gap) -> None:
        if len(self._gaps) < FINDINGS_MAX:
            self._gaps.append(gap)
        else:
            self._omitted += 1

    def _report_changed(self, row: int, expected: bytes, found: bytes, as_it_stands: ChainRow | None = None) -> None:
        if not any(finding.kind is FindingKind.CHANGED and finding.first == row for finding in self._findings):
            changed = FindingKind.CHANGED
            self._report(Finding(kind=changed, first=row, last=row, expected=expected, found=found, row=as_it_stands))

    def _report(self, finding: Finding) -> None:
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(finding)
        else:
            self._omitted += 1


def _matches(row: ChainRow, place: int) -> bool:
    return row_hash(place, row.previous, row.record) == row.hash


def _misfit_finding(misfit: _Misfit, fault: FindingKind) -> Finding:
    return Finding(kind=fault, first=misfit.place, last=misfit.place, found=misfit.row.hash, row=misfit.row)


def _changed_finding(misfit: _Misfit, gap: _Gap) -> Finding:
    place, row = misfit.place, misfit.row
    expected = gap.attested if place == gap.last and gap.attested is not None else row.hash
    found = row.hash if row.hash != expected else row_hash(place, row.previous, row.record)
    return Finding(kind=FindingKind.CHANGED, first=place, last=place, expected=expected, found=found, row=row)


def _unexplained_parts(gap: _Gap, explained: set[int]) -> Iterator[tuple[int, int]]:
    """Yield the parts of a gap between the places of which something is known."""
    first = gap.first
    for place in sorted(place for place in explained if place in gap):
        if place > first:
            yield first, place - 1
        first = place + 1
    if first <= gap.last:
        yield first, gap.last
