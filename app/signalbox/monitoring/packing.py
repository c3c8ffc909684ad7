"""Samples to bytes and back: deltas in the narrowest integers that hold them, then zlib. Pure.

A packed run is a version byte and a zlib stream (whose checksum finds damage) of: row count, then four columns. A column is a
flag, one state byte per row if the flag is set (0 known, 1 UNKNOWN, 2 RESET), the first value, and the type and bytes of the
deltas. Where a value is not known the one before is repeated, so that a gap costs nothing and widens nothing.
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import sub

from signalbox.brokers.model import UNKNOWN
from signalbox.monitoring.samples import RESET, Samples

VERSION = b"\x01"
LEVEL = 6
UNPACKED_BYTES_MAX = 64 * 1024**2
WIDTHS = "bhiq"
STATE = {UNKNOWN: 1, RESET: 2}
VALUE = {state: value for value, state in STATE.items()}


class Unreadable(ValueError):
    """These bytes are not a packed run, or are damaged."""


def pack(samples: Samples) -> bytes:
    """Return the rows as bytes; every value is UNKNOWN, RESET, or 0 to 2**62."""
    parts = [struct.pack("<I", len(samples))]
    for column in samples.columns():
        parts += _pack_column(column)
    return VERSION + zlib.compress(b"".join(parts), LEVEL)


def unpack(data: bytes) -> Samples:
    """Return the rows that `pack` was given.

    Raises:
        Unreadable: damaged, or written by another version.
    """
    if data[:1] != VERSION:
        raise Unreadable("not a packed run of this version")
    try:
        stream = zlib.decompressobj()
        reader = _Reader(stream.decompress(data[1:], UNPACKED_BYTES_MAX))
        if not stream.eof:
            raise Unreadable("it ends too early, or unpacks to too much")
        (rows,) = struct.unpack("<I", reader.take(4))
        samples = Samples(*(_unpack_column(reader, rows) for _ in range(4)))
    except (zlib.error, struct.error, OverflowError) as error:
        raise Unreadable(str(error)) from None
    return samples


def pack_journal(runs: Sequence[tuple[int, Samples]]) -> bytes:
    """Return the rows of many series, each with its id, as one packed run with a table of contents before it."""
    together = Samples()
    for _, samples in runs:
        together.extend(samples)
    contents = [number for series, samples in runs for number in (series, len(samples))]
    return struct.pack(f"<I{len(contents)}I", len(runs), *contents) + pack(together)


def unpack_journal(data: bytes) -> Iterator[tuple[int, Samples]]:
    """Yield what `pack_journal` was given.

    Raises:
        Unreadable: damaged, or written by another version.
    """
    try:
        (count,) = struct.unpack_from("<I", data)
        contents = struct.unpack_from(f"<{2 * count}I", data, 4)
    except struct.error as error:
        raise Unreadable(str(error)) from None
    together = unpack(data[4 + 8 * count :])
    if sum(contents[1::2]) != len(together):
        raise Unreadable("its table of contents does not fit")
    begin = 0
    for series, rows in zip(contents[::2], contents[1::2], strict=True):
        yield series, together.between(begin, begin + rows)
        begin += rows


def _pack_column(column: "array[int]") -> list[bytes]:
    if not column:
        return []
    states = bytes(STATE.get(value, 0) for value in column) if min(column) < 0 else b""
    known = column if not states else array("q", accumulate(column, _or_before))
    deltas = _narrowest(array("q", map(sub, known[1:], known)))
    head = struct.pack("<?", bool(states)) + states + struct.pack("<qc", known[0], deltas.typecode.encode())
    return [head, _little_endian(deltas).tobytes()]


def _or_before(before: int, now: int) -> int:
    return now if now >= 0 else before


def _unpack_column(reader: "_Reader", rows: int) -> "array[int]":
    if not rows:
        return array("q")
    states = reader.take(rows) if reader.take(1) != b"\x00" else b""
    first, code = struct.unpack("<qc", reader.take(9))
    if code.decode("latin-1") not in WIDTHS:
        raise Unreadable("unknown width")
    deltas = array(code.decode())
    deltas.frombytes(reader.take((rows - 1) * deltas.itemsize))
    column = array("q", accumulate(_little_endian(deltas), initial=first))
    for row, state in enumerate(states):
        if state:
            column[row] = VALUE.get(state, UNKNOWN)
    return column


def _narrowest(deltas: "array[int]") -> "array[int]":
    low, high = (min(deltas), max(deltas)) if deltas else (0, 0)
    for width in WIDTHS:
        bound = 1 << (8 * array(width).itemsize - 1)
        if -bound <= low and high < bound:
            return array(width, deltas)
    return deltas


def _little_endian(column: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        column.byteswap()
    return column


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise Unreadable("it ends too early")
        self._at += count
        return taken
