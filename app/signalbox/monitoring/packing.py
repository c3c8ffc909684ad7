"""Packs samples to bytes: deltas in the narrowest integers that fit, then zlib. Pure."""

# A packed run is a version byte and a zlib stream (whose checksum finds damage) of: row count, then four columns. A column is
# a flag, one state byte per row if the flag is set (0 known, 1 UNKNOWN, 2 RESET, 3 at least), the first value, and the type and bytes of
# the deltas. An unknown value repeats the one before, so a gap costs nothing and widens no delta.

import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import sub

from signalbox.brokers.model import UNKNOWN
from signalbox.monitoring.samples import AT_LEAST, RESET, Samples, at_least

VERSION = b"\x01"
LEVEL = 6
UNPACKED_BYTES_MAX = 64 * 1024**2
WIDTHS = "bhiq"
_STATES = {UNKNOWN: 1, RESET: 2}
_VALUES = {state: value for value, state in _STATES.items()}
_PARTIAL = 3  # the state of a lag that is a minimum


class DamagedRun(ValueError):
    """The bytes are not a packed run, or are damaged."""


def pack(samples: Samples) -> bytes:
    """Return the rows as bytes; values are UNKNOWN, RESET, or 0 to 2**62."""
    parts = [struct.pack("<I", len(samples))]
    for column in samples.columns():
        parts += _pack_column(column)
    return VERSION + zlib.compress(b"".join(parts), LEVEL)


def unpack(data: bytes) -> Samples:
    """Return the rows of a packed run.

    Raises:
        DamagedRun: damaged, or written by another version.
    """
    if data[:1] != VERSION:
        raise DamagedRun("not a packed run of this version")
    try:
        stream = zlib.decompressobj()
        reader = _Reader(stream.decompress(data[1:], UNPACKED_BYTES_MAX))
        if not stream.eof:
            raise DamagedRun("it ends too early or unpacks to too many bytes")
        (rows,) = struct.unpack("<I", reader.take(4))
        samples = Samples(*(_unpack_column(reader, rows) for _ in range(4)))
    except (zlib.error, struct.error, OverflowError) as error:
        raise DamagedRun(str(error)) from None
    return samples


def pack_journal(runs: Sequence[tuple[int, Samples]]) -> bytes:
    """Return the rows of many series as one packed run, after a table of series ids and row counts."""
    all_rows = Samples()
    for _, samples in runs:
        all_rows.extend(samples)
    contents = [number for series, samples in runs for number in (series, len(samples))]
    return struct.pack(f"<I{len(contents)}I", len(runs), *contents) + pack(all_rows)


def unpack_journal(data: bytes) -> Iterator[tuple[int, Samples]]:
    """Yield the series ids and rows of a packed journal.

    Raises:
        DamagedRun: damaged, or written by another version.
    """
    try:
        (count,) = struct.unpack_from("<I", data)
        contents = struct.unpack_from(f"<{2 * count}I", data, 4)
    except struct.error as error:
        raise DamagedRun(str(error)) from None
    all_rows = unpack(data[4 + 8 * count :])
    if sum(contents[1::2]) != len(all_rows):
        raise DamagedRun("the table of contents does not match the rows")
    begin = 0
    for series, rows in zip(contents[::2], contents[1::2], strict=True):
        yield series, all_rows.between(begin, begin + rows)
        begin += rows


def _pack_column(column: "array[int]") -> list[bytes]:
    if not column:
        return []
    states = bytes(_state(value) for value in column) if min(column) < 0 else b""
    known = column if not states else array("q", accumulate(column, _or_before, initial=0))[1:]
    deltas = _narrowest(array("q", map(sub, known[1:], known)))
    head = struct.pack("<?", bool(states)) + states + struct.pack("<qc", known[0], deltas.typecode.encode())
    return [head, _little_endian(deltas).tobytes()]


def _state(value: int) -> int:
    return _PARTIAL if value <= AT_LEAST else _STATES.get(value, 0)


def _or_before(before: int, now: int) -> int:
    return at_least(now) if now <= AT_LEAST else now if now >= 0 else before


def _unpack_column(reader: "_Reader", rows: int) -> "array[int]":
    if not rows:
        return array("q")
    states = reader.take(rows) if reader.take(1) != b"\x00" else b""
    first, code = struct.unpack("<qc", reader.take(9))
    if code.decode("latin-1") not in WIDTHS:
        raise DamagedRun("unknown width")
    deltas = array(code.decode())
    deltas.frombytes(reader.take((rows - 1) * deltas.itemsize))
    column = array("q", accumulate(_little_endian(deltas), initial=first))
    for row, state in enumerate(states):
        if state == _PARTIAL:
            column[row] = at_least(column[row])
        elif state:
            column[row] = _VALUES.get(state, UNKNOWN)
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
            raise DamagedRun("it ends too early")
        self._at += count
        return taken
