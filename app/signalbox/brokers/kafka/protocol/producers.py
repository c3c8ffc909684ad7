"""DescribeProducers (61): which producers have written to a partition lately, transactional ones among them."""

from collections.abc import Mapping, Sequence

from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.wire import Cursor, RequestBody

DESCRIBE_PRODUCERS = Api("DescribeProducers", 61, (0,), flexible_from=0)  # Kafka 2.8 and later


def transactional_partitions_request(partitions: Mapping[str, Sequence[int]]) -> Request[list[tuple[str, int]]]:
    """Ask the leader which of these partitions (topic -> numbers) have a transaction marker of a producer it remembers."""
    return Request(DESCRIBE_PRODUCERS, lambda _: _encode(partitions), lambda data, _: _decode(data))


def _encode(partitions: Mapping[str, Sequence[int]]) -> bytes:
    body = RequestBody(flexible=True)
    for topic, numbers in body.structs(partitions.items()):
        body.text(topic)
        body.ints(numbers)
    return body.to_bytes()


def _decode(data: bytes) -> list[tuple[str, int]]:
    cursor = Cursor(data, flexible=True, position=4)
    transactional = []
    for _ in cursor.structs():
        topic = cursor.text()
        for _ in cursor.structs():
            partition = cursor.i32()
            cursor.i16()  # after an error there are no producers
            cursor.text_or_none()
            if _has_transactional_producer(cursor):
                transactional.append((topic, partition))
    return transactional


def _has_transactional_producer(cursor: Cursor) -> bool:
    found = False
    for _ in cursor.structs():
        cursor.position += 24  # id, epoch, last sequence, last timestamp
        found |= cursor.i32() >= 0  # the epoch of the coordinator that wrote the last marker
        cursor.i64()  # the first offset of its open transaction
    return found
