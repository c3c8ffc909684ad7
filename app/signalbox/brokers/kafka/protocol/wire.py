"""Read and write Kafka's primitive types: big-endian numbers, strings and arrays, in plain and compact form."""

import struct
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_I16, _I32, _I64 = struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">q")
VARINT_BYTES_MAX = 5  # lengths and counts are 32 bits


class MalformedResponse(Exception):
    """A response does not follow the protocol: truncated, or with impossible counts or lengths."""


def decode_checked(name: str, decode: Callable[[], T]) -> T:
    """Run a decoder; every error that truncated or hostile bytes cause becomes `MalformedResponse`."""
    try:
        return decode()
    except (struct.error, IndexError, OverflowError) as error:
        raise MalformedResponse(f"Cannot decode {name}: {error}") from error


class Cursor:
    """Reads one frame in order. `flexible` selects the compact forms and tagged fields of newer versions."""

    __slots__ = ("data", "flexible", "position")

    def __init__(self, data: bytes, *, flexible: bool, position: int = 0) -> None:
        self.data = data
        self.position = position
        self.flexible = flexible

    def i8(self) -> int:
        value = self.data[self.position]
        self.position += 1
        return value - 256 if value > 127 else value

    def i16(self) -> int:
        (value,) = _I16.unpack_from(self.data, self.position)
        self.position += 2
        return int(value)

    def i32(self) -> int:
        (value,) = _I32.unpack_from(self.data, self.position)
        self.position += 4
        return int(value)

    def i64(self) -> int:
        (value,) = _I64.unpack_from(self.data, self.position)
        self.position += 8
        return int(value)

    def varint(self) -> int:
        value = shift = 0
        for _ in range(VARINT_BYTES_MAX):
            byte = self.data[self.position]
            self.position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise MalformedResponse("A length has more than 32 bits")

    def raw(self, size: int) -> bytes:
        """Return the next `size` bytes. Raises MalformedResponse if fewer remain."""
        end = self.position + size
        if size < 0 or end > len(self.data):
            raise MalformedResponse(f"The frame announces {size} bytes, and {len(self.data) - self.position} remain")
        piece = self.data[self.position : end]
        self.position = end
        return piece

    def count(self) -> int:
        """Return how many elements follow (null = 0). Each takes at least one byte: a count above the rest is malformed."""
        count = self.varint() - 1 if self.flexible else self.i32()
        if count > len(self.data) - self.position:
            raise MalformedResponse(f"The frame announces {count} elements in {len(self.data) - self.position} bytes")
        return max(count, 0)

    def structs(self) -> Iterator[None]:
        """Step through an array of structs, and skip the tagged fields at the end of each."""
        for _ in range(self.count()):
            yield
            self.skip_tags()

    def blob(self) -> bytes | None:
        size = self.varint() - 1 if self.flexible else self.i32()
        return None if size < 0 else self.raw(size)

    def text_or_none(self) -> str | None:
        size = self.varint() - 1 if self.flexible else self.i16()
        return None if size < 0 else self.raw(size).decode(errors="replace")  # one bad name costs no other row

    def text(self) -> str:
        return self.text_or_none() or ""

    def skip_texts(self, number: int) -> None:
        for _ in range(number):
            self.text_or_none()

    def ints(self) -> tuple[int, ...]:
        count = self.count()
        return struct.unpack(f">{count}i", self.raw(4 * count))

    def topic_id(self) -> str:
        return self.raw(16).hex()

    def skip_tags(self) -> None:
        """Skip tagged fields, which newer brokers add without a new version."""
        if self.flexible:
            for _ in range(self.varint()):
                self.varint()
                self.raw(self.varint())


class RequestBody:
    """Writes the body of one request."""

    __slots__ = ("_out", "flexible")

    def __init__(self, *, flexible: bool) -> None:
        self._out = bytearray()
        self.flexible = flexible

    def to_bytes(self) -> bytes:
        """Return the body; flexible versions end with empty tagged fields."""
        return bytes(self._out + b"\0") if self.flexible else bytes(self._out)

    def i8(self, *values: int) -> None:
        self._out += bytes(value & 0xFF for value in values)

    def i16(self, value: int) -> None:
        self._out += _I16.pack(value)

    def i32(self, *values: int) -> None:
        self._out += struct.pack(f">{len(values)}i", *values)

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
        """Write the length of an array; None writes null."""
        if self.flexible:
            self.varint(0 if count is None else count + 1)
        else:
            self.i32(-1 if count is None else count)

    def structs(self, items: Collection[T]) -> Iterator[T]:
        """Write the length of an array of structs, and empty tagged fields after each that the caller writes."""
        self.count(len(items))
        for item in items:
            yield item
            self.tags()

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
