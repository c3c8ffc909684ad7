"""Fetch (1), only for the timestamps in record batch headers. Batches are not decompressed; no message is read."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.wire import Cursor, RequestBody

FETCH = Api("Fetch", 1, (12, 11, 10), flexible_from=12)

# base offset, length, leader epoch, magic, crc, attributes, last offset delta, base and max timestamp (ms)
_BATCH = struct.Struct(">qiibIhiqq")
_LENGTH_END = 12  # the batch length counts the bytes after this position
_CONTROL_BIT = 5  # in the attributes: a transaction marker, not a message
_MAGIC = 2  # batch format since Kafka 0.11


FetchPositions = Mapping[str, Sequence[tuple[int, int]]]  # topic -> (partition, offset to read from)
Offsets = Mapping[tuple[str, int], int]  # (topic, partition) -> offset


@dataclass(frozen=True, slots=True)
class BatchTimes:
    """Times (ms, broker's clock) of the batch with the requested offset, or of the first batch after it."""

    base_offset: int
    first_ms: int
    max_ms: int


@dataclass(frozen=True, slots=True)
class FetchedPartition:
    """The response for one partition. `batch` is None if the response contains no complete header of a message batch."""

    topic: str
    partition: int
    offset: int  # as requested
    error: int
    end: int
    batch: BatchTimes | None
    only_markers: bool  # only transaction markers, no messages, from the requested offset to the end


def fetch_batches_request(positions: FetchPositions, *, partition_bytes: int) -> Request[list[FetchedPartition]]:
    """Ask the leader of these partitions (topic -> positions), without waiting for new messages.

    Kafka returns a batch larger than `partition_bytes` only for the first partition; the others then come back empty.
    """
    offsets = {(topic, partition): offset for topic, rows in positions.items() for partition, offset in rows}
    return Request(FETCH, lambda v: _encode(v, positions, partition_bytes), lambda d, v: _decode(d, v, offsets))


def _encode(version: int, positions: FetchPositions, partition_bytes: int) -> bytes:
    body = RequestBody(flexible=FETCH.is_flexible(version))
    body.i32(-1, 0, 0)  # not a replica; do not wait for new messages
    body.i32(partition_bytes * max(1, sum(map(len, positions.values()))))
    body.i8(0)
    body.i32(0, -1)  # no session
    for topic, partitions in body.structs(positions.items()):
        body.text(topic)
        for partition, offset in body.structs(partitions):
            body.i32(partition, -1)
            body.i64(offset)
            if version >= 12:
                body.i32(-1)
            body.i64(-1)
            body.i32(partition_bytes)
    body.count(0)
    if version >= 11:
        body.text("")
    return body.to_bytes()


def _decode(data: bytes, version: int, offsets: Offsets) -> list[FetchedPartition]:
    cursor = Cursor(data, flexible=FETCH.is_flexible(version), position=4)
    cursor.position += 6  # session error and id
    fetched = []
    for _ in cursor.structs():
        topic = cursor.text()
        fetched += [_decode_partition(cursor, version, topic, offsets) for _ in cursor.structs()]
    return fetched


def _decode_partition(cursor: Cursor, version: int, topic: str, offsets: Offsets) -> FetchedPartition:
    partition, error = cursor.i32(), cursor.i16()
    end = cursor.i64()
    cursor.position += 16  # last stable offset, log start
    for _ in cursor.structs():
        cursor.position += 16  # an aborted transaction
    if version >= 11:
        cursor.position += 4
    records = cursor.blob() or b""
    offset = offsets.get((topic, partition), 0)
    batch, offset_after_markers = _first_batch(records, offset)
    only_markers = batch is None and offset_after_markers == end
    return FetchedPartition(topic, partition, offset, error, end, batch, only_markers)


def _first_batch(records: bytes, offset: int) -> tuple[BatchTimes | None, int | None]:
    """Return the first message batch that ends at or after `offset`; if none, the offset after the markers that do.

    Only complete headers count; the last batch may be truncated.
    """
    position, after_markers = 0, None
    while position + _BATCH.size <= len(records):
        base, length, _, magic, _, attributes, delta, first_ms, max_ms = _BATCH.unpack_from(records, position)
        if magic != _MAGIC or length <= 0:
            return None, None
        if base + delta >= offset:
            if not attributes >> _CONTROL_BIT & 1:
                return BatchTimes(base, first_ms, max_ms), None
            after_markers = base + delta + 1
        position += _LENGTH_END + length
    return None, after_markers
