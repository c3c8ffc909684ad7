"""Fetch (1), for one thing only: the times in the headers of record batches. Nothing is decompressed, no message is read."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalbox.brokers.kafka.protocol.frames import Api, Question
from signalbox.brokers.kafka.protocol.wire import Body, Cursor

FETCH = Api("Fetch", 1, (12, 11, 10), flexible_from=12)

# base offset, length, leader epoch, magic, crc, attributes, last offset's delta, first and newest time (ms)
_BATCH = struct.Struct(">qiibIhiqq")
_BEFORE_LENGTH_ENDS = 12
_CONTROL_BIT = 5  # in the attributes: a transaction's marker, not a message
_MAGIC = 2  # batches of Kafka 0.11 and later


@dataclass(frozen=True, slots=True)
class Wanted:
    """One partition, from one offset."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Oldest:
    """The batch that holds the wanted offset, or the first one after it. Times in milliseconds, the broker's clock."""

    base: int
    first_ms: int
    newest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What one partition answered; `oldest` is None where no whole header of a batch of messages came."""

    topic: str
    partition: int
    error: int
    end: int
    oldest: Oldest | None
    only_markers: bool = False  # from the wanted offset to the end stand markers of transactions, and no message


def ask_batches(wanted: Mapping[str, Sequence[Wanted]], *, each_bytes: int) -> Question[list[Fetched]]:
    """Ask the leader of these partitions, without waiting for messages to come.

    Only the first partition is promised a whole batch larger than `each_bytes`; the others then come back empty.
    """
    offsets = {(topic, one.partition): one.offset for topic, many in wanted.items() for one in many}
    return Question(FETCH, lambda version: _encode(version, wanted, each_bytes), lambda d, v: _decode(d, v, offsets))


def _encode(version: int, wanted: Mapping[str, Sequence[Wanted]], each_bytes: int) -> bytes:
    body = Body(flexible=FETCH.flexible(version))
    body.i32(-1)  # no replica
    body.i32(0)  # wait for nothing
    body.i32(0)
    body.i32(each_bytes * max(1, sum(map(len, wanted.values()))))
    body.i8(0)
    body.i32(0)  # no session
    body.i32(-1)
    body.count(len(wanted))
    for topic, partitions in wanted.items():
        body.text(topic)
        body.count(len(partitions))
        for one in partitions:
            body.i32(one.partition)
            body.i32(-1)
            body.i64(one.offset)
            if version >= 12:
                body.i32(-1)
            body.i64(-1)
            body.i32(each_bytes)
            body.tags()
        body.tags()
    body.count(0)
    if version >= 11:
        body.text("")
    return body.done()


def _decode(data: bytes, version: int, offsets: Mapping[tuple[str, int], int]) -> list[Fetched]:
    cursor = Cursor(data, flexible=FETCH.flexible(version), at=4)
    cursor.at += 6  # error of the session, its id
    found = []
    for _ in range(cursor.count()):
        topic = cursor.text()
        found += [_partition(cursor, version, topic, offsets) for _ in range(cursor.count())]
        cursor.tags()
    return found


def _partition(cursor: Cursor, version: int, topic: str, offsets: Mapping[tuple[str, int], int]) -> Fetched:
    partition, error = cursor.i32(), cursor.i16()
    end = cursor.i64()
    cursor.at += 16  # last stable offset, log start
    for _ in range(cursor.count()):
        cursor.at += 16  # an aborted transaction
        cursor.tags()
    if version >= 11:
        cursor.at += 4
    records = cursor.blob() or b""
    cursor.tags()
    oldest, next_offset = _oldest(records, offsets.get((topic, partition), 0))
    only_markers = oldest is None and next_offset == end
    return Fetched(topic=topic, partition=partition, error=error, end=end, oldest=oldest, only_markers=only_markers)


def _oldest(records: bytes, offset: int) -> tuple[Oldest | None, int | None]:
    """Return the first batch of messages that reaches to `offset`; without one, the offset after the markers that do.

    Only whole headers count; the last batch may be cut.
    """
    at, after = 0, None
    while at + _BATCH.size <= len(records):
        base, length, _, magic, _, attributes, delta, first_ms, newest_ms = _BATCH.unpack_from(records, at)
        if magic != _MAGIC or length <= 0:
            return None, None
        if base + delta >= offset:
            if not attributes >> _CONTROL_BIT & 1:
                return Oldest(base, first_ms, newest_ms), None
            after = base + delta + 1
        at += _BEFORE_LENGTH_ENDS + length
    return None, after
