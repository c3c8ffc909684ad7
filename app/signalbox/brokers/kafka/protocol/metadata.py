"""Metadata (3): brokers, topics, partitions, leaders and replicas, of named topics or of all that our user may describe."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.brokers.hosts import HOST_LENGTH_MAX
from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.wire import Cursor, RequestBody, decode_checked

METADATA = Api("Metadata", 3, (12, 11, 10, 9, 8, 7, 5, 4), flexible_from=9)
INCONSISTENT = -2  # our own error code: the partitions of a topic are not numbered from 0


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    host: str  # as advertised
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMetadata:
    """One topic; row i of each column is partition i. `topic_id` is empty below v10; `leader` is -1 without a leader."""

    error: int
    name: str
    topic_id: str
    internal: bool
    leader: "array[int]" = field(default_factory=lambda: array("i"))
    replicas: tuple[tuple[int, ...], ...] = ()
    in_sync: tuple[tuple[int, ...], ...] = ()

    @property
    def under_replicated(self) -> int:
        return sum(len(synced) < len(copies) for synced, copies in zip(self.in_sync, self.replicas, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """One response. `topics` decodes lazily, so that large clusters can be read in slices; `raw` are its bytes."""

    brokers: Mapping[int, BrokerAddress]  # by id
    controller: int
    raw: bytes
    topics: Iterator[TopicMetadata]


def metadata_request(topics: Sequence[str] | None = None) -> Request[Metadata]:
    """Ask for these topics (None = all). Never creates a topic."""
    return Request(METADATA, lambda version: _encode(version, topics), _decode)


def _encode(version: int, topics: Sequence[str] | None) -> bytes:
    body = RequestBody(flexible=METADATA.is_flexible(version))
    body.count(None if topics is None else len(topics))
    for name in topics or ():
        if version >= 10:
            body.raw(bytes(16))
        body.text(name)
        body.tags()
    body.i8(0)  # allow_auto_topic_creation
    if 8 <= version <= 10:
        body.i8(0)
    if version >= 8:
        body.i8(0)
    return body.to_bytes()


def _decode(data: bytes, version: int) -> Metadata:
    cursor = Cursor(data, flexible=METADATA.is_flexible(version))
    cursor.i32()  # throttle time
    brokers = dict(_decode_broker(cursor) for _ in cursor.structs())
    cursor.text_or_none()  # cluster id
    controller, raw = cursor.i32(), data[cursor.position :]
    return Metadata(brokers=brokers, controller=controller, raw=raw, topics=_decode_topics(cursor, version))


def _decode_broker(cursor: Cursor) -> tuple[int, BrokerAddress]:
    node, address = cursor.i32(), BrokerAddress(cursor.text()[: HOST_LENGTH_MAX + 1], cursor.i32())
    cursor.text_or_none()  # rack
    return node, address


def _decode_topics(cursor: Cursor, version: int) -> Iterator[TopicMetadata]:
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}  # most partitions use one of a few replica sets
    for _ in range(decode_checked(METADATA.name, cursor.count)):
        yield decode_checked(METADATA.name, lambda: _decode_topic(cursor, version, shared))


def _decode_topic(cursor: Cursor, version: int, shared: dict[tuple[int, ...], tuple[int, ...]]) -> TopicMetadata:
    error = cursor.i16()
    name = cursor.text()
    topic_id = cursor.topic_id() if version >= 10 else ""
    internal = bool(cursor.i8())
    count = cursor.count()
    leader = array("i", bytes(4 * count))
    replicas: list[tuple[int, ...] | None] = [None] * count
    in_sync: list[tuple[int, ...]] = [()] * count
    inconsistent = False  # costs this topic only
    for _ in range(count):
        _error, index, leader_id = cursor.i16(), cursor.i32(), cursor.i32()
        if version >= 7:
            cursor.position += 4  # leader epoch
        copies, synced = cursor.ints(), cursor.ints()
        if 0 <= index < count and replicas[index] is None:
            leader[index] = leader_id
            replicas[index], in_sync[index] = shared.setdefault(copies, copies), shared.setdefault(synced, synced)
        else:
            inconsistent = True
        if version >= 5:
            cursor.ints()  # offline replicas
        cursor.skip_tags()
    if version >= 8:
        cursor.position += 4  # authorized operations
    cursor.skip_tags()
    if inconsistent:
        return TopicMetadata(error=INCONSISTENT, name=name, topic_id="", internal=internal)
    return TopicMetadata(
        error=error,
        name=name,
        topic_id="" if topic_id.strip("0") == "" else topic_id,
        internal=internal,
        leader=leader,
        replicas=tuple(row or () for row in replicas),
        in_sync=tuple(in_sync),
    )
