"""Metrics compared with rabbitmqctl, on both versions. The expected values are neither 0 nor equal to each other."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from urllib.parse import quote

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from pamqp.common import FieldValue

from signalbox.brokers.model import UNKNOWN, DestinationSpec, Group, GroupState, Message, Why
from signalbox.brokers.rabbitmq import account
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.brokers.rabbitmq.streams import NOTE_STORED, reader_name
from signalbox.servers.rabbitmq import DEBIAN_13, RabbitServer
from tests.support.rabbit_stream import stream_client
from tests.support.rabbitmq import (
    FIGURES_WITHIN_S,
    fill,
    listed,
    management,
    opened,
    oracle,
    rabbit_settings,
    unused,
    watched,
)
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def statistics_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nodes of the tests renew their statistics 20 times as often."""
    monkeypatch.setattr(account, "SPREAD_S", 1.0)


@pytest.fixture
async def broker(rabbit: RabbitServer) -> AsyncIterator[RabbitBroker]:
    async with opened(rabbit_settings(rabbit.address())) as broker:
        yield broker


async def group_of(broker: RabbitBroker, name: str) -> Group:
    snapshot = await broker.sweep()
    assert name in snapshot.groups
    return snapshot.groups[name]


def counted(group: Group) -> tuple[int, int, int]:
    """Return (arrived, settled, lag)."""
    rows = group.positions
    return rows.arrived[0], rows.settled[0], rows.lag[0]


@asynccontextmanager
async def reading(server: RabbitServer, queue: str, prefetch: int) -> AsyncIterator[list[AbstractIncomingMessage]]:
    """Yield the messages of a consumer that takes as many as the prefetch allows and acknowledges none."""
    incoming: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    async with oracle(server) as channel:
        await channel.set_qos(prefetch)
        await (await channel.get_queue(queue)).consume(incoming.put)
        async with asyncio.timeout(10):
            taken = [await incoming.get() for _ in range(prefetch)]
        yield taken


@pytest.mark.parametrize("kind", ["classic", "quorum"])
async def test_a_queue_matches_rabbitmqctl(rabbit: RabbitServer, broker: RabbitBroker, kind: str) -> None:
    name = unused(kind)
    async with AsyncExitStack() as readers:
        await fill(broker, name, 12, {"x-queue-type": kind})
        await readers.enter_async_context(reading(rabbit, name, 2))
        await readers.enter_async_context(reading(rabbit, name, 3))

        async def same() -> Mapping[str, object]:
            group = await watched(broker, name)
            assert (group.waiting, group.in_flight, group.lag, group.member_count) == (7, 5, 12, 2)
            return (await listed(rabbit))[name]

        row = await eventually(same, within_s=FIGURES_WITHIN_S)
        columns = ("messages_ready", "messages_unacknowledged", "messages", "consumers")
        assert [row[column] for column in columns] == [7, 5, 12, 2]
        group = (await broker.watch([name])).groups[name]
        assert group.state is GroupState.ACTIVE
        assert sorted(member.note for member in group.members or ()) == ["prefetch 2", "prefetch 3"]
        assert all(member.host.startswith("127.0.0.1:") for member in group.members or ())
        destination = (await broker.sweep()).destinations[name]
        assert (destination.kind, destination.messages, destination.state) == (f"{kind} queue", 12, "running")


async def test_counters_are_exact_at_rest(rabbit: RabbitServer, broker: RabbitBroker) -> None:
    """Of 20 messages 4 are acknowledged, 5 rejected, 11 in flight and then requeued. Counters stay when the consumer leaves."""
    name = unused("counted")
    await fill(broker, name, 20)

    async def exact(in_flight: int) -> None:
        group = await watched(broker, name)
        assert counted(group) == (20, 4, 11)
        assert group.removed_unacked == 5
        assert (await group_of(broker, name)).in_flight == in_flight

    async with reading(rabbit, name, 12) as taken:
        for incoming in taken[:4]:
            await incoming.ack()
        for incoming in taken[4:9]:
            await incoming.reject(requeue=False)
        await eventually(partial(exact, 11), within_s=FIGURES_WITHIN_S)
    await eventually(partial(exact, 0), within_s=FIGURES_WITHIN_S)


async def test_expired_messages_count_as_removed(broker: RabbitBroker) -> None:
    name = unused("short-lived")
    await broker.ensure([DestinationSpec(name=name, settings={"x-message-ttl": "50"})])

    async def exact(number: int) -> None:
        group = await watched(broker, name)
        assert counted(group) == (number, 0, 0)
        assert (group.removed_unacked, group.positions.lost) == (number, array("q", [number]))

    await eventually(partial(exact, 0), within_s=FIGURES_WITHIN_S)
    await fill(broker, name, 6)
    await eventually(partial(exact, 6), within_s=FIGURES_WITHIN_S)


async def test_dead_letters_under_way_count_and_are_named(rabbit: RabbitServer, broker: RabbitBroker) -> None:
    """At-least-once dead letters that can go nowhere: `rabbitmqctl` counts them in `messages` only."""
    name = unused("under-way")
    arguments = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    await fill(broker, name, 5, {"x-queue-type": "quorum", **arguments, **dead_letters("amq.direct", "nobody")})
    async with reading(rabbit, name, 3) as taken:
        for incoming in taken:
            await incoming.reject(requeue=False)

        async def counted_all() -> None:
            group = await group_of(broker, name)
            assert (group.lag, group.waiting, group.in_flight, group.dead_lettering) == (5, 0, 2, 3)
            assert "3 messages are being dead-lettered" in " ".join(group.notes)
            assert (await broker.sweep()).destinations[name].messages == 5

        await eventually(counted_all, within_s=FIGURES_WITHIN_S)
    row = (await listed(rabbit))[name]
    assert (row["messages"], row["messages_ready"], row["messages_unacknowledged"]) == (5, 2, 0)


async def test_the_arrivals_of_a_dead_letter_queue_are_a_minimum(rabbit: RabbitServer, broker: RabbitBroker) -> None:
    """The broker does not count what it publishes itself: its growth proves arrivals, and so does what is acknowledged."""
    name, dead = unused("work"), unused("dead")
    await broker.ensure([DestinationSpec(name=dead)])
    await fill(broker, name, 9, dead_letters("", dead))
    async with reading(rabbit, name, 9) as taken:
        for incoming in taken[:7]:
            await incoming.reject(requeue=False)

        async def at_least(arrived: int, settled: int) -> None:
            group = await watched(broker, dead)
            assert counted(group) == (arrived, settled, 7)
            assert group.arrived_at_least
            assert (await broker.sweep()).destinations[dead].arrived_at_least

        await eventually(partial(at_least, 7, 0), within_s=FIGURES_WITHIN_S)
        async with reading(rabbit, dead, 2) as letters:
            for letter in letters:
                await letter.ack()
            for incoming in taken[7:]:
                await incoming.reject(requeue=False)
            await eventually(partial(at_least, 9, 2), within_s=FIGURES_WITHIN_S)


def dead_letters(exchange: str, key: str) -> dict[str, str]:
    return {"x-dead-letter-exchange": exchange, "x-dead-letter-routing-key": key}


async def test_the_settings_of_a_queue(rabbit: RabbitServer, broker: RabbitBroker) -> None:
    """Arguments override the policy."""
    name, policy = unused("limited"), unused("limits")
    body = {"pattern": f"^{name}$", "apply-to": "queues", "definition": {"max-length": 9, "message-ttl": 60000}}
    await management(rabbit, f"/api/policies/%2F/{policy}", method="PUT", body=body)
    arguments = {"x-max-length": "7", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    await broker.ensure([DestinationSpec(name=name, settings=arguments)])

    async def settings_shown() -> None:
        destination = (await broker.sweep()).destinations[name]
        assert destination.retention is not None
        assert (destination.retention.messages, destination.retention.age_s) == (7, 60.0)
        assert destination.dead_letters_to == "dead"
        assert destination.settings["policy"] == policy

    await eventually(settings_shown, within_s=FIGURES_WITHIN_S)


async def test_the_lag_of_stream_readers(rabbit: RabbitServer, broker: RabbitBroker) -> None:
    """Retained messages are no lag. The broker reports a native reader's lag; a stored offset's is computed."""
    name = unused("stream")
    async with stream_client(rabbit) as client:
        await fill(broker, name, 30, {"x-queue-type": "stream"})

        async def messages_retained() -> None:
            snapshot = await broker.sweep()
            assert (snapshot.destinations[name].kind, snapshot.destinations[name].messages) == ("stream", 30)
            assert (snapshot.groups[name].lag, snapshot.groups[name].why) == (None, Why.NOT_REPORTED)
            assert not snapshot.faults

        await eventually(messages_retained, within_s=FIGURES_WITHIN_S)
        assert (await listed(rabbit))[name]["messages"] == 30
        await client.subscribe(name, credit=1)

        async def reader_behind() -> None:
            group = await group_of(broker, name)
            assert (group.lag, group.member_count, group.state) == (29, 1, GroupState.ACTIVE)
            assert group.lag_at_most

        await eventually(reader_behind, within_s=FIGURES_WITHIN_S)
        if rabbit.options.version != DEBIAN_13:
            group = await group_of(broker, name)
            assert "This version cannot report stored offsets" in " ".join(group.notes)
            return
        await client.store_offset("billing", name, 12)

        async def offset_stored() -> None:
            """The stored offset is itself an entry of the stream."""
            group = await group_of(broker, reader_name(name, "billing"))
            assert (group.positions.settled[0], group.lag, group.lag_at_most) == (13, 18, True)
            assert NOTE_STORED in group.notes

        await eventually(offset_stored, within_s=FIGURES_WITHIN_S)


async def test_readers_of_a_stream_that_have_read_everything(rabbit: RabbitServer, broker: RabbitBroker) -> None:
    """500 messages came natively, in chunks. A reader with credit left has them all; stored offsets prove no more than "at most"."""
    name = unused("stream")
    await broker.ensure([DestinationSpec(name=name, settings={"x-queue-type": "stream"})])
    async with stream_client(rabbit) as publisher, stream_client(rabbit) as ready, stream_client(rabbit) as slow:
        await publisher.publish(name, 500)
        await ready.subscribe(name, credit=200)

        async def read(client: int) -> None:
            group = await group_of(broker, name)
            assert (group.member_count, group.lag, group.lag_at_most) == (client, 0, False)
            assert "has all messages" in " ".join(member.note for member in group.members or ())

        await eventually(partial(read, 1), within_s=FIGURES_WITHIN_S)
        await slow.subscribe(name, credit=1)

        async def read_a_chunk() -> None:
            group = await group_of(broker, name)
            assert (group.member_count, group.lag_at_most) == (2, True)
            assert 400 < (group.lag or 0) < 500

        await eventually(read_a_chunk, within_s=FIGURES_WITHIN_S)
        if rabbit.options.version != DEBIAN_13:
            return
        for reader in ("billing", "search", "audit"):
            await publisher.store_offset(reader, name, 499)

        async def stored() -> None:
            for reader in ("billing", "search", "audit"):
                group = await group_of(broker, reader_name(name, reader))
                assert (group.positions.settled[0], group.lag_at_most) == (500, True)
                assert 1 <= (group.lag or 0) <= 3
                assert group.positions.arrived[0] == UNKNOWN

        await eventually(stored, within_s=FIGURES_WITHIN_S)


async def test_a_stream_is_consumed_from_its_start_and_continues_after_a_lost_connection(
    rabbit: RabbitServer, broker: RabbitBroker
) -> None:
    name = unused("stream")
    await fill(broker, name, 5, {"x-queue-type": "stream"})
    deliveries = broker.receive(name, "reader")
    bodies = []
    for _ in range(5):
        delivery = await asyncio.wait_for(anext(deliveries), FIGURES_WITHIN_S)
        bodies.append(delivery.message.body)
        await delivery.ack()
    assert bodies == [b"0", b"1", b"2", b"3", b"4"]
    await close_connections(rabbit, "consume")
    await broker.publish(name, Message(body=b"5"))
    assert (await asyncio.wait_for(anext(deliveries), FIGURES_WITHIN_S)).message.body == b"5"
    await deliveries.aclose()


async def close_connections(server: RabbitServer, purpose: str) -> None:
    """Close every connection of this purpose by the management API, once the API lists it."""

    async def listed_and_closed() -> None:
        rows = await management(server, "/api/connections")
        assert isinstance(rows, list)
        names = [row["name"] for row in rows if row.get("user_provided_name", "").endswith(purpose)]
        assert names
        for name in names:
            await management(server, f"/api/connections/{quote(name, safe='')}", method="DELETE")

    await eventually(listed_and_closed, within_s=FIGURES_WITHIN_S)


async def test_a_deleted_queue_disappears_after_two_listings(rabbit: RabbitServer, broker: RabbitBroker) -> None:
    name = unused("deleted")
    await fill(broker, name, 1)
    await eventually(lambda: group_of(broker, name), within_s=FIGURES_WITHIN_S)
    async with oracle(rabbit) as channel:
        await channel.queue_delete(name)
    first = await broker.sweep()
    assert name not in first.gone_destinations
    async with asyncio.timeout(FIGURES_WITHIN_S):
        while name not in (snapshot := await broker.sweep()).gone_destinations:
            pass
    assert name in snapshot.gone_groups
    assert name not in snapshot.destinations
    assert name not in (await broker.sweep()).destinations


async def test_queues_of_several_virtual_hosts_have_qualified_names(rabbit: RabbitServer) -> None:
    vhosts, name = ("/", "second", "a/b%c"), unused("same")
    async with opened(rabbit_settings(rabbit.address(), vhosts=vhosts)) as broker:
        names = [f"%2F/{name}", f"second/{name}", f"a%2Fb%25c/{name}"]
        for count, qualified in enumerate(names, 1):
            await fill(broker, qualified, count)

        async def lags_known() -> None:
            snapshot = await broker.sweep()
            assert [snapshot.groups[qualified].lag for qualified in names] == [1, 2, 3]

        await eventually(lags_known, within_s=FIGURES_WITHIN_S)
        assert (await listed(rabbit, "a/b%c"))[name]["messages"] == 3
        assert {g.lag for g in (await broker.watch(names[1:])).groups.values()} == {2, 3}


async def test_exclusive_queues_are_excluded(rabbit: RabbitServer, broker: RabbitBroker) -> None:
    async with oracle(rabbit) as channel:
        reply = await channel.declare_queue(exclusive=True)
        snapshot = await broker.sweep()
        assert reply.name not in snapshot.destinations
        assert snapshot.excluded >= 1
        async with opened(rabbit_settings(rabbit.address(), show_internal=True)) as showing:
            assert (await showing.sweep()).destinations[reply.name].internal


async def test_concurrent_messages_with_one_id_are_told_apart(broker: RabbitBroker) -> None:
    """The library matches returned messages by id: an unroutable message must not take the other's confirm."""
    name = unused("routable")
    await broker.ensure([DestinationSpec(name=name)])
    message = Message(body=b"x", id="the-same")
    queues = [name, unused("nowhere"), name, unused("nowhere")]
    outcomes = await asyncio.gather(*(broker.publish(q, message) for q in queues), return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["NoneType", "Unroutable"] * 2


async def test_headers_of_every_type_arrive_as_text(rabbit: RabbitServer, broker: RabbitBroker) -> None:
    name = unused("hostile")
    async with oracle(rabbit) as channel:
        await broker.ensure([DestinationSpec(name=name)])
        headers: dict[str, FieldValue] = {"depth": {"of": [1, {"x": "y"}]}, "n": 7, "none": None}
        await channel.default_exchange.publish(aio_pika.Message(b"x", headers=headers, message_id="é" * 100), name)
        deliveries = broker.receive(name, "reader")
        message = (await asyncio.wait_for(anext(deliveries), FIGURES_WITHIN_S)).message
        await deliveries.aclose()
        assert message.id == "é" * 100
        assert message.headers == {"depth": '{"of": [1, {"x": "y"}]}', "n": "7", "none": "None"}
