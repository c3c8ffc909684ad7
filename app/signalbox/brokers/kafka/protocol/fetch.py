"""Fetch (1), only for the headers of record batches. Batches are not decompressed; no message is read."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.offsets import READ_COMMITTED, READ_UNCOMMITTED
from signalbox.brokers.kafka.protocol.wire import Cursor, RequestBody

FETCH = Api("Fetch", 1, (12, 11, 10), flexible_from=12)

# base offset, length, leader epoch, magic, crc, attributes, last offset delta, base and max timestamp (ms), producer id,
# producer epoch, base sequence, number of records
_BATCH = struct.Struct(">qiibIhiqqqhii")
_LENGTH_END = 12  # the batch length counts the bytes after this position
_MAGIC = 2  # batch format since Kafka 0.11
_OFFSET_MAX = 2**63 - 1
RESPONSE_BYTES = (
    32 * 1024**2
)  # above the sum of the partitions: one large batch at first must not leave the others empty
# Bits of the attributes
_APPEND_TIME = 1 << 3  # the time of every record is the max timestamp
_TRANSACTIONAL = 1 << 4
_CONTROL = 1 << 5  # a transaction marker, not a message
_DELETE_HORIZON = 1 << 6  # the base timestamp is when a tombstone may be deleted, and not the time of a record


FetchPositions = Mapping[str, Sequence[tuple[int, int]]]  # topic -> (partition, offset to read from)
Offsets = Mapping[tuple[str, int], int]  # (topic, partition) -> offset
Aborted = Iterable[tuple[int, int]]  # producer id, first offset of an aborted transaction


@dataclass(frozen=True, slots=True)
class BatchTimes:
    """Times (ms) of the first batch with a message at or after the requested offset."""

    base_offset: int
    last_offset: int
    first_ms: int | None  # None: the header does not contain it
    max_ms: int


@dataclass(frozen=True, slots=True)
class FetchedPartition:
    """The response for one partition. `batch` is None if the response contains no complete header of a message batch."""

    topic: str
    partition: int
    offset: int  # as requested
    error: int
    end: int
    stable: int  # the last stable offset
    batch: BatchTimes | None
    empty_until: int  # there is no message from the requested offset to this one
    transactional: bool  # a batch belongs to a transaction, or is a transaction marker


def fetch_batches_request(
    positions: FetchPositions, *, partition_bytes: int, committed_only: bool = False
) -> Request[list[FetchedPartition]]:
    """Ask the leader of these partitions (topic -> positions), without waiting for new messages.

    Kafka returns a batch larger than `partition_bytes` only for the first partition; the others then come back empty.
    With `committed_only`, aborted messages are no messages, and nothing of an open transaction is returned.
    """
    offsets = {(topic, partition): offset for topic, rows in positions.items() for partition, offset in rows}
    isolation = READ_COMMITTED if committed_only else READ_UNCOMMITTED
    return Request(
        FETCH, lambda v: _encode(v, positions, partition_bytes, isolation), lambda d, v: _decode(d, v, offsets)
    )


def _encode(version: int, positions: FetchPositions, partition_bytes: int, isolation: int) -> bytes:
    body = RequestBody(flexible=FETCH.is_flexible(version))
    body.i32(-1, 0, 0)  # not a replica; do not wait for new messages
    body.i32(RESPONSE_BYTES)
    body.i8(isolation)
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
    end, stable = cursor.i64(), cursor.i64()
    cursor.position += 8  # log start
    aborted = [(cursor.i64(), cursor.i64()) for _ in cursor.structs()]
    if version >= 11:
        cursor.position += 4
    records = cursor.blob() or b""
    offset = offsets.get((topic, partition), 0)
    batch, empty_until, transactional = _first_message_batch(records, offset, aborted)
    return FetchedPartition(topic, partition, offset, error, end, stable, batch, empty_until, transactional)


def _first_message_batch(records: bytes, offset: int, aborted: Aborted) -> tuple[BatchTimes | None, int, bool]:
    """Return the first batch with messages that ends at or after `offset`, up to where there are none, and if any is transactional.

    Only complete headers count; the last batch may be truncated.
    """
    position, empty_until, transactional = 0, offset, False
    to_abort, aborting = sorted(aborted, key=lambda entry: entry[1], reverse=True), set[int]()
    while position + _BATCH.size <= len(records):
        base, length, _, magic, _, attributes, delta, first_ms, max_ms, producer, _, _, count = _BATCH.unpack_from(
            records, position
        )
        last = base + delta
        if magic != _MAGIC or length <= 0 or not base <= last < _OFFSET_MAX:
            break
        position += _LENGTH_END + length
        if last < offset:
            continue
        transactional |= bool(attributes & (_TRANSACTIONAL | _CONTROL))
        while to_abort and to_abort[-1][1] <= last:
            aborting.add(to_abort.pop()[0])
        if attributes & _CONTROL:
            aborting.discard(producer)  # the marker ends the producer's transaction
        elif count and not (attributes & _TRANSACTIONAL and producer in aborting):
            return BatchTimes(base, last, _first_ms(attributes, first_ms, max_ms), max_ms), empty_until, transactional
        empty_until = last + 1
    return None, empty_until, transactional


def _first_ms(attributes: int, first_ms: int, max_ms: int) -> int | None:
    if attributes & _APPEND_TIME:
        return max_ms
    return None if attributes & _DELETE_HORIZON else first_ms
