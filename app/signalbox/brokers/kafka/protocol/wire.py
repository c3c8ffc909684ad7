"""Kafka's primitive types, read and written with `struct`: big-endian numbers, strings and arrays in their plain and compact forms."""

import struct
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

_I16, _I32, _I64 = struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">q")
VARINT_BYTES_MOST = 5  # lengths and counts are 32 bits


class Malformed(Exception):
    """A frame that is not what the protocol says: cut short, or with counts and lengths that cannot be."""


def decoded(what: str, decode: Callable[[], T]) -> T:
    """Run a decoder; whatever a cut or hostile frame makes it stumble over becomes `Malformed` and names the answer."""
    try:
        return decode()
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise Malformed(f"the answer to {what} is cut short or not understood ({error})") from error


class Cursor:
    """Reads one frame from front to back. `flexible` chooses the compact forms and tagged fields of newer versions."""

    __slots__ = ("at", "data", "flexible")

    def __init__(self, data: bytes, *, flexible: bool, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.flexible = flexible

    def i8(self) -> int:
        value = self.data[self.at]
        self.at += 1
        return value - 256 if value > 127 else value

    def i16(self) -> int:
        (value,) = _I16.unpack_from(self.data, self.at)
        self.at += 2
        return int(value)

    def i32(self) -> int:
        (value,) = _I32.unpack_from(self.data, self.at)
        self.at += 4
        return int(value)

    def i64(self) -> int:
        (value,) = _I64.unpack_from(self.data, self.at)
        self.at += 8
        return int(value)

    def varint(self) -> int:
        value = shift = 0
        for _ in range(VARINT_BYTES_MOST):
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise Malformed("a length of more than 32 bits")

    def raw(self, size: int) -> bytes:
        """Take so many bytes, all of them or Malformed."""
        end = self.at + size
        if size < 0 or end > len(self.data):
            raise Malformed(f"{size} bytes are announced and {len(self.data) - self.at} are left")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def count(self) -> int:
        """How many elements follow; null counts as none. Each takes a byte at least, so more than are left cannot be."""
        count = self.varint() - 1 if self.flexible else self.i32()
        if count > len(self.data) - self.at:
            raise Malformed(f"{count} elements are announced and {len(self.data) - self.at} bytes are left")
        return max(count, 0)

    def blob(self) -> bytes | None:
        size = self.varint() - 1 if self.flexible else self.i32()
        return None if size < 0 else self.raw(size)

    def text_or_none(self) -> str | None:
        size = self.varint() - 1 if self.flexible else self.i16()
        return None if size < 0 else self.raw(size).decode()

    def text(self) -> str:
        return self.text_or_none() or ""

    def ints(self) -> tuple[int, ...]:
        count = self.count()
        return struct.unpack(f">{count}i", self.raw(4 * count))

    def topic_id(self) -> str:
        return self.raw(16).hex()

    def tags(self) -> None:
        """Skip tagged fields: what newer brokers add without a new version."""
        if self.flexible:
            for _ in range(self.varint()):
                self.varint()
                self.raw(self.varint())


class Body:
    """Writes one request's body."""

    __slots__ = ("_out", "flexible")

    def __init__(self, *, flexible: bool) -> None:
        self._out = bytearray()
        self.flexible = flexible

    def done(self) -> bytes:
        """Return what was written, closed by the empty tagged fields where the version has them."""
        return bytes(self._out + b"\0") if self.flexible else bytes(self._out)

    def i8(self, value: int) -> None:
        self._out.append(value & 0xFF)

    def i16(self, value: int) -> None:
        self._out += _I16.pack(value)

    def i32(self, value: int) -> None:
        self._out += _I32.pack(value)

    def i64(self, value: int) -> None:
        self._out += _I64.pack(value)

    def varint(self, value: int) -> None:
        while value > 0x7F:
            self._out.append(value & 0x7F | 0x80)
            value >>= 7
        self._out.append(value)

    def raw(self, piece: bytes) -> None:
        self._out += piece

    def count(self, count: int | None) -> None:
        """Begin an array; None writes null."""
        if self.flexible:
            self.varint(0 if count is None else count + 1)
        else:
            self.i32(-1 if count is None else count)

    def text(self, text: str | None) -> None:
        piece = b"" if text is None else text.encode()
        if self.flexible:
            self.varint(0 if text is None else len(piece) + 1)
        else:
            self.i16(-1 if text is None else len(piece))
        self._out += piece

    def texts(self, texts: Iterable[str]) -> None:
        items = list(texts)
        self.count(len(items))
        for text in items:
            self.text(text)

    def ints(self, values: Iterable[int]) -> None:
        items = list(values)
        self.count(len(items))
        self._out += struct.pack(f">{len(items)}i", *items)

    def tags(self) -> None:
        if self.flexible:
            self._out.append(0)
