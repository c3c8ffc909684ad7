"""Metadata (3): brokers, topics, partitions, leaders and replicas; of everything that the user may describe, or of named topics."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from signalbox.brokers.kafka.protocol.frames import Api, Question
from signalbox.brokers.kafka.protocol.wire import Body, Cursor, Malformed, decoded

METADATA = Api("Metadata", 3, (12, 11, 10, 9, 8, 7, 5, 4), flexible_from=9)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker says that it is reached."""

    id: int
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMetadata:
    """One topic; row i of each column is partition i. `topic_id` is empty below v10, `leader` -1 where nobody leads."""

    error: int
    name: str
    topic_id: str
    internal: bool
    errors: "array[int]"
    leader: "array[int]"
    replicas: tuple[tuple[int, ...], ...]
    in_sync: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """One answer. `topics` decodes one topic at a time, so that a big cluster can be read in slices; `raw` are their bytes."""

    brokers: tuple[BrokerAddress, ...]
    cluster_id: str | None
    controller: int
    raw: bytes
    topics: Iterator[TopicMetadata]


def ask_metadata(topics: Sequence[str] | None = None) -> Question[Metadata]:
    """Ask for these topics, or for all; names that do not exist are never created."""
    return Question(METADATA, lambda version: _encode(version, topics), _decode)


def _encode(version: int, topics: Sequence[str] | None) -> bytes:
    body = Body(flexible=METADATA.flexible(version))
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
    return body.done()


def _decode(data: bytes, version: int) -> Metadata:
    cursor = Cursor(data, flexible=METADATA.flexible(version))
    cursor.i32()  # throttle
    brokers = tuple(_broker(cursor) for _ in range(cursor.count()))
    cluster_id = cursor.text_or_none()
    controller = cursor.i32()
    return Metadata(
        brokers=brokers,
        cluster_id=cluster_id,
        controller=controller,
        raw=data[cursor.at :],
        topics=_topics(cursor, version),
    )


def _broker(cursor: Cursor) -> BrokerAddress:
    found = BrokerAddress(cursor.i32(), cursor.text(), cursor.i32())
    cursor.text_or_none()  # rack
    cursor.tags()
    return found


def _topics(cursor: Cursor, version: int) -> Iterator[TopicMetadata]:
    same: dict[tuple[int, ...], tuple[int, ...]] = {}  # most partitions share a few sets of replicas
    for _ in range(decoded(METADATA.name, cursor.count)):
        yield decoded(METADATA.name, lambda: _topic(cursor, version, same))


def _topic(cursor: Cursor, version: int, same: dict[tuple[int, ...], tuple[int, ...]]) -> TopicMetadata:
    error = cursor.i16()
    name = cursor.text()
    topic_id = cursor.topic_id() if version >= 10 else ""
    internal = bool(cursor.i8())
    count = cursor.count()
    errors, leader = array("h", bytes(2 * count)), array("i", bytes(4 * count))
    replicas: list[tuple[int, ...] | None] = [None] * count
    in_sync: list[tuple[int, ...]] = [()] * count
    for _ in range(count):
        code, index, leads = cursor.i16(), cursor.i32(), cursor.i32()
        if version >= 7:
            cursor.at += 4  # leader epoch
        if not 0 <= index < count or replicas[index] is not None:
            raise Malformed(f"partition {index} of {count}")
        errors[index], leader[index] = code, leads
        held, synced = cursor.ints(), cursor.ints()
        replicas[index], in_sync[index] = same.setdefault(held, held), same.setdefault(synced, synced)
        if version >= 5:
            cursor.ints()  # offline replicas
        cursor.tags()
    if version >= 8:
        cursor.at += 4  # authorised operations
    cursor.tags()
    return TopicMetadata(
        error=error,
        name=name,
        topic_id="" if topic_id.strip("0") == "" else topic_id,
        internal=internal,
        errors=errors,
        leader=leader,
        replicas=tuple(row or () for row in replicas),
        in_sync=tuple(in_sync),
    )
