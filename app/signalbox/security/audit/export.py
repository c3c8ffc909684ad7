"""Checks an export away from the database that it came from."""

import itertools
from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final

from signalbox.security.audit import ndjson
from signalbox.security.audit.chain import Verdict, Verifier
from signalbox.security.audit.documents import Head, Seal
from signalbox.security.audit.model import START, Place, Row
from signalbox.security.errors import RequestRejected

LOOKED_AHEAD: Final = 500  # rows, to see with which number an export begins though its lines were put in another order


def verify(file: BinaryIO, document: Head | None = None) -> Verdict:
    """Check the rows of an export, which have no gap when it was made of times only.

    Args:
        file: Its lines.
        document: A head or a seal that has been proved, to compare with. A seal also says where the export begins.

    Raises:
        ExportUnreadable: it is none.
        Refused: it holds no row, or the head is of a row before it.
    """
    rows = ndjson.read(file)
    ahead = list(itertools.islice(rows, LOOKED_AHEAD))
    if not ahead:
        raise RequestRejected("The export holds no row: there is nothing to verify. Make another one.")
    start = document.start if isinstance(document, Seal) else _start(ahead)
    signed = document.place if document is not None else None
    if signed is not None and signed.row <= start.row:
        begins = f"and the export begins at row {start.row + 1}"
        raise RequestRejected(f"The head is of row {signed.row}, {begins}: they cannot be compared. Take a later head.")
    return _verify(itertools.chain(ahead, rows), start, signed)


def _start(ahead: Sequence[Row]) -> Place:
    first = min(ahead, key=lambda row: row.number)
    return START if first.number == START.row + 1 else Place(first.number - 1, first.previous)


def _verify(rows: Iterable[Row], start: Place, signed: Place | None) -> Verdict:
    verifier = Verifier(start, signed)
    for stands, row in enumerate(rows, start=start.row + 1):
        verifier.add(row, stands)
    return verifier.end()
