"""The hot path: OffsetFetch (9) returns committed offsets, ListOffsets (2) returns start and end offsets of partitions.

A sweep reads 100,000 rows: therefore the loops are inlined, and unchanged bytes of a group are not decoded again.
"""

import functools
import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.wire import Cursor, RequestBody

OFFSET_FETCH = Api("OffsetFetch", 9, (8,), flexible_from=6)  # many groups per request: Kafka 3.0 and later
OFFSET_FETCH_SINGLE = Api("OffsetFetch", 9, (7, 6, 5, 4, 3, 2), flexible_from=6, throttle_from=3)
LIST_OFFSETS = Api("ListOffsets", 2, (7, 6, 5, 4, 2), flexible_from=6)

LATEST, EARLIEST = -1, -2  # special timestamps of ListOffsets
READ_UNCOMMITTED, READ_COMMITTED = 0, 1

_COMMIT = struct.Struct(">iqi")  # partition, offset, leader epoch
_PLAIN_COMMIT = struct.Struct(">iq4xI")  # the same; the last number packs metadata length, error and tag count
_PLAIN_TAILS = frozenset({0, 1 << 24})  # metadata null or empty, no error, no tags
# One row of ListOffsets by version: partition, error, timestamp, offset, leader epoch, tags
_OFFSET_ROWS = {7: ">ihqqib", 6: ">ihqqib", 5: ">ihqqi", 4: ">ihqqi", 2: ">ihqq"}


@dataclass(frozen=True, slots=True)
class CommittedOffsets:
    """The committed offsets of one group, in columns. `topics`: (name, number of rows); `errors`: row -> code; `raw`: its bytes."""

    group: str
    error: int
    topics: tuple[tuple[str, int], ...] = ()
    partition: "array[int]" = field(default_factory=lambda: array("i"))
    offset: "array[int]" = field(default_factory=lambda: array("q"))
    errors: Mapping[int, int] = field(default_factory=dict)
    raw: bytes = b""


def committed_offsets_request(
    groups: Sequence[str], previous: Sequence[bytes] = ()
) -> Request[list[CommittedOffsets | int]]:
    """Ask for all committed offsets of these groups.

    The result contains the index of a group instead of its offsets if its bytes equal `previous` at that index.
    """
    names = tuple(groups)
    return Request(OFFSET_FETCH, lambda _: _encode_batch(names), lambda data, _: _decode_batch(data, previous))


def single_group_offsets_request(group: str, previous: bytes = b"") -> Request[list[CommittedOffsets | int]]:
    """Ask for all committed offsets of one group: brokers before 3.0 accept no more."""
    return Request(
        OFFSET_FETCH_SINGLE,
        lambda version: _encode_single(version, group),
        lambda data, version: [0 if previous and data == previous else _decode_single(data, version, group)],
    )


@functools.lru_cache(maxsize=256)  # each sweep asks for the same batches
def _encode_batch(groups: tuple[str, ...]) -> bytes:
    body = RequestBody(flexible=True)
    for group in body.structs(groups):
        body.text(group)
        body.count(None)  # every topic
    body.i8(0)  # require_stable = true would hide the last commit while a transaction is open
    return body.to_bytes()


def _encode_single(version: int, group: str) -> bytes:
    body = RequestBody(flexible=OFFSET_FETCH_SINGLE.is_flexible(version))
    body.text(group)
    body.count(None)
    if version >= 7:
        body.i8(0)
    return body.to_bytes()


def _decode_batch(data: bytes, previous: Sequence[bytes]) -> list[CommittedOffsets | int]:
    cursor = Cursor(data, flexible=True, position=4)
    groups: list[CommittedOffsets | int] = []
    for number in range(cursor.count()):
        if number < len(previous) and previous[number] and data.startswith(previous[number], cursor.position):
            cursor.position += len(previous[number])
            groups.append(number)
            continue
        first_byte = cursor.position
        name = cursor.text()
        topics, partition, offset, errors = _decode_topics(cursor)
        error = cursor.i16()
        cursor.skip_tags()
        raw = data[first_byte : cursor.position]
        groups.append(CommittedOffsets(name, error, topics, partition, offset, errors, raw))
    return groups


def _decode_topics(cursor: Cursor) -> tuple[tuple[tuple[str, int], ...], "array[int]", "array[int]", dict[int, int]]:
    topics: list[tuple[str, int]] = []
    partition: list[int] = []
    offset: list[int] = []
    errors: dict[int, int] = {}
    for _ in cursor.structs():
        name, count = cursor.text(), cursor.count()
        topics.append((name, count))
        if plain := _plain_rows(cursor, count):
            partition += plain[0]
            offset += plain[1]
        else:
            _decode_rows(cursor, count, partition, offset, errors)
    return tuple(topics), array("i", partition), array("q", offset), errors


def _plain_rows(cursor: Cursor, count: int) -> tuple[Sequence[int], Sequence[int]] | None:
    """Decode all rows of a topic at once if no row has metadata, an error or tags; otherwise return None.

    The check is complete: the first row with such a field is longer, and its last bytes differ.
    """
    end = cursor.position + count * _PLAIN_COMMIT.size
    if not count or end > len(cursor.data):
        return None
    partition, offset, tail = zip(*_PLAIN_COMMIT.iter_unpack(cursor.data[cursor.position : end]), strict=True)
    if not _PLAIN_TAILS.issuperset(tail):
        return None
    cursor.position = end
    return partition, offset


def _decode_rows(cursor: Cursor, count: int, partition: list[int], offset: list[int], errors: dict[int, int]) -> None:
    data, read, position = cursor.data, _COMMIT.unpack_from, cursor.position
    for _ in range(count):
        index, committed, _ = read(data, position)
        position += 16
        size = data[position]  # of the commit metadata, nearly always 0
        if size < 128:
            position += size or 1
        else:
            cursor.position = position
            cursor.text_or_none()
            position = cursor.position
        if data[position] | data[position + 1]:
            errors[len(partition)] = data[position] << 8 | data[position + 1]
        position += 2
        if data[position]:
            cursor.position = position
            cursor.skip_tags()
            position = cursor.position
        else:
            position += 1
        partition.append(index)
        offset.append(committed)
    cursor.position = position


def _decode_single(data: bytes, version: int, group: str) -> CommittedOffsets:
    cursor = Cursor(data, flexible=OFFSET_FETCH_SINGLE.is_flexible(version))
    if version >= 3:
        cursor.i32()
    topics: list[tuple[str, int]] = []
    partition, offset, errors = array("i"), array("q"), dict[int, int]()
    for _ in cursor.structs():
        name, count = cursor.text(), cursor.count()
        topics.append((name, count))
        for _ in range(count):
            partition.append(cursor.i32())
            offset.append(cursor.i64())
            if version >= 5:
                cursor.i32()
            cursor.text_or_none()
            if code := cursor.i16():
                errors[len(partition) - 1] = code
            cursor.skip_tags()
    return CommittedOffsets(group, cursor.i16(), tuple(topics), partition, offset, errors, data)


def list_offsets_request(
    partitions: Mapping[str, Sequence[int]], *, timestamp: int = LATEST, isolation: int = READ_UNCOMMITTED
) -> Request[list[tuple[str, bytes, str]]]:
    """Ask the leader of these partitions. The response lists (topic, undecoded rows, row format): see `decode_offset_rows`.

    Undecoded, so that callers can skip unchanged topics by comparing bytes. Reuse the request while the partitions stay the
    same: it caches its encoding.
    """
    encode = functools.cache(lambda version: _encode_list_offsets(version, partitions, timestamp, isolation))
    return Request(LIST_OFFSETS, encode, _decode_list_offsets)


def decode_offset_rows(rows: bytes, row_format: str) -> Iterator[tuple[int, int, int]]:
    """Yield (partition, error code, offset)."""
    for row in struct.iter_unpack(row_format, rows):
        yield row[0], row[1], row[3]


def _encode_list_offsets(
    version: int, partitions: Mapping[str, Sequence[int]], timestamp: int, isolation: int
) -> bytes:
    body = RequestBody(flexible=LIST_OFFSETS.is_flexible(version))
    body.i32(-1)
    body.i8(isolation)
    tags = b"\0" if body.flexible else b""
    rest = (
        (struct.pack(">i", -1) if version >= 4 else b"") + struct.pack(">q", timestamp) + tags
    )  # leader epoch from v4
    for name, indexes in body.structs(partitions.items()):
        body.text(name)
        body.count(len(indexes))
        body.raw(b"".join([index.to_bytes(4, "big") + rest for index in indexes]))
    return body.to_bytes()


def _decode_list_offsets(data: bytes, version: int) -> list[tuple[str, bytes, str]]:
    cursor = Cursor(data, flexible=LIST_OFFSETS.is_flexible(version), position=4)
    row_format = _OFFSET_ROWS[version]
    size = struct.calcsize(row_format)
    return [(cursor.text(), cursor.raw(cursor.count() * size), row_format) for _ in cursor.structs()]
