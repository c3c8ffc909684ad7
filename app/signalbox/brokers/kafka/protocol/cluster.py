"""Requests about the cluster: brokers and permissions, quorum leader, topic configuration, sizes on disk, group coordinators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.brokers.kafka.addresses import join_address
from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.wire import Cursor, RequestBody

DESCRIBE_CLUSTER = Api("DescribeCluster", 60, (2, 1, 0), flexible_from=0)
DESCRIBE_QUORUM = Api("DescribeQuorum", 55, (2, 1, 0), flexible_from=0, throttle_from=99)  # never told
DESCRIBE_CONFIGS = Api("DescribeConfigs", 32, (4, 3, 2, 1), flexible_from=4)
DESCRIBE_LOG_DIRS = Api("DescribeLogDirs", 35, (4, 3, 2, 1), flexible_from=2)
FIND_COORDINATOR = Api("FindCoordinator", 10, (4, 3, 2, 1), flexible_from=3)

DESCRIBE_BIT = 8  # position of DESCRIBE in the bit field of authorized operations
TOPIC_RESOURCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDescription:
    """Broker id -> fenced (None below v2), and whether our user may describe the cluster."""

    fenced: Mapping[int, bool | None]
    may_describe: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """The leader of the controller quorum. `addresses` (node id -> host:port) only from v2."""

    error: int
    leader: int
    addresses: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicConfig:
    topic: str
    error: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDirs:
    """The replicas on one broker: (topic, [(partition, bytes)]). `failed`: log directory -> error code."""

    error: int
    failed: dict[str, int] = field(default_factory=dict)
    sizes: list[tuple[str, list[tuple[int, int]]]] = field(default_factory=list)


def describe_cluster_request() -> Request[ClusterDescription]:
    return Request(DESCRIBE_CLUSTER, _encode_cluster, _decode_cluster)


def _encode_cluster(version: int) -> bytes:
    body = RequestBody(flexible=True)
    body.i8(*[1] * (version + 1))  # authorized operations; v1: endpoints of brokers; v2: fenced brokers too
    return body.to_bytes()


def _decode_cluster(data: bytes, version: int) -> ClusterDescription:
    cursor = Cursor(data, flexible=True, position=4)
    cursor.i16()  # error
    cursor.text_or_none()
    if version >= 1:
        cursor.i8()
    cursor.text()  # cluster id
    cursor.i32()  # controller: with KRaft, a random broker
    fenced: dict[int, bool | None] = {}
    for _ in cursor.structs():
        broker = cursor.i32()
        cursor.text()
        cursor.i32()
        cursor.text_or_none()
        fenced[broker] = bool(cursor.i8()) if version >= 2 else None
    return ClusterDescription(fenced=fenced, may_describe=bool(cursor.i32() >> DESCRIBE_BIT & 1))


def describe_quorum_request() -> Request[Quorum]:
    return Request(DESCRIBE_QUORUM, _encode_quorum, _decode_quorum)


def _encode_quorum(_version: int) -> bytes:
    body = RequestBody(flexible=True)
    for topic in body.structs(["__cluster_metadata"]):
        body.text(topic)
        for partition in body.structs([0]):
            body.i32(partition)
    return body.to_bytes()


def _decode_quorum(data: bytes, version: int) -> Quorum:
    cursor = Cursor(data, flexible=True)
    error = cursor.i16()
    if version >= 2:
        cursor.text_or_none()
    leader = -1
    for _ in cursor.structs():
        cursor.text()
        for _ in cursor.structs():
            cursor.i32()
            error = cursor.i16() or error
            if version >= 2:
                cursor.text_or_none()
            leader = cursor.i32()
            cursor.position += 12  # epoch, high watermark
            _skip_replicas(cursor, version)  # voters
            _skip_replicas(cursor, version)  # observers
    return Quorum(error=error, leader=leader, addresses=_addresses(cursor) if version >= 2 else {})


def _skip_replicas(cursor: Cursor, version: int) -> None:
    for _ in cursor.structs():
        cursor.position += (16 if version >= 2 else 0) + 12 + (16 if version >= 1 else 0)


def _addresses(cursor: Cursor) -> dict[int, str]:
    addresses = {}
    for _ in cursor.structs():
        node = cursor.i32()
        for _ in cursor.structs():
            cursor.text()
            addresses[node] = join_address(cursor.text(), cursor.i16() & 0xFFFF)
    return addresses


def topic_configs_request(topics: Sequence[str], keys: Sequence[str]) -> Request[list[TopicConfig]]:
    return Request(DESCRIBE_CONFIGS, lambda version: _encode_configs(version, topics, keys), _decode_configs)


def _encode_configs(version: int, topics: Sequence[str], keys: Sequence[str]) -> bytes:
    body = RequestBody(flexible=DESCRIBE_CONFIGS.is_flexible(version))
    for topic in body.structs(topics):
        body.i8(TOPIC_RESOURCE)
        body.text(topic)
        body.texts(keys)
    body.i8(0)
    if version >= 3:
        body.i8(0)
    return body.to_bytes()


def _decode_configs(data: bytes, version: int) -> list[TopicConfig]:
    cursor = Cursor(data, flexible=DESCRIBE_CONFIGS.is_flexible(version), position=4)
    return [_decode_topic(cursor, version) for _ in cursor.structs()]


def _decode_topic(cursor: Cursor, version: int) -> TopicConfig:
    error = cursor.i16()
    cursor.text_or_none()
    cursor.i8()
    topic = cursor.text()
    values = dict(_decode_config(cursor, version) for _ in cursor.structs())
    return TopicConfig(topic=topic, error=error, values=values)


def _decode_config(cursor: Cursor, version: int) -> tuple[str, str]:
    name, value = cursor.text(), cursor.text()
    cursor.position += 3  # read only, source, sensitive
    for _ in cursor.structs():  # synonyms
        cursor.skip_texts(2)
        cursor.i8()
    if version >= 3:
        cursor.i8()
        cursor.text_or_none()
    return name, value


def log_dirs_request() -> Request[LogDirs]:
    """Ask one broker for the sizes of its replicas."""
    return Request(DESCRIBE_LOG_DIRS, _encode_sizes, _decode_sizes)


def _encode_sizes(version: int) -> bytes:
    body = RequestBody(flexible=DESCRIBE_LOG_DIRS.is_flexible(version))
    body.count(None)
    return body.to_bytes()


def _decode_sizes(data: bytes, version: int) -> LogDirs:
    cursor = Cursor(data, flexible=DESCRIBE_LOG_DIRS.is_flexible(version), position=4)
    answer = LogDirs(error=cursor.i16() if version >= 3 else 0)
    for _ in cursor.structs():
        error, path = cursor.i16(), cursor.text()
        if error:
            answer.failed[path] = error
        answer.sizes.extend((cursor.text(), _decode_topic_sizes(cursor)) for _ in cursor.structs())
        if version >= 4:
            cursor.position += 16  # the disk's total and free bytes
    return answer


def _decode_topic_sizes(cursor: Cursor) -> list[tuple[int, int]]:
    sizes = []
    for _ in cursor.structs():
        partition, size, _lag = cursor.i32(), cursor.i64(), cursor.i64()
        if not cursor.i8():  # else a copy that is moving to another disk of the same broker
            sizes.append((partition, size))
    return sizes


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
    if version < 4:
        error = cursor.i16()
        cursor.text_or_none()
        return {} if error else {first: cursor.i32()}
    coordinators = {}
    for _ in cursor.structs():
        group, node = cursor.text(), cursor.i32()
        cursor.text()
        cursor.i32()
        if cursor.i16() == 0:
            coordinators[group] = node
        cursor.text_or_none()
    return coordinators
