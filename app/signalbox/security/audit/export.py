"""Verifies an export without its database."""

import itertools
from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final

from signalbox.security.audit import ndjson
from signalbox.security.audit.chain import Verification, Verifier
from signalbox.security.audit.documents import SignedHead, SignedSeal
from signalbox.security.audit.model import CHAIN_START, ChainPosition, ChainRow
from signalbox.security.errors import RequestRejected

LOOKAHEAD_ROWS: Final = 500  # rows, to find the lowest number although lines may be reordered


def verify(file: BinaryIO, document: SignedHead | None = None) -> Verification:
    """Verify an export. It has no gaps if it was filtered by time only.

    Args:
        file: The export.
        document: A verified head or seal to compare with. A seal also states where the export starts.

    Raises:
        ExportUnreadable: the file is not an export.
        RequestRejected: the export has no rows, or starts after the head.
    """
    rows = ndjson.read(file)
    first_rows = list(itertools.islice(rows, LOOKAHEAD_ROWS))
    if not first_rows:
        raise RequestRejected("The export has no rows, so there is nothing to verify. Export a longer period.")
    start = document.start if isinstance(document, SignedSeal) else _start(first_rows)
    signed = document.position if document is not None else None
    if signed is not None and signed.row <= start.row:
        begins = f"but the export starts at row {start.row + 1}"
        raise RequestRejected(f"The head is of row {signed.row}, {begins}. Use a later head.")
    return _verify(itertools.chain(first_rows, rows), start, signed)


def _start(first_rows: Sequence[ChainRow]) -> ChainPosition:
    first = min(first_rows, key=lambda row: row.number)
    return CHAIN_START if first.number == CHAIN_START.row + 1 else ChainPosition(first.number - 1, first.previous)


def _verify(rows: Iterable[ChainRow], start: ChainPosition, signed: ChainPosition | None) -> Verification:
    verifier = Verifier(start, signed)
    for position, row in enumerate(rows, start=start.row + 1):
        verifier.add(row, position)
    return verifier.finish()
