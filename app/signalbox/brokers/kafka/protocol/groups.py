"""ListGroups (16) and the four ways of describing a group, by its type: its state, its members and what they hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.brokers.kafka.protocol.frames import Api, Question
from signalbox.brokers.kafka.protocol.wire import Body, Cursor

LIST_GROUPS = Api("ListGroups", 16, (5, 4, 3, 2, 1), flexible_from=3)
DESCRIBE_GROUPS = Api("DescribeGroups", 15, (5, 4, 3, 2, 1), flexible_from=5)
CONSUMER_GROUP_DESCRIBE = Api("ConsumerGroupDescribe", 69, (1, 0), flexible_from=0)
SHARE_GROUP_DESCRIBE = Api("ShareGroupDescribe", 77, (1,), flexible_from=0)
STREAMS_GROUP_DESCRIBE = Api("StreamsGroupDescribe", 89, (0,), flexible_from=0)
SHARE_OFFSETS = Api("DescribeShareGroupOffsets", 90, (1, 0), flexible_from=0)

CLASSIC, CONSUMER, SHARE, STREAMS = "classic", "consumer", "share", "streams"  # GroupType, as brokers write it

Held = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of ListGroups. `state` is empty below v4, `type` is classic below v5."""

    group: str
    protocol: str
    state: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedMember:
    """One member. `target` is what it should hold, where the group's protocol knows that; empty elsewhere."""

    id: str
    client: str
    host: str
    held: Held = field(default_factory=dict)
    target: Held | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One group described."""

    group: str
    error: int
    message: str
    state: str
    members: tuple[DescribedMember, ...]


@dataclass(frozen=True, slots=True)
class ShareRow:
    """Where a share group stands on one partition; -1 where nothing was acknowledged yet, or where the broker has no lag."""

    topic: str
    partition: int
    start: int
    lag: int
    error: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOffsets:
    """All rows of one share group; `told_lag` is False where the broker (4.1) gives no lag."""

    group: str
    error: int
    rows: tuple[ShareRow, ...]
    told_lag: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """The groups that one broker coordinates. With an error there are no rows at all, though only one partition may load."""

    error: int
    rows: tuple[Listed, ...]
    raw: bytes


def ask_groups(known: Listing | None = None) -> Question[Listing]:
    """Ask one broker for the groups that it coordinates; the answer is `known` itself when its bytes are the same."""
    return Question(LIST_GROUPS, _encode_list, lambda d, v: known if known and known.raw == d else _decode_list(d, v))


def _encode_list(version: int) -> bytes:
    body = Body(flexible=LIST_GROUPS.flexible(version))
    if version >= 4:
        body.count(0)
    if version >= 5:
        body.count(0)
    return body.done()


def _decode_list(data: bytes, version: int) -> Listing:
    cursor = Cursor(data, flexible=LIST_GROUPS.flexible(version), at=4)
    error = cursor.i16()
    rows = []
    for _ in range(cursor.count()):
        group, protocol = cursor.text(), cursor.text()
        state = cursor.text() if version >= 4 else ""
        kind = cursor.text().lower() if version >= 5 else CLASSIC
        cursor.tags()
        rows.append(Listed(group, protocol, state, kind))
    return Listing(error, tuple(rows), data)


def ask_described(kind: str, groups: Sequence[str]) -> Question[list[Described]]:
    """Describe groups of one type; DescribeGroups would call a group of another type dead, with error 0."""
    api, decode = _BY_TYPE.get(kind, _BY_TYPE[CLASSIC])
    return Question(api, lambda version: _encode_described(api, version, groups), decode)


def _encode_described(api: Api, version: int, groups: Sequence[str]) -> bytes:
    body = Body(flexible=api.flexible(version))
    body.texts(groups)
    if api is not DESCRIBE_GROUPS or version >= 3:
        body.i8(0)
    return body.done()


def _decode_classic(data: bytes, version: int) -> list[Described]:
    cursor = Cursor(data, flexible=DESCRIBE_GROUPS.flexible(version), at=4)
    found = []
    for _ in range(cursor.count()):
        error, group, state = cursor.i16(), cursor.text(), cursor.text()
        cursor.text()  # protocol type
        cursor.text()  # assignor
        members = tuple(_classic_member(cursor, version) for _ in range(cursor.count()))
        if version >= 3:
            cursor.i32()
        cursor.tags()
        found.append(Described(group=group, error=error, message="", state=state, members=members))
    return found


def _classic_member(cursor: Cursor, version: int) -> DescribedMember:
    member = cursor.text()
    if version >= 4:
        cursor.text_or_none()  # static instance
    client, host = cursor.text(), cursor.text()
    cursor.blob()  # subscription
    held = _assignment(cursor.blob())
    cursor.tags()
    return DescribedMember(id=member, client=client, host=host, held=held)


def _assignment(blob: bytes | None) -> Held:
    """Read what a member holds: int16 version, then topics; empty while the group rebalances. Written by the clients' leader."""
    if not blob:
        return {}
    cursor = Cursor(blob, flexible=False, at=2)
    return {cursor.text(): cursor.ints() for _ in range(cursor.count())}


def _decode_consumer(data: bytes, version: int) -> list[Described]:
    return _decode_newer(data, lambda cursor: _newer_member(cursor, share=False, typed=version >= 1))


def _decode_share(data: bytes, _version: int) -> list[Described]:
    return _decode_newer(data, lambda cursor: _newer_member(cursor, share=True, typed=False))


def _decode_newer(data: bytes, member: Callable[[Cursor], DescribedMember]) -> list[Described]:
    cursor = Cursor(data, flexible=True, at=4)
    found = []
    for _ in range(cursor.count()):
        error, message, group, state = cursor.i16(), cursor.text(), cursor.text(), cursor.text()
        cursor.at += 8  # group and assignment epochs
        cursor.text()  # assignor
        members = tuple(member(cursor) for _ in range(cursor.count()))
        cursor.i32()
        cursor.tags()
        found.append(Described(group=group, error=error, message=message, state=state, members=members))
    return found


def _newer_member(cursor: Cursor, *, share: bool, typed: bool) -> DescribedMember:
    member = cursor.text()
    if not share:
        cursor.text_or_none()  # static instance
    cursor.text_or_none()  # rack
    cursor.i32()  # epoch
    client, host = cursor.text(), cursor.text()
    for _ in range(cursor.count()):
        cursor.text()  # subscribed topic
    if not share:
        cursor.text_or_none()  # subscribed pattern
    held = _topic_partitions(cursor)
    target = None if share else _topic_partitions(cursor)
    if typed:
        cursor.i8()
    cursor.tags()
    return DescribedMember(id=member, client=client, host=host, held=held, target=target)


def _topic_partitions(cursor: Cursor) -> Held:
    held: dict[str, tuple[int, ...]] = {}
    for _ in range(cursor.count()):
        cursor.topic_id()
        name, partitions = cursor.text(), cursor.ints()
        cursor.tags()
        held[name] = partitions
    cursor.tags()
    return held


def _decode_streams(data: bytes, _version: int) -> list[Described]:
    cursor = Cursor(data, flexible=True, at=4)
    found = []
    for _ in range(cursor.count()):
        error, message, group, state = cursor.i16(), cursor.text(), cursor.text(), cursor.text()
        cursor.at += 8
        sources = _topology(cursor)
        members = tuple(_streams_member(cursor, sources) for _ in range(cursor.count()))
        cursor.i32()
        cursor.tags()
        found.append(Described(group=group, error=error, message=message, state=state, members=members))
    return found


def _topology(cursor: Cursor) -> Mapping[str, tuple[str, ...]]:
    """Return the topics that each subtopology reads. A nullable struct begins with a byte: -1 for null."""
    if cursor.i8() < 0:
        return {}
    cursor.i32()  # epoch
    sources: dict[str, tuple[str, ...]] = {}
    for _ in range(cursor.count()):
        subtopology = cursor.text()
        topics = [cursor.text() for _ in range(cursor.count())]
        for _ in range(cursor.count()):
            cursor.text()  # repartition sink
        _topic_infos(cursor)  # changelogs
        topics += _topic_infos(cursor)  # repartition topics that it reads
        cursor.tags()
        sources[subtopology] = tuple(topics)
    cursor.tags()
    return sources


def _topic_infos(cursor: Cursor) -> list[str]:
    names = []
    for _ in range(cursor.count()):
        names.append(cursor.text())
        cursor.at += 6  # partitions, replication factor
        _pairs(cursor)
        cursor.tags()
    return names


def _pairs(cursor: Cursor) -> None:
    for _ in range(cursor.count()):
        cursor.text()
        cursor.text()
        cursor.tags()


def _streams_member(cursor: Cursor, sources: Mapping[str, tuple[str, ...]]) -> DescribedMember:
    member = cursor.text()
    cursor.i32()  # epoch
    cursor.text_or_none()  # static instance
    cursor.text_or_none()  # rack
    client, host = cursor.text(), cursor.text()
    cursor.i32()  # topology epoch
    cursor.text()  # process id
    if cursor.i8() >= 0:  # user endpoint
        cursor.text()
        cursor.i16()
        cursor.tags()
    _pairs(cursor)  # client tags
    _task_offsets(cursor)
    _task_offsets(cursor)
    held, target = _tasks(cursor, sources), _tasks(cursor, sources)
    cursor.i8()
    cursor.tags()
    return DescribedMember(id=member, client=client, host=host, held=held, target=target)


def _task_offsets(cursor: Cursor) -> None:
    for _ in range(cursor.count()):
        cursor.text()
        cursor.at += 12
        cursor.tags()


def _tasks(cursor: Cursor, sources: Mapping[str, tuple[str, ...]]) -> Held:
    """Return what the active tasks read; standby and warm-up tasks read nothing of their own."""
    held: dict[str, tuple[int, ...]] = {}
    for active in (True, False, False):
        for _ in range(cursor.count()):
            subtopology, partitions = cursor.text(), cursor.ints()
            cursor.tags()
            if active:
                for topic in sources.get(subtopology, ()):
                    held[topic] = held.get(topic, ()) + partitions
    cursor.tags()
    return held


_BY_TYPE: Mapping[str, tuple[Api, Callable[[bytes, int], list[Described]]]] = {
    CLASSIC: (DESCRIBE_GROUPS, _decode_classic),
    CONSUMER: (CONSUMER_GROUP_DESCRIBE, _decode_consumer),
    SHARE: (SHARE_GROUP_DESCRIBE, _decode_share),
    STREAMS: (STREAMS_GROUP_DESCRIBE, _decode_streams),
}


def ask_share_offsets(groups: Sequence[str]) -> Question[list[ShareOffsets]]:
    """Ask where share groups stand: they have no commits."""
    return Question(SHARE_OFFSETS, lambda _: _encode_share_offsets(groups), _decode_share_offsets)


def _encode_share_offsets(groups: Sequence[str]) -> bytes:
    body = Body(flexible=True)
    body.count(len(groups))
    for group in groups:
        body.text(group)
        body.count(None)
        body.tags()
    return body.done()


def _decode_share_offsets(data: bytes, version: int) -> list[ShareOffsets]:
    cursor = Cursor(data, flexible=True, at=4)
    found = []
    for _ in range(cursor.count()):
        group = cursor.text()
        rows: list[ShareRow] = []
        for _ in range(cursor.count()):
            topic = cursor.text()
            cursor.topic_id()
            rows += [_share_row(cursor, topic, version) for _ in range(cursor.count())]
            cursor.tags()
        error = cursor.i16()
        cursor.text_or_none()
        cursor.tags()
        found.append(ShareOffsets(group=group, error=error, rows=tuple(rows), told_lag=version >= 1))
    return found


def _share_row(cursor: Cursor, topic: str, version: int) -> ShareRow:
    partition, start, _ = cursor.i32(), cursor.i64(), cursor.i32()
    lag = cursor.i64() if version >= 1 else -1
    error = cursor.i16()
    cursor.text_or_none()
    cursor.tags()
    return ShareRow(topic, partition, start, lag, error)
