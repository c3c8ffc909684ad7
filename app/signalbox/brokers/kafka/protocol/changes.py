"""The two requests that change something, only for `ensure`: CreateTopics (19), and OffsetCommit (8) for a group without members."""

from collections.abc import Mapping, Sequence

from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.wire import Cursor, RequestBody
from signalbox.brokers.model import DestinationSpec

CREATE_TOPICS = Api("CreateTopics", 19, (4, 3, 2), flexible_from=5)
OFFSET_COMMIT = Api("OffsetCommit", 8, (8, 7, 6), flexible_from=8)
CREATE_TIMEOUT_MS = 10_000


def create_topics_request(specs: Sequence[DestinationSpec]) -> Request[dict[str, tuple[int, str]]]:
    """Create topics. Response: topic -> (error code, message)."""
    return Request(CREATE_TOPICS, lambda _: _encode_create(specs), lambda data, _: _decode_create(data))


def _encode_create(specs: Sequence[DestinationSpec]) -> bytes:
    body = RequestBody(flexible=False)
    for topic in body.structs(specs):
        body.text(topic.name)
        body.i32(topic.partitions)
        body.i16(topic.replicas)
        body.count(0)
        body.count(len(topic.settings))
        for key, value in topic.settings.items():
            body.text(key)
            body.text(value)
    body.i32(CREATE_TIMEOUT_MS)
    body.i8(0)
    return body.to_bytes()


def _decode_create(data: bytes) -> dict[str, tuple[int, str]]:
    cursor = Cursor(data, flexible=False, position=4)
    return {cursor.text(): (cursor.i16(), cursor.text()) for _ in range(cursor.count())}


def commit_offsets_request(group: str, topics: Mapping[str, Sequence[int]]) -> Request[int]:
    """Set the committed offsets of a group without members: topic -> offset per partition. Response: the first error code, or 0."""
    return Request(OFFSET_COMMIT, lambda version: _encode_commit(version, group, topics), _decode_commit)


def _encode_commit(version: int, group: str, topics: Mapping[str, Sequence[int]]) -> bytes:
    body = RequestBody(flexible=OFFSET_COMMIT.is_flexible(version))
    body.text(group)
    body.i32(-1)
    body.text("")
    if version >= 7:
        body.text(None)
    for topic, offsets in body.structs(topics.items()):
        body.text(topic)
        for partition, offset in body.structs(list(enumerate(offsets))):
            body.i32(partition)
            body.i64(offset)
            body.i32(-1)
            body.text("")
    return body.to_bytes()


def _decode_commit(data: bytes, version: int) -> int:
    cursor = Cursor(data, flexible=OFFSET_COMMIT.is_flexible(version), position=4)
    first_error = 0
    for _ in cursor.structs():
        cursor.text()
        for _ in cursor.structs():
            cursor.i32()
            first_error = first_error or cursor.i16()
    return first_error
