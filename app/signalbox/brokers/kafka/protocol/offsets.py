"""The hot path: OffsetFetch (9), what groups have committed, and ListOffsets (2), where partitions begin and end.

100,000 rows are read each sweep, so these loops are written out. A group whose bytes did not change is not decoded again.
"""

import functools
import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.brokers.kafka.protocol.frames import Api, Question
from signalbox.brokers.kafka.protocol.wire import Body, Cursor

OFFSET_FETCH = Api("OffsetFetch", 9, (8,), flexible_from=6)  # many groups in one request: Kafka 3.0 and later
OFFSET_FETCH_ONE = Api("OffsetFetch", 9, (7, 6, 5, 4, 3, 2), flexible_from=6)
LIST_OFFSETS = Api("ListOffsets", 2, (7, 6, 5, 4, 2), flexible_from=6)

END, START = -1, -2  # the special timestamps
READ_UNCOMMITTED, READ_COMMITTED = 0, 1

_COMMIT = struct.Struct(">iqi")  # partition, offset, leader epoch
_PLAIN = struct.Struct(
    ">iq4xI"
)  # the same, and in one number: the length of its metadata, its error, the count of its tags
_NOTHING = frozenset({0, 1 << 24})  # no metadata or an empty one, no error, no tags
_END_ROWS = {
    7: ">ihqqib",
    6: ">ihqqib",
    5: ">ihqqi",
    4: ">ihqqi",
    2: ">ihqq",
}  # partition, error, time, offset, epoch, tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits:
    """What one group has committed, in columns. `topics` are (name, rows); `errors` row -> code; `raw` the bytes it came from."""

    group: str
    error: int
    topics: tuple[tuple[str, int], ...] = ()
    partition: "array[int]" = field(default_factory=lambda: array("i"))
    offset: "array[int]" = field(default_factory=lambda: array("q"))
    errors: Mapping[int, int] = field(default_factory=dict)
    raw: bytes = b""


def ask_commits(groups: Sequence[str], known: Sequence[bytes] = ()) -> Question[list[Commits | int]]:
    """Ask for every commit of these groups. An answer is an index into `groups` where its bytes equal `known` at that index."""
    names = tuple(groups)
    return Question(OFFSET_FETCH, lambda _: _encode_many(names), lambda data, _: _decode_many(data, known))


def ask_commits_of_one(group: str, known: bytes = b"") -> Question[list[Commits | int]]:
    """The same for one group, as brokers before 3.0 take it."""
    return Question(
        OFFSET_FETCH_ONE,
        lambda version: _encode_one(version, group),
        lambda data, version: [0 if known and data == known else _decode_one(data, version, group)],
    )


@functools.lru_cache(maxsize=256)  # the same batches are asked for again and again
def _encode_many(groups: tuple[str, ...]) -> bytes:
    body = Body(flexible=True)
    body.count(len(groups))
    for group in groups:
        body.text(group)
        body.count(None)  # every topic
        body.tags()
    body.i8(0)  # require_stable: true would hide the last commit while a transaction is open
    return body.done()


def _encode_one(version: int, group: str) -> bytes:
    body = Body(flexible=OFFSET_FETCH_ONE.flexible(version))
    body.text(group)
    body.count(None)
    if version >= 7:
        body.i8(0)
    return body.done()


def _decode_many(data: bytes, known: Sequence[bytes]) -> list[Commits | int]:
    cursor = Cursor(data, flexible=True, at=4)
    found: list[Commits | int] = []
    for number in range(cursor.count()):
        if number < len(known) and known[number] and data.startswith(known[number], cursor.at):
            cursor.at += len(known[number])
            found.append(number)
            continue
        began = cursor.at
        name = cursor.text()
        topics, partition, offset, errors = _decode_topics(cursor)
        error = cursor.i16()
        cursor.tags()
        found.append(
            Commits(
                group=name,
                error=error,
                topics=topics,
                partition=partition,
                offset=offset,
                errors=errors,
                raw=data[began : cursor.at],
            )
        )
    return found


def _decode_topics(
    cursor: Cursor,
) -> tuple[tuple[tuple[str, int], ...], "array[int]", "array[int]", dict[int, int]]:
    topics: list[tuple[str, int]] = []
    partition: list[int] = []
    offset: list[int] = []
    errors: dict[int, int] = {}
    for _ in range(cursor.count()):
        name, count = cursor.text(), cursor.count()
        topics.append((name, count))
        if plain := _plain_rows(cursor, count):
            partition += plain[0]
            offset += plain[1]
        else:
            _decode_rows(cursor, count, partition, offset, errors)
        cursor.tags()
    return tuple(topics), array("i", partition), array("q", offset), errors


def _plain_rows(cursor: Cursor, count: int) -> tuple[Sequence[int], Sequence[int]] | None:
    """Take a topic's partitions and offsets at once where no row has metadata, an error or tags; else None.

    The first row that has any is longer than the others: those before it were read in their places, and its tail shows it.
    """
    end = cursor.at + count * _PLAIN.size
    if not count or end > len(cursor.data):
        return None
    partition, offset, tail = zip(*_PLAIN.iter_unpack(cursor.data[cursor.at : end]), strict=True)
    if not _NOTHING.issuperset(tail):
        return None
    cursor.at = end
    return partition, offset


def _decode_rows(cursor: Cursor, count: int, partition: list[int], offset: list[int], errors: dict[int, int]) -> None:
    data, read, at = cursor.data, _COMMIT.unpack_from, cursor.at
    for _ in range(count):
        index, committed, _ = read(data, at)
        at += 16
        size = data[at]  # of the commit's metadata: nearly always none
        if size < 128:
            at += size or 1
        else:
            cursor.at = at
            cursor.text_or_none()
            at = cursor.at
        if data[at] | data[at + 1]:
            errors[len(partition)] = data[at] << 8 | data[at + 1]
        at += 2
        if data[at]:
            cursor.at = at
            cursor.tags()
            at = cursor.at
        else:
            at += 1
        partition.append(index)
        offset.append(committed)
    cursor.at = at


def _decode_one(data: bytes, version: int, group: str) -> Commits:
    cursor = Cursor(data, flexible=OFFSET_FETCH_ONE.flexible(version))
    if version >= 3:
        cursor.i32()
    topics: list[tuple[str, int]] = []
    partition, offset, errors = array("i"), array("q"), dict[int, int]()
    for _ in range(cursor.count()):
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
            cursor.tags()
        cursor.tags()
    return Commits(
        group=group,
        error=cursor.i16(),
        topics=tuple(topics),
        partition=partition,
        offset=offset,
        errors=errors,
        raw=data,
    )


def ask_ends(
    partitions: Mapping[str, Sequence[int]], *, timestamp: int = END, isolation: int = READ_UNCOMMITTED
) -> Question[list[tuple[str, bytes, str]]]:
    """Ask the leader of these partitions. The answer is (topic, its rows undecoded, their format): see `end_rows`.

    Undecoded, so that a topic whose rows did not change can be passed over by comparing bytes. Keep the question as long as
    the partitions are the same: it remembers its bytes.
    """
    encode = functools.cache(lambda version: _encode_ends(version, partitions, timestamp, isolation))
    return Question(LIST_OFFSETS, encode, _decode_ends)


def end_rows(rows: bytes, form: str) -> Iterator[tuple[int, int, int]]:
    """Yield (partition, error, offset)."""
    for row in struct.iter_unpack(form, rows):
        yield row[0], row[1], row[3]


def _encode_ends(version: int, partitions: Mapping[str, Sequence[int]], timestamp: int, isolation: int) -> bytes:
    body = Body(flexible=LIST_OFFSETS.flexible(version))
    body.i32(-1)
    body.i8(isolation)
    body.count(len(partitions))
    row = struct.Struct({7: ">iiqb", 6: ">iiqb", 5: ">iiq", 4: ">iiq", 2: ">iq"}[version])
    fields = {7: (-1, timestamp, 0), 6: (-1, timestamp, 0), 5: (-1, timestamp), 4: (-1, timestamp), 2: (timestamp,)}[
        version
    ]
    for name, indexes in partitions.items():
        body.text(name)
        body.count(len(indexes))
        body.raw(b"".join([row.pack(index, *fields) for index in indexes]))
        body.tags()
    return body.done()


def _decode_ends(data: bytes, version: int) -> list[tuple[str, bytes, str]]:
    cursor = Cursor(data, flexible=LIST_OFFSETS.flexible(version), at=4)
    form = _END_ROWS[version]
    size = struct.calcsize(form)
    found: list[tuple[str, bytes, str]] = []
    for _ in range(cursor.count()):
        name, count = cursor.text(), cursor.count()
        found.append((name, cursor.raw(count * size), form))
        cursor.tags()
    return found
