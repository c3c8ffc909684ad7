"""Verifies a chain of rows and says what happened to each row that is wrong. Pure; memory is bounded by the findings.

A row fits a place if its hash covers its record, the previous hash that it names, and the place's number. So a changed row
fits nowhere, a moved row fits its old place, and a forged row fits but is not the one that the next row names.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from signalbox.security.audit.model import CHAIN_START, ChainPosition, ChainRow, row_hash

FINDINGS_MAX: Final = 50  # further ones are only counted
MOVED_MAX: Final = 64  # a shift of all further rows by up to so many places is one finding
SEARCHES_MAX: Final = 100


class FindingKind(StrEnum):
    """What happened to rows."""

    CHANGED = "changed"
    REMOVED = "removed"
    REORDERED = "reordered"  # it is at the place of another row
    INSERTED = "inserted"
    TRUNCATED = "truncated"  # removed at the end of the log
    NOT_AS_SIGNED = "not as signed"  # this row or an earlier one was rewritten, with all hashes after it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What happened to the rows `first` to `last`, by their original numbers."""

    kind: FindingKind
    first: int
    last: int
    expected: bytes | None = None  # hash
    found: bytes | None = None  # hash
    row: ChainRow | None = None  # as it is now

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of verifying a chain."""

    start: ChainPosition  # a seal, or the start of the log
    end: ChainPosition  # the last row that fits, or `start`
    rows: int  # read
    findings: tuple[Finding, ...]
    omitted: int  # further findings
    signed_head: ChainPosition | None = None  # the signed head that the chain was compared with

    @property
    def is_intact(self) -> bool:
        return not self.findings

    @property
    def intact_to(self) -> int:
        """The last row before the first finding."""
        return min((finding.first - 1 for finding in self.findings), default=self.end.row)

    @property
    def consistent_after(self) -> int:
        """How many rows after the last finding are consistent; 0 if there is no finding or some were omitted."""
        if self.is_intact or self.omitted:
            return 0
        return max(self.end.row - max(finding.last for finding in self.findings), 0)


@dataclass(frozen=True, slots=True)
class _Misfit:
    place: int  # where it was read
    row: ChainRow


@dataclass(frozen=True, slots=True)
class _Gap:
    """Places that no row fits."""

    first: int
    last: int
    attested: bytes | None  # the hash of the row at `last`, as the next row or the head names it
    at_end: bool = False

    def __contains__(self, place: int) -> bool:
        return self.first <= place <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedVerification:
    """A verification and its time."""

    verification: Verification
    at: float  # when it started, seconds since the epoch: later rows are not covered
    took_s: float


class Verifier:
    """Takes the rows in order, then the head."""

    def __init__(self, start: ChainPosition = CHAIN_START, signed: ChainPosition | None = None) -> None:
        self._start = self._last = start
        self._signed_head = signed
        self._rows = 0
        self._offset = 0  # original place minus current place of the rows being read
        self._searches = SEARCHES_MAX
        self._pending: _Misfit | None = None  # the last row, while it fits nowhere
        self._doubt: tuple[ChainPosition, bytes] | None = None  # the row before the last, and the hash the last names
        self._recent = deque([start], maxlen=MOVED_MAX + 2)
        self._misfits: list[_Misfit] = []
        self._gaps: list[_Gap] = []
        self._findings: list[Finding] = []
        self._omitted = 0

    def add(self, row: ChainRow, position: int | None = None) -> None:
        """Take the next row. `position` is its place by counting, if no database orders the rows."""
        self._rows += 1
        if type(row.number) is not int:  # SQLite also stores 5.5 and "five" in an integer column
            place = self._last.row + 1
            self._report(Finding(kind=FindingKind.INSERTED, first=place, last=place, row=row))
            return
        misfit = _Misfit(row.number if position is None else position, row)
        if _matches(row, misfit.place + self._offset):
            self._flush_pending()
            self._accept(row, misfit.place + self._offset)
        elif self._pending is not None and (moved := self._find_offset(self._pending, misfit)) is not None:
            self._shift(self._pending, misfit, moved)
        else:
            self._flush_pending()
            self._pending = misfit

    def finish(self, head: ChainPosition | None = None) -> Verification:
        """Return the result. `head` is the last row as the database records it; None for an export."""
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
        """Compare the last row's hash with the hash that its successor names.

        If they differ, the last row is in doubt; but if the successor is contradicted too, the successor was forged.
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

    def _find_offset(self, first: _Misfit, second: _Misfit) -> int | None:
        """Return the offset by which two consecutive rows were both moved, if there is one."""
        if self._searches == 0 or second.place != first.place + 1:
            return None
        self._searches -= 1
        tries = [first.row.number - first.place]
        for distance in range(1, MOVED_MAX + 1):
            tries += self._offset - distance, self._offset + distance
        return next(
            (by for by in tries if _matches(first.row, first.place + by) and _matches(second.row, second.place + by)),
            None,
        )

    def _shift(self, first: _Misfit, second: _Misfit, moved: int) -> None:
        """Continue with a new offset: rows were inserted or removed before these."""
        self._pending = None
        inserted = self._offset - moved
        if inserted > 0:
            among = range(first.place - inserted, first.place)
            self._misfits = [misfit for misfit in self._misfits if misfit.place not in among]
            self._findings = [finding for finding in self._findings if finding.first not in among]
            self._report(Finding(kind=FindingKind.INSERTED, first=among[0], last=among[-1]))
            while len(self._recent) > 1 and self._recent[-1].row >= first.place + moved:
                self._recent.pop()
            self._last, self._doubt = self._recent[-1], None
        self._offset = moved
        for misfit in (first, second):
            self._accept(misfit.row, misfit.place + moved)

    def _flush_pending(self) -> None:
        if self._pending is not None:
            self._misfit(_Misfit(self._pending.place + self._offset, self._pending.row))
            self._pending = None

    def _compare_end(self, head: ChainPosition | None) -> None:
        last_misfit = max((misfit.place for misfit in self._misfits), default=0) if head is None else 0
        ends: list[tuple[int, bytes | None]] = [(place.row, place.hash) for place in (self._signed_head, head) if place]
        furthest, attested = max([*ends, (last_misfit, None)], key=lambda end: end[0])
        if furthest > self._last.row:
            self._resolve_doubt()
            self._gap(_Gap(self._last.row + 1, furthest, attested, at_end=True))
        elif head is not None and head.row == self._last.row:
            self._confirm_last(head.hash)
        elif head is not None and head.row < self._last.row:
            self._report(Finding(kind=FindingKind.INSERTED, first=head.row + 1, last=self._last.row))
        self._resolve_doubt()

    def _explain(self) -> None:
        """Report what happened to each row that fits nowhere and to each place without a row."""
        places = {misfit.place for misfit in self._misfits} | {
            end for gap in self._gaps for end in (gap.first, gap.last)
        }
        found_at = {place: misfit for misfit in self._misfits for place in places if self._written_for(misfit, place)}
        displaced = list(found_at.values())
        explained = set(found_at)
        for misfit in self._misfits:
            gap = next((gap for gap in self._gaps if misfit.place in gap), None)
            if misfit in displaced:
                if misfit.place in found_at:
                    self._report(_misfit_finding(misfit, FindingKind.REORDERED))
            elif gap is None:
                self._report(_misfit_finding(misfit, FindingKind.INSERTED))
            else:
                explained.add(misfit.place)
                self._report(_changed_finding(misfit, gap))
        for gap in self._gaps:
            for first, last in _unexplained_parts(gap, explained):
                fault = FindingKind.TRUNCATED if gap.at_end and last == gap.last else FindingKind.REMOVED
                after = found_at.get(last + 1)
                attested = gap.attested if last == gap.last else after.row.previous if after else None
                self._report(Finding(kind=fault, first=first, last=last, expected=attested))

    def _written_for(self, misfit: _Misfit, place: int) -> bool:
        """Return whether a misfit, or only its record, was written at another place."""
        if place == misfit.place or not any(place in gap for gap in self._gaps):
            return False
        rows = [misfit.row, *(other.row for other in self._misfits if other.place == place)]
        hashes = {row.hash for row in rows}
        return any(row_hash(place, row.previous, misfit.row.record) in hashes for row in rows)

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

    def _report_changed(self, row: int, expected: bytes, found: bytes, current: ChainRow | None = None) -> None:
        if not any(finding.kind is FindingKind.CHANGED and finding.first == row for finding in self._findings):
            changed = FindingKind.CHANGED
            self._report(Finding(kind=changed, first=row, last=row, expected=expected, found=found, row=current))

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
    """Yield the parts of a gap between explained places."""
    first = gap.first
    for place in sorted(place for place in explained if place in gap):
        if place > first:
            yield first, place - 1
        first = place + 1
    if first <= gap.last:
        yield first, gap.last
