"""Members of groups whose clients write what no other client understands, on a real server."""

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.kafka.protocol.connection import Api, KafkaConnection, Request
from signalbox.brokers.kafka.protocol.wire import Cursor, RequestBody
from signalbox.brokers.model import Group, GroupState
from tests.support.kafka import KafkaClient, KafkaMember, KafkaUnderTest
from tests.support.waiting import eventually

JOIN_GROUP = Api("JoinGroup", 11, (2,), flexible_from=6)
SYNC_GROUP = Api("SyncGroup", 14, (1,), flexible_from=4)
LEAVE_GROUP = Api("LeaveGroup", 13, (1,), flexible_from=4)
SESSION_MS = 60_000


def join_request(group: str, protocol: bytes, protocol_type: str = "consumer") -> Request[tuple[int, int, str]]:
    """Join as the only member. Response: error code, generation, member id."""

    def encode(_version: int) -> bytes:
        body = RequestBody(flexible=False)
        body.text(group)
        body.i32(SESSION_MS, SESSION_MS)
        for text in ("", protocol_type):
            body.text(text)
        body.count(1)
        body.text("range")
        body.i32(len(protocol))
        body.raw(protocol)
        return body.to_bytes()

    def decode(data: bytes, _version: int) -> tuple[int, int, str]:
        cursor = Cursor(data, flexible=False, position=4)
        error, generation = cursor.i16(), cursor.i32()
        cursor.skip_texts(2)
        return error, generation, cursor.text()

    return Request(JOIN_GROUP, encode, decode)


def assign_request(group: str, generation: int, member: str, assignment: bytes) -> Request[int]:
    """Assign as the leader of the group. Response: error code."""

    def encode(_version: int) -> bytes:
        body = RequestBody(flexible=False)
        body.text(group)
        body.i32(generation)
        body.text(member)
        body.count(1)
        body.text(member)
        body.i32(len(assignment))
        body.raw(assignment)
        return body.to_bytes()

    return Request(SYNC_GROUP, encode, lambda data, _: Cursor(data, flexible=False, position=4).i16())


def leave_request(group: str, member: str) -> Request[int]:
    def encode(_version: int) -> bytes:
        body = RequestBody(flexible=False)
        body.text(group)
        body.text(member)
        return body.to_bytes()

    return Request(LEAVE_GROUP, encode, lambda data, _: Cursor(data, flexible=False, position=4).i16())


class Members:
    """Members of classic groups, each the leader of its group, which write any assignment."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._joined: list[tuple[str, str]] = []

    async def join(self, group: str, assignment: bytes, protocol_type: str = "consumer") -> None:
        subscription = struct.pack(">hih4si", 0, 1, 4, b"good", -1)

        async def joined() -> None:
            error, generation, member = await self._connection.call(join_request(group, subscription, protocol_type))
            assert error == 0
            assert await self._connection.call(assign_request(group, generation, member, assignment)) == 0
            self._joined.append((group, member))

        await eventually(joined, within_s=30)

    async def leave(self) -> None:
        """Leave all groups: Kafka's own tool fails on all groups while one has such a member."""
        for group, member in self._joined:
            assert await self._connection.call(leave_request(group, member)) == 0


@pytest.fixture
async def members(kafka: KafkaUnderTest) -> AsyncIterator[Members]:
    host, _, port = kafka.bootstrap.partition(":")
    connection = KafkaConnection(host, int(port))
    await connection.connect()
    members = Members(connection)
    yield members
    await members.leave()
    await connection.close()


async def test_an_undecodable_assignment_hides_no_other_member(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_client: KafkaClient, members: Members
) -> None:
    await kafka_client.create("good", 2)
    await kafka_client.commit("good-others", {("good", 0): 0})  # the first group creates the topic of coordinators
    await asyncio.gather(
        members.join("bad-assignment", b'{"assigned":{"good":[0,1]}}'), members.join("bad-short", b"\xff\xff\xff")
    )
    async with KafkaMember(kafka.bootstrap, "good-readers").subscribe("good"):

        async def members_are_read() -> dict[str, Group]:
            snapshot = await kafka_broker.sweep()
            names = ("good-readers", "bad-assignment", "bad-short")
            groups = {name: snapshot.groups[name] for name in names if name in snapshot.groups}
            assert [group.member_count for group in groups.values()] == [1, 1, 1]
            (good,) = groups["good-readers"].members or ()
            assert {topic: sorted(ps) for topic, ps in (good.assigned or {}).items()} == {"good": [0, 1]}
            resources = {fault.resource: fault.detail for fault in snapshot.faults}
            assert "cannot be decoded" in resources["members of group bad-assignment"]
            assert "members of group bad-short" in resources
            assert "members of group good-readers" not in resources
            return groups

        groups = await eventually(members_are_read, within_s=30)
    for name in ("bad-assignment", "bad-short"):
        (bad,) = groups[name].members or ()
        assert bad.assigned is None
        assert "cannot be decoded" in bad.note
        assert groups[name].lag_partial
        assert any("cannot be decoded" in note for note in groups[name].notes)


async def test_a_group_of_another_protocol_is_a_consumer_group_if_it_commits_offsets(
    kafka_broker: KafkaBroker, kafka_client: KafkaClient, members: Members
) -> None:
    await kafka_client.create("own-protocol")
    await kafka_client.produce("own-protocol", 0, 30)
    await kafka_client.commit("own-readers", {("own-protocol", 0): 4})
    await asyncio.gather(
        members.join("own-readers", b"\x00", "my-app"), members.join("connect-workers", b"\x00", "connect")
    )
    snapshot = await kafka_broker.sweep()
    readers = snapshot.groups["own-readers"]
    assert (readers.lag, readers.state, readers.members) == (26, GroupState.ACTIVE, None)
    assert "connect-workers" not in snapshot.groups
    assert snapshot.excluded >= 1
    assert not [fault for fault in snapshot.faults if "own-readers" in fault.resource]
