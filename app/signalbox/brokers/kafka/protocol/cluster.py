"""What tells how the cluster is: brokers and rights, the quorum's leader, topics' settings, sizes on disk, coordinators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.brokers.kafka.protocol.frames import Api, Question
from signalbox.brokers.kafka.protocol.wire import Body, Cursor

DESCRIBE_CLUSTER = Api("DescribeCluster", 60, (2, 1, 0), flexible_from=0)
DESCRIBE_QUORUM = Api("DescribeQuorum", 55, (2, 1, 0), flexible_from=0)
DESCRIBE_CONFIGS = Api("DescribeConfigs", 32, (4, 3, 2, 1), flexible_from=4)
DESCRIBE_LOG_DIRS = Api("DescribeLogDirs", 35, (4, 3, 2, 1), flexible_from=2)
FIND_COORDINATOR = Api("FindCoordinator", 10, (4, 3, 2, 1), flexible_from=3)

DESCRIBE_BIT = 8  # the place of DESCRIBE in a bit field of authorised operations
TOPIC_RESOURCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDescribed:
    """The cluster's id, its brokers' ids with whether each is fenced (None below v2), and our own right to describe it."""

    error: int
    cluster_id: str
    fenced: Mapping[int, bool | None]
    may_describe: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """Who leads the controllers. `addresses` only from v2 on."""

    error: int
    leader: int
    voters: tuple[int, ...] = ()
    addresses: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """The settings that were asked for, of one topic."""

    topic: str
    error: int
    values: Mapping[str, str]


def ask_cluster() -> Question[ClusterDescribed]:
    return Question(DESCRIBE_CLUSTER, _encode_cluster, _decode_cluster)


def _encode_cluster(version: int) -> bytes:
    body = Body(flexible=True)
    body.i8(1)  # include our rights
    if version >= 1:
        body.i8(1)  # brokers
    if version >= 2:
        body.i8(1)  # fenced ones too
    return body.done()


def _decode_cluster(data: bytes, version: int) -> ClusterDescribed:
    cursor = Cursor(data, flexible=True, at=4)
    error = cursor.i16()
    cursor.text_or_none()
    if version >= 1:
        cursor.i8()
    cluster_id = cursor.text()
    cursor.i32()  # controller: under KRaft a broker chosen at random
    fenced: dict[int, bool | None] = {}
    for _ in range(cursor.count()):
        broker = cursor.i32()
        cursor.text()
        cursor.i32()
        cursor.text_or_none()
        fenced[broker] = bool(cursor.i8()) if version >= 2 else None
        cursor.tags()
    rights = cursor.i32()
    return ClusterDescribed(
        error=error, cluster_id=cluster_id, fenced=fenced, may_describe=bool(rights >> DESCRIBE_BIT & 1)
    )


def ask_quorum() -> Question[Quorum]:
    return Question(DESCRIBE_QUORUM, _encode_quorum, _decode_quorum)


def _encode_quorum(_version: int) -> bytes:
    body = Body(flexible=True)
    body.count(1)
    body.text("__cluster_metadata")
    body.count(1)
    body.i32(0)  # its only partition
    body.tags()
    body.tags()
    return body.done()


def _decode_quorum(data: bytes, version: int) -> Quorum:
    cursor = Cursor(data, flexible=True)
    error = cursor.i16()
    if version >= 2:
        cursor.text_or_none()
    leader, voters = -1, tuple[int, ...]()
    for _ in range(cursor.count()):
        cursor.text()
        for _ in range(cursor.count()):
            cursor.i32()
            error = cursor.i16() or error
            if version >= 2:
                cursor.text_or_none()
            leader = cursor.i32()
            cursor.at += 12  # epoch, high watermark
            voters = _replicas(cursor, version)
            _replicas(cursor, version)  # observers
            cursor.tags()
        cursor.tags()
    addresses = _addresses(cursor) if version >= 2 else {}
    return Quorum(error=error, leader=leader, voters=voters, addresses=addresses)


def _replicas(cursor: Cursor, version: int) -> tuple[int, ...]:
    ids = []
    for _ in range(cursor.count()):
        ids.append(cursor.i32())
        cursor.at += (16 if version >= 2 else 0) + 8 + (16 if version >= 1 else 0)
        cursor.tags()
    return tuple(ids)


def _addresses(cursor: Cursor) -> dict[int, str]:
    addresses = {}
    for _ in range(cursor.count()):
        node = cursor.i32()
        for _ in range(cursor.count()):
            cursor.text()
            addresses[node] = f"{cursor.text()}:{cursor.i16() & 0xFFFF}"
            cursor.tags()
        cursor.tags()
    return addresses


def ask_settings(topics: Sequence[str], keys: Sequence[str]) -> Question[list[TopicSettings]]:
    return Question(
        DESCRIBE_CONFIGS, lambda version: _encode_settings(version, topics, keys), lambda d, v: list(_settings(d, v))
    )


def _encode_settings(version: int, topics: Sequence[str], keys: Sequence[str]) -> bytes:
    body = Body(flexible=DESCRIBE_CONFIGS.flexible(version))
    body.count(len(topics))
    for topic in topics:
        body.i8(TOPIC_RESOURCE)
        body.text(topic)
        body.texts(keys)
        body.tags()
    body.i8(0)
    if version >= 3:
        body.i8(0)
    return body.done()


def _settings(data: bytes, version: int) -> list[TopicSettings]:
    cursor = Cursor(data, flexible=DESCRIBE_CONFIGS.flexible(version), at=4)
    found = []
    for _ in range(cursor.count()):
        error = cursor.i16()
        cursor.text_or_none()
        cursor.i8()
        topic = cursor.text()
        values = dict(_setting(cursor, version) for _ in range(cursor.count()))
        cursor.tags()
        found.append(TopicSettings(topic=topic, error=error, values=values))
    return found


def _setting(cursor: Cursor, version: int) -> tuple[str, str]:
    name, value = cursor.text(), cursor.text()
    cursor.at += 3  # read only, source, sensitive
    for _ in range(cursor.count()):  # synonyms
        cursor.text()
        cursor.text_or_none()
        cursor.i8()
        cursor.tags()
    if version >= 3:
        cursor.i8()
        cursor.text_or_none()
    cursor.tags()
    return name, value


def ask_sizes() -> Question[tuple[int, list[tuple[str, list[tuple[int, int]]]]]]:
    """Ask one broker for its own replicas: (error, [(topic, [(partition, bytes)])])."""
    return Question(DESCRIBE_LOG_DIRS, _encode_sizes, _decode_sizes)


def _encode_sizes(version: int) -> bytes:
    body = Body(flexible=DESCRIBE_LOG_DIRS.flexible(version))
    body.count(None)
    return body.done()


def _decode_sizes(data: bytes, version: int) -> tuple[int, list[tuple[str, list[tuple[int, int]]]]]:
    cursor = Cursor(data, flexible=DESCRIBE_LOG_DIRS.flexible(version), at=4)
    error = cursor.i16() if version >= 3 else 0
    found = []
    for _ in range(cursor.count()):
        error = cursor.i16() or error
        cursor.text()
        for _ in range(cursor.count()):
            topic = cursor.text()
            found.append((topic, [row for _ in range(cursor.count()) if (row := _size(cursor)) is not None]))
            cursor.tags()
        if version >= 4:
            cursor.at += 16  # the disk's total and free bytes
        cursor.tags()
    return error, found


def _size(cursor: Cursor) -> tuple[int, int] | None:
    partition, size, _ = cursor.i32(), cursor.i64(), cursor.i64()
    future = cursor.i8()  # a copy that is moving to another disk of the same broker
    cursor.tags()
    return None if future else (partition, size)


def ask_coordinators(groups: Sequence[str]) -> Question[dict[str, int]]:
    """Ask any broker who coordinates these groups; those it cannot say are left out. Before Kafka 3.0: the first group only."""
    return Question(
        FIND_COORDINATOR,
        lambda version: _encode_coordinators(version, groups),
        lambda data, version: _decode_coordinators(data, version, groups[0]),
    )


def _encode_coordinators(version: int, groups: Sequence[str]) -> bytes:
    body = Body(flexible=FIND_COORDINATOR.flexible(version))
    if version < 4:
        body.text(groups[0])
    body.i8(0)  # groups, not transactions
    if version >= 4:
        body.texts(groups)
    return body.done()


def _decode_coordinators(data: bytes, version: int, first: str) -> dict[str, int]:
    cursor = Cursor(data, flexible=FIND_COORDINATOR.flexible(version), at=4)
    found = {}
    if version < 4:
        error = cursor.i16()
        cursor.text_or_none()
        return {} if error else {first: cursor.i32()}
    for _ in range(cursor.count()):
        group, node = cursor.text(), cursor.i32()
        cursor.text()
        cursor.i32()
        if cursor.i16() == 0:
            found[group] = node
        cursor.text_or_none()
        cursor.tags()
    return found
