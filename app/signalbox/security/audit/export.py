"""Checks an export away from the database that it came from."""

import itertools
from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final

from signalbox.security.audit import ndjson
from signalbox.security.audit.chain import Verification, Verifier
from signalbox.security.audit.documents import SignedHead, SignedSeal
from signalbox.security.audit.model import CHAIN_START, ChainPosition, ChainRow
from signalbox.security.errors import RequestRejected

LOOKAHEAD_ROWS: Final = (
    500  # rows, to see with which number an export begins though its lines were put in another order
)


def verify(file: BinaryIO, document: SignedHead | None = None) -> Verification:
    """Check the rows of an export, which have no gap when it was made of times only.

    Args:
        file: Its lines.
        document: A head or a seal that has been proved, to compare with. A seal also says where the export begins.

    Raises:
        ExportUnreadable: it is none.
        RequestRejected: it holds no row, or the head is of a row before it.
    """
    rows = ndjson.read(file)
    ahead = list(itertools.islice(rows, LOOKAHEAD_ROWS))
    if not ahead:
        raise RequestRejected("The export holds no row: there is nothing to verify. Make another one.")
    start = document.start if isinstance(document, SignedSeal) else _start(ahead)
    signed = document.position if document is not None else None
    if signed is not None and signed.row <= start.row:
        begins = f"and the export begins at row {start.row + 1}"
        raise RequestRejected(f"The head is of row {signed.row}, {begins}: they cannot be compared. Take a later head.")
    return _verify(itertools.chain(ahead, rows), start, signed)


def _start(ahead: Sequence[ChainRow]) -> ChainPosition:
    first = min(ahead, key=lambda row: row.number)
    return CHAIN_START if first.number == CHAIN_START.row + 1 else ChainPosition(first.number - 1, first.previous)


def _verify(rows: Iterable[ChainRow], start: ChainPosition, signed: ChainPosition | None) -> Verification:
    verifier = Verifier(start, signed)
    for stands, row in enumerate(rows, start=start.row + 1):
        verifier.add(row, stands)
    return verifier.finish()
