"""Requests about the cluster: brokers and permissions, quorum leader, topic configuration, sizes on disk, group coordinators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.wire import Cursor, RequestBody

DESCRIBE_CLUSTER = Api("DescribeCluster", 60, (2, 1, 0), flexible_from=0)
DESCRIBE_QUORUM = Api("DescribeQuorum", 55, (2, 1, 0), flexible_from=0)
DESCRIBE_CONFIGS = Api("DescribeConfigs", 32, (4, 3, 2, 1), flexible_from=4)
DESCRIBE_LOG_DIRS = Api("DescribeLogDirs", 35, (4, 3, 2, 1), flexible_from=2)
FIND_COORDINATOR = Api("FindCoordinator", 10, (4, 3, 2, 1), flexible_from=3)

DESCRIBE_BIT = 8  # position of DESCRIBE in the bit field of authorized operations
TOPIC_RESOURCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDescription:
    """The cluster's id, broker id -> fenced (None below v2), and whether our user may describe the cluster."""

    error: int
    cluster_id: str
    fenced: Mapping[int, bool | None]
    may_describe: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """The leader and voters of the controller quorum. `addresses` (node id -> host:port) only from v2."""

    error: int
    leader: int
    voters: tuple[int, ...] = ()
    addresses: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicConfig:
    """The requested configuration values of one topic."""

    topic: str
    error: int
    values: Mapping[str, str]


def describe_cluster_request() -> Request[ClusterDescription]:
    return Request(DESCRIBE_CLUSTER, _encode_cluster, _decode_cluster)


def _encode_cluster(version: int) -> bytes:
    body = RequestBody(flexible=True)
    body.i8(1)  # include authorized operations
    if version >= 1:
        body.i8(1)  # endpoints of brokers
    if version >= 2:
        body.i8(1)  # include fenced brokers
    return body.to_bytes()


def _decode_cluster(data: bytes, version: int) -> ClusterDescription:
    cursor = Cursor(data, flexible=True, position=4)
    error = cursor.i16()
    cursor.text_or_none()
    if version >= 1:
        cursor.i8()
    cluster_id = cursor.text()
    cursor.i32()  # controller: with KRaft, a random broker
    fenced: dict[int, bool | None] = {}
    for _ in range(cursor.count()):
        broker = cursor.i32()
        cursor.text()
        cursor.i32()
        cursor.text_or_none()
        fenced[broker] = bool(cursor.i8()) if version >= 2 else None
        cursor.skip_tags()
    operations = cursor.i32()
    return ClusterDescription(
        error=error, cluster_id=cluster_id, fenced=fenced, may_describe=bool(operations >> DESCRIBE_BIT & 1)
    )


def describe_quorum_request() -> Request[Quorum]:
    return Request(DESCRIBE_QUORUM, _encode_quorum, _decode_quorum)


def _encode_quorum(_version: int) -> bytes:
    body = RequestBody(flexible=True)
    body.count(1)
    body.text("__cluster_metadata")
    body.count(1)
    body.i32(0)  # the only partition
    body.tags()
    body.tags()
    return body.to_bytes()


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
            cursor.position += 12  # epoch, high watermark
            voters = _replicas(cursor, version)
            _replicas(cursor, version)  # observers
            cursor.skip_tags()
        cursor.skip_tags()
    addresses = _addresses(cursor) if version >= 2 else {}
    return Quorum(error=error, leader=leader, voters=voters, addresses=addresses)


def _replicas(cursor: Cursor, version: int) -> tuple[int, ...]:
    ids = []
    for _ in range(cursor.count()):
        ids.append(cursor.i32())
        cursor.position += (16 if version >= 2 else 0) + 8 + (16 if version >= 1 else 0)
        cursor.skip_tags()
    return tuple(ids)


def _addresses(cursor: Cursor) -> dict[int, str]:
    addresses = {}
    for _ in range(cursor.count()):
        node = cursor.i32()
        for _ in range(cursor.count()):
            cursor.text()
            addresses[node] = f"{cursor.text()}:{cursor.i16() & 0xFFFF}"
            cursor.skip_tags()
        cursor.skip_tags()
    return addresses


def topic_configs_request(topics: Sequence[str], keys: Sequence[str]) -> Request[list[TopicConfig]]:
    return Request(DESCRIBE_CONFIGS, lambda version: _encode_configs(version, topics, keys), _decode_configs)


def _encode_configs(version: int, topics: Sequence[str], keys: Sequence[str]) -> bytes:
    body = RequestBody(flexible=DESCRIBE_CONFIGS.is_flexible(version))
    body.count(len(topics))
    for topic in topics:
        body.i8(TOPIC_RESOURCE)
        body.text(topic)
        body.texts(keys)
        body.tags()
    body.i8(0)
    if version >= 3:
        body.i8(0)
    return body.to_bytes()


def _decode_configs(data: bytes, version: int) -> list[TopicConfig]:
    cursor = Cursor(data, flexible=DESCRIBE_CONFIGS.is_flexible(version), position=4)
    configs = []
    for _ in range(cursor.count()):
        error = cursor.i16()
        cursor.text_or_none()
        cursor.i8()
        topic = cursor.text()
        values = dict(_decode_config(cursor, version) for _ in range(cursor.count()))
        cursor.skip_tags()
        configs.append(TopicConfig(topic=topic, error=error, values=values))
    return configs


def _decode_config(cursor: Cursor, version: int) -> tuple[str, str]:
    name, value = cursor.text(), cursor.text()
    cursor.position += 3  # read only, source, sensitive
    for _ in range(cursor.count()):  # synonyms
        cursor.text()
        cursor.text_or_none()
        cursor.i8()
        cursor.skip_tags()
    if version >= 3:
        cursor.i8()
        cursor.text_or_none()
    cursor.skip_tags()
    return name, value


def log_dirs_request() -> Request[tuple[int, list[tuple[str, list[tuple[int, int]]]]]]:
    """Ask one broker for the sizes of its replicas: (error, [(topic, [(partition, bytes)])])."""
    return Request(DESCRIBE_LOG_DIRS, _encode_sizes, _decode_sizes)


def _encode_sizes(version: int) -> bytes:
    body = RequestBody(flexible=DESCRIBE_LOG_DIRS.is_flexible(version))
    body.count(None)
    return body.to_bytes()


def _decode_sizes(data: bytes, version: int) -> tuple[int, list[tuple[str, list[tuple[int, int]]]]]:
    cursor = Cursor(data, flexible=DESCRIBE_LOG_DIRS.is_flexible(version), position=4)
    error = cursor.i16() if version >= 3 else 0
    sizes = []
    for _ in range(cursor.count()):
        error = cursor.i16() or error
        cursor.text()
        for _ in range(cursor.count()):
            topic = cursor.text()
            sizes.append((topic, [row for _ in range(cursor.count()) if (row := _decode_size(cursor)) is not None]))
            cursor.skip_tags()
        if version >= 4:
            cursor.position += 16  # the disk's total and free bytes
        cursor.skip_tags()
    return error, sizes


def _decode_size(cursor: Cursor) -> tuple[int, int] | None:
    partition, size, _ = cursor.i32(), cursor.i64(), cursor.i64()
    is_future = cursor.i8()  # a copy that is moving to another disk of the same broker
    cursor.skip_tags()
    return None if is_future else (partition, size)


def find_coordinators_request(groups: Sequence[str]) -> Request[dict[str, int]]:
    """Ask any broker for the coordinators: group -> node id. Unknown ones are left out; before Kafka 3.0, only the first group."""
    return Request(
        FIND_COORDINATOR,
        lambda version: _encode_coordinators(version, groups),
        lambda data, version: _decode_coordinators(data, version, groups[0]),
    )


def _encode_coordinators(version: int, groups: Sequence[str]) -> bytes:
    body = RequestBody(flexible=FIND_COORDINATOR.is_flexible(version))
    if version < 4:
        body.text(groups[0])
    body.i8(0)  # groups, not transactions
    if version >= 4:
        body.texts(groups)
    return body.to_bytes()


def _decode_coordinators(data: bytes, version: int, first: str) -> dict[str, int]:
    cursor = Cursor(data, flexible=FIND_COORDINATOR.is_flexible(version), position=4)
    coordinators = {}
    if version < 4:
        error = cursor.i16()
        cursor.text_or_none()
        return {} if error else {first: cursor.i32()}
    for _ in range(cursor.count()):
        group, node = cursor.text(), cursor.i32()
        cursor.text()
        cursor.i32()
        if cursor.i16() == 0:
            coordinators[group] = node
        cursor.text_or_none()
        cursor.skip_tags()
    return coordinators
