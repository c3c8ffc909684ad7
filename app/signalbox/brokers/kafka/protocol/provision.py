"""The two requests that change something, for `ensure` alone: CreateTopics (19) and OffsetCommit (8) for a group without members."""

from collections.abc import Mapping, Sequence

from signalbox.brokers.kafka.protocol.frames import Api, Question
from signalbox.brokers.kafka.protocol.wire import Body, Cursor
from signalbox.brokers.model import DestinationSpec

CREATE_TOPICS = Api("CreateTopics", 19, (4, 3, 2), flexible_from=5)
OFFSET_COMMIT = Api("OffsetCommit", 8, (8, 7, 6), flexible_from=8)
CREATE_WAIT_MS = 10_000


def ask_create(specs: Sequence[DestinationSpec]) -> Question[dict[str, tuple[int, str]]]:
    """Create topics; the answer is topic -> (error, what the broker said)."""
    return Question(CREATE_TOPICS, lambda _: _encode_create(specs), lambda data, _: _decode_create(data))


def _encode_create(specs: Sequence[DestinationSpec]) -> bytes:
    body = Body(flexible=False)
    body.count(len(specs))
    for topic in specs:
        body.text(topic.name)
        body.i32(topic.partitions)
        body.i16(topic.replicas)
        body.count(0)
        body.count(len(topic.settings))
        for key, value in topic.settings.items():
            body.text(key)
            body.text(value)
    body.i32(CREATE_WAIT_MS)
    body.i8(0)
    return body.done()


def _decode_create(data: bytes) -> dict[str, tuple[int, str]]:
    cursor = Cursor(data, flexible=False, at=4)
    return {cursor.text(): (cursor.i16(), cursor.text()) for _ in range(cursor.count())}


def ask_commit(group: str, positions: Mapping[str, Sequence[int]]) -> Question[int]:
    """Set where a group without members stands: topic -> offset per partition. Returns the first error, or 0."""
    return Question(OFFSET_COMMIT, lambda version: _encode_commit(version, group, positions), _decode_commit)


def _encode_commit(version: int, group: str, positions: Mapping[str, Sequence[int]]) -> bytes:
    body = Body(flexible=OFFSET_COMMIT.flexible(version))
    body.text(group)
    body.i32(-1)
    body.text("")
    if version >= 7:
        body.text(None)
    body.count(len(positions))
    for topic, offsets in positions.items():
        body.text(topic)
        body.count(len(offsets))
        for partition, offset in enumerate(offsets):
            body.i32(partition)
            body.i64(offset)
            body.i32(-1)
            body.text("")
            body.tags()
        body.tags()
    return body.done()


def _decode_commit(data: bytes, version: int) -> int:
    cursor = Cursor(data, flexible=OFFSET_COMMIT.flexible(version), at=4)
    first = 0
    for _ in range(cursor.count()):
        cursor.text()
        for _ in range(cursor.count()):
            cursor.i32()
            first = first or cursor.i16()
            cursor.tags()
        cursor.tags()
    return first
