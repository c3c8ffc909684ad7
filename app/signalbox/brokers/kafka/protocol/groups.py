"""ListGroups (16), the describe request of each group type (state, members, assignments), and share group offsets (90)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.wire import Cursor, MalformedResponse, RequestBody, decode_checked

LIST_GROUPS = Api("ListGroups", 16, (5, 4, 3, 2, 1), flexible_from=3)
DESCRIBE_GROUPS = Api("DescribeGroups", 15, (5, 4, 3, 2, 1), flexible_from=5)
CONSUMER_GROUP_DESCRIBE = Api("ConsumerGroupDescribe", 69, (1, 0), flexible_from=0)
SHARE_GROUP_DESCRIBE = Api("ShareGroupDescribe", 77, (1,), flexible_from=0)
STREAMS_GROUP_DESCRIBE = Api("StreamsGroupDescribe", 89, (0,), flexible_from=0)
SHARE_OFFSETS = Api("DescribeShareGroupOffsets", 90, (1, 0), flexible_from=0)

CONSUMER_PROTOCOLS = frozenset(
    {"consumer", "", "share", "streams"}
)  # members of others, such as Connect workers, own no partitions
CLASSIC, CONSUMER, SHARE, STREAMS = "classic", "consumer", "share", "streams"  # GroupType, as brokers spell it

Assignment = Mapping[str, tuple[int, ...]]  # topic -> partitions


@dataclass(frozen=True, slots=True)
class GroupListing:
    """One row of ListGroups. `state` is empty below v4; `type` is "classic" below v5."""

    group: str
    protocol: str
    state: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberDescription:
    """One member. `target`: the assignment that it should get, in protocols that have one; else None.

    `assigned` is None if it cannot be decoded: in the classic protocol, a client writes it.
    """

    id: str
    client: str
    host: str
    assigned: Assignment | None = field(default_factory=dict)
    target: Assignment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDescription:
    group: str
    error: int
    state: str
    members: tuple[MemberDescription, ...]


@dataclass(frozen=True, slots=True)
class SharePartition:
    """Start offset and lag of a share group on one partition; -1 = nothing acknowledged yet, or lag not available."""

    topic: str
    partition: int
    start_offset: int
    lag: int
    error: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOffsets:
    """The offsets of one share group. `has_lag` is False if the broker (4.1) does not report lag."""

    group: str
    error: int
    partitions: tuple[SharePartition, ...]
    has_lag: bool


@dataclass(frozen=True, slots=True)
class ListedGroups:
    """The groups that one broker coordinates. With an error there are no rows, even if only one offsets partition is loading."""

    error: int
    rows: tuple[GroupListing, ...]
    raw: bytes


def list_groups_request(previous: ListedGroups | None = None) -> Request[ListedGroups]:
    """Ask one broker for the groups that it coordinates; returns `previous` itself if the bytes are the same."""
    return Request(LIST_GROUPS, _encode_list, lambda data, version: _decode_list(data, version, previous))


def _encode_list(version: int) -> bytes:
    body = RequestBody(flexible=LIST_GROUPS.is_flexible(version))
    for _ in range(4, version + 1):  # v4: of any state; v5: of any type
        body.count(0)
    return body.to_bytes()


def _decode_list(data: bytes, version: int, previous: ListedGroups | None) -> ListedGroups:
    if previous is not None and previous.raw == data:
        return previous
    cursor = Cursor(data, flexible=LIST_GROUPS.is_flexible(version), position=4)
    error = cursor.i16()
    rows = []
    for _ in cursor.structs():
        group, protocol = cursor.text(), cursor.text()
        state = cursor.text() if version >= 4 else ""
        group_type = cursor.text().lower() if version >= 5 else CLASSIC
        rows.append(GroupListing(group, protocol, state, group_type))
    return ListedGroups(error, tuple(rows), data)


def describe_groups_request(group_type: str, groups: Sequence[str]) -> Request[list[GroupDescription]]:
    """Describe groups of one type. For a group of another type, DescribeGroups returns state Dead and error 0."""
    api, decode = _DESCRIBE_BY_TYPE.get(group_type, _DESCRIBE_BY_TYPE[CLASSIC])
    return Request(api, lambda version: _encode_describe(api, version, groups), decode)


def _encode_describe(api: Api, version: int, groups: Sequence[str]) -> bytes:
    body = RequestBody(flexible=api.is_flexible(version))
    body.texts(groups)
    if api is not DESCRIBE_GROUPS or version >= 3:
        body.i8(0)
    return body.to_bytes()


def _decode_classic(data: bytes, version: int) -> list[GroupDescription]:
    cursor = Cursor(data, flexible=DESCRIBE_GROUPS.is_flexible(version), position=4)
    descriptions = []
    for _ in cursor.structs():
        error, group, state = cursor.i16(), cursor.text(), cursor.text()
        cursor.skip_texts(2)  # protocol type, assignor
        members = tuple(_classic_member(cursor, version) for _ in cursor.structs())
        if version >= 3:
            cursor.i32()
        descriptions.append(GroupDescription(group=group, error=error, state=state, members=members))
    return descriptions


def _classic_member(cursor: Cursor, version: int) -> MemberDescription:
    member_id = cursor.text()
    if version >= 4:
        cursor.text_or_none()  # static instance
    client, host = cursor.text(), cursor.text()
    cursor.blob()  # subscription
    return MemberDescription(id=member_id, client=client, host=host, assigned=_decode_assignment(cursor.blob()))


def _decode_assignment(blob: bytes | None) -> Assignment | None:
    """Decode an assignment, which the group leader (a client) wrote: int16 version, then topics. Empty during a rebalance."""
    if not blob:
        return {}
    try:
        return decode_checked("an assignment", lambda: _assigned_topics(blob))
    except MalformedResponse:
        return None


def _assigned_topics(blob: bytes) -> Assignment:
    cursor = Cursor(blob, flexible=False)
    version = cursor.i16()
    assigned = {cursor.text(): cursor.ints() for _ in range(cursor.count())}
    if version < 0 or any(partition < 0 for partitions in assigned.values() for partition in partitions):
        raise MalformedResponse("No assignment has a negative number")
    return assigned


def _decode_consumer(data: bytes, version: int) -> list[GroupDescription]:
    return _decode_newer(data, lambda cursor: _newer_members(cursor, share=False, typed=version >= 1))


def _decode_share(data: bytes, _version: int) -> list[GroupDescription]:
    return _decode_newer(data, lambda cursor: _newer_members(cursor, share=True, typed=False))


def _decode_streams(data: bytes, _version: int) -> list[GroupDescription]:
    return _decode_newer(data, _streams_members)


def _decode_newer(data: bytes, decode_members: Callable[[Cursor], list[MemberDescription]]) -> list[GroupDescription]:
    cursor = Cursor(data, flexible=True, position=4)
    descriptions = []
    for _ in cursor.structs():
        error, _message, group, state = cursor.i16(), cursor.text(), cursor.text(), cursor.text()
        cursor.position += 8  # group and assignment epochs
        members = tuple(decode_members(cursor))
        cursor.i32()
        descriptions.append(GroupDescription(group=group, error=error, state=state, members=members))
    return descriptions


def _newer_members(cursor: Cursor, *, share: bool, typed: bool) -> list[MemberDescription]:
    cursor.text()  # assignor
    return [_newer_member(cursor, share=share, typed=typed) for _ in cursor.structs()]


def _newer_member(cursor: Cursor, *, share: bool, typed: bool) -> MemberDescription:
    member_id = cursor.text()
    if not share:
        cursor.text_or_none()  # static instance
    cursor.text_or_none()  # rack
    cursor.i32()  # epoch
    client, host = cursor.text(), cursor.text()
    cursor.skip_texts(cursor.count())  # subscribed topics
    if not share:
        cursor.text_or_none()  # subscribed pattern
    assigned = _topic_partitions(cursor)
    target = None if share else _topic_partitions(cursor)
    if typed:
        cursor.i8()
    return MemberDescription(id=member_id, client=client, host=host, assigned=assigned, target=target)


def _topic_partitions(cursor: Cursor) -> Assignment:
    assignment: dict[str, tuple[int, ...]] = {}
    for _ in cursor.structs():
        cursor.topic_id()
        name = cursor.text()
        assignment[name] = cursor.ints()
    cursor.skip_tags()
    return assignment


def _streams_members(cursor: Cursor) -> list[MemberDescription]:
    sources = _topology(cursor)
    return [_streams_member(cursor, sources) for _ in cursor.structs()]


def _topology(cursor: Cursor) -> Mapping[str, tuple[str, ...]]:
    """Return the source topics of each subtopology. A nullable struct begins with a byte: -1 = null."""
    if cursor.i8() < 0:
        return {}
    cursor.i32()  # epoch
    sources: dict[str, tuple[str, ...]] = {}
    for _ in cursor.structs():
        subtopology = cursor.text()
        topics = [cursor.text() for _ in range(cursor.count())]
        cursor.skip_texts(cursor.count())  # repartition sinks
        _topic_infos(cursor)  # changelogs
        sources[subtopology] = (*topics, *_topic_infos(cursor))  # with the repartition source topics
    cursor.skip_tags()
    return sources


def _topic_infos(cursor: Cursor) -> list[str]:
    names = []
    for _ in cursor.structs():
        names.append(cursor.text())
        cursor.position += 6  # partitions, replication factor
        _skip_pairs(cursor)
    return names


def _skip_pairs(cursor: Cursor) -> None:
    for _ in cursor.structs():
        cursor.skip_texts(2)


def _streams_member(cursor: Cursor, sources: Mapping[str, tuple[str, ...]]) -> MemberDescription:
    member_id = cursor.text()
    cursor.i32()  # epoch
    cursor.skip_texts(2)  # static instance, rack
    client, host = cursor.text(), cursor.text()
    cursor.i32()  # topology epoch
    cursor.text()  # process id
    if cursor.i8() >= 0:  # user endpoint
        cursor.text()
        cursor.i16()
        cursor.skip_tags()
    _skip_pairs(cursor)  # client tags
    _skip_task_offsets(cursor)
    _skip_task_offsets(cursor)
    assigned, target = _task_topics(cursor, sources), _task_topics(cursor, sources)
    cursor.i8()
    return MemberDescription(id=member_id, client=client, host=host, assigned=assigned, target=target)


def _skip_task_offsets(cursor: Cursor) -> None:
    for _ in cursor.structs():
        cursor.text()
        cursor.position += 12


def _task_topics(cursor: Cursor, sources: Mapping[str, tuple[str, ...]]) -> Assignment:
    """Return the partitions of the active tasks. Standby and warm-up tasks consume no messages for the group."""
    assignment: dict[str, tuple[int, ...]] = {}
    for is_active in (True, False, False):
        for _ in cursor.structs():
            subtopology, partitions = cursor.text(), cursor.ints()
            for topic in sources.get(subtopology, ()) if is_active else ():
                assignment[topic] = assignment.get(topic, ()) + partitions
    cursor.skip_tags()
    return assignment


_DESCRIBE_BY_TYPE: Mapping[str, tuple[Api, Callable[[bytes, int], list[GroupDescription]]]] = {
    CLASSIC: (DESCRIBE_GROUPS, _decode_classic),
    CONSUMER: (CONSUMER_GROUP_DESCRIBE, _decode_consumer),
    SHARE: (SHARE_GROUP_DESCRIBE, _decode_share),
    STREAMS: (STREAMS_GROUP_DESCRIBE, _decode_streams),
}


def share_offsets_request(groups: Sequence[str]) -> Request[list[ShareOffsets]]:
    """Ask for the offsets of share groups, which have no committed offsets."""
    return Request(SHARE_OFFSETS, lambda _: _encode_share_offsets(groups), _decode_share_offsets)


def _encode_share_offsets(groups: Sequence[str]) -> bytes:
    body = RequestBody(flexible=True)
    for group in body.structs(groups):
        body.text(group)
        body.count(None)
    return body.to_bytes()


def _decode_share_offsets(data: bytes, version: int) -> list[ShareOffsets]:
    cursor = Cursor(data, flexible=True, position=4)
    offsets = []
    for _ in cursor.structs():
        group = cursor.text()
        partitions: list[SharePartition] = []
        for _ in cursor.structs():
            topic = cursor.text()
            cursor.topic_id()
            partitions += [_share_partition(cursor, topic, version) for _ in cursor.structs()]
        error = cursor.i16()
        cursor.text_or_none()
        offsets.append(ShareOffsets(group=group, error=error, partitions=tuple(partitions), has_lag=version >= 1))
    return offsets


def _share_partition(cursor: Cursor, topic: str, version: int) -> SharePartition:
    partition, start_offset, _ = cursor.i32(), cursor.i64(), cursor.i32()
    lag = cursor.i64() if version >= 1 else -1
    error = cursor.i16()
    cursor.text_or_none()
    return SharePartition(topic, partition, start_offset, lag, error)
