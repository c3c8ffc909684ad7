"""The adapter's figures equal those read by plain botocore, on ElasticMQ and on moto."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from signalbox.brokers.errors import DestinationMissing
from signalbox.brokers.model import DestinationSpec, Message, Why
from signalbox.brokers.sqs.adapter import SqsBroker
from signalbox.servers.sqs import SqsServer, moto_server
from tests.support.sqs import opened, plain_client


@pytest.fixture(params=["elasticmq", "moto"])
def server(request: pytest.FixtureRequest) -> SqsServer:
    server = request.getfixturevalue(request.param)
    assert isinstance(server, SqsServer)
    return server


@asynccontextmanager
async def connected(server: SqsServer, **overrides: object) -> AsyncIterator[SqsBroker]:
    broker = opened(server.endpoint, **overrides)
    try:
        await broker.connect()
        yield broker
    finally:
        await broker.close()


def unique(hint: str) -> str:
    return f"{hint}-{uuid.uuid4().hex[:10]}"


def read_attributes(plain: Any, queue: str) -> dict[str, str]:  # noqa: ANN401 - untyped client
    url = plain.get_queue_url(QueueName=queue)["QueueUrl"]
    attributes: dict[str, str] = plain.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes


def delete(plain: Any, queue: str) -> None:  # noqa: ANN401 - untyped client
    plain.delete_queue(QueueUrl=plain.get_queue_url(QueueName=queue)["QueueUrl"])


def read_counts(plain: Any, queue: str) -> tuple[int, ...]:  # noqa: ANN401 - untyped client
    counts = read_attributes(plain, queue)
    return tuple(int(counts[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible", "Delayed"))


async def test_waiting_in_flight_and_delayed_equal_the_counts_of_sqs(server: SqsServer) -> None:
    plain = await asyncio.to_thread(plain_client, server.endpoint)
    queue = unique("orders")

    def fill() -> None:
        url = plain.create_queue(QueueName=queue, Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
        for number in range(11):
            plain.send_message(QueueUrl=url, MessageBody=str(number), DelaySeconds=300 if number < 2 else 0)
        got = plain.receive_message(QueueUrl=url, MaxNumberOfMessages=4)["Messages"]
        assert len(got) == 4

    await asyncio.to_thread(fill)
    async with connected(server, prefix=queue) as broker:
        snapshot = await broker.sweep()
    group = snapshot.groups[queue]
    assert (group.waiting, group.in_flight, group.delayed) == (5, 4, 2)
    assert await asyncio.to_thread(read_counts, plain, queue) == (5, 4, 2)
    assert (group.lag, snapshot.destinations[queue].messages) == (11, 11)
    assert group.approximate
    assert snapshot.destinations[queue].approximate
    assert not broker.capabilities


async def test_the_kind_and_the_redrive_policy_of_a_queue(server: SqsServer) -> None:
    plain = await asyncio.to_thread(plain_client, server.endpoint)
    dead, queue = unique("dead") + ".fifo", unique("orders") + ".fifo"

    def create() -> None:
        plain.create_queue(QueueName=dead, Attributes={"FifoQueue": "true"})
        arn = read_attributes(plain, dead)["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "7"})
        attributes = {"FifoQueue": "true", "RedrivePolicy": policy, "MessageRetentionPeriod": "86400"}
        plain.create_queue(QueueName=queue, Attributes=attributes | {"VisibilityTimeout": "17"})

    await asyncio.to_thread(create)
    attributes = await asyncio.to_thread(read_attributes, plain, queue)
    async with connected(server, include=(dead, queue)) as broker:
        destinations = (await broker.sweep()).destinations
    assert (destinations[queue].kind, destinations[queue].dead_letters_to) == ("FIFO queue", dead)
    assert destinations[queue].settings["dead letter after"] == "7 receives"
    assert destinations[queue].settings["visibility timeout"] == "17 s"
    retention = destinations[queue].retention
    expected_s = attributes.get("MessageRetentionPeriod")  # ElasticMQ reports none
    assert (retention and retention.age_s) == (expected_s and int(expected_s))
    assert destinations[dead].dead_letters_to is None


async def test_a_fifo_queue_keeps_the_order_per_key_and_stores_an_id_once(server: SqsServer) -> None:
    queue = unique("orders") + ".fifo"
    async with connected(server, prefix=queue[:12]) as broker:
        await broker.ensure([DestinationSpec(name=queue)])
        for number, name in enumerate(["a", "b", "b", "c"]):
            await broker.publish(queue, Message(body=b"%d" % number, key="Zoë 1", id=f"id-{name}"))
        received: list[Message] = []
        async with aclosing(broker.receive(queue, "reader")) as deliveries:
            while len(received) < 3:
                delivery = await anext(deliveries)
                received.append(delivery.message)
                await delivery.ack()
        assert [(message.body, message.id) for message in received] == [(b"0", "id-a"), (b"1", "id-b"), (b"3", "id-c")]
        assert {message.key for message in received} == {"Zoë 1"}


async def test_a_queue_is_gone_after_two_lists_without_it(server: SqsServer) -> None:
    plain = await asyncio.to_thread(plain_client, server.endpoint)
    kept, deleted = unique("kept"), unique("deleted")
    async with connected(server, include=(kept, deleted)) as broker:
        await broker.ensure([DestinationSpec(name=kept), DestinationSpec(name=deleted)])
        assert set((await broker.sweep()).groups) == {kept, deleted}
        await asyncio.to_thread(delete, plain, deleted)
        snapshots = [await broker.sweep() for _ in range(4)]
        assert [snapshot.gone_groups for snapshot in snapshots] == [frozenset(), frozenset(), {deleted}, frozenset()]
        assert [set(snapshot.groups) for snapshot in snapshots] == [{kept}] * 4
        assert [fault.group for fault in snapshots[0].faults] == [deleted]
        assert not snapshots[3].faults
        await broker.ensure([DestinationSpec(name=deleted)])
        assert set((await broker.sweep()).groups) == {kept, deleted}


async def test_configured_queues_need_no_list_and_a_missing_one_is_a_fault(server: SqsServer) -> None:
    existing, missing = unique("existing"), unique("missing")
    async with connected(server) as creator:
        await creator.ensure([DestinationSpec(name=existing)])
        for number in range(3):
            await creator.publish(existing, Message(body=b"%d" % number))
    async with connected(server, queues=(existing, missing)) as broker:
        snapshot = await broker.sweep()
    assert {name: group.lag for name, group in snapshot.groups.items()} == {existing: 3}
    assert [(fault.resource, fault.why) for fault in snapshot.faults] == [(f"queue {missing}", Why.NO_ANSWER)]
    assert missing in snapshot.faults[0].detail
    assert "ListQueues" not in [call.request for call in snapshot.calls]


async def test_more_than_a_thousand_queues_are_all_listed() -> None:
    async with moto_server() as own_server:
        plain = await asyncio.to_thread(plain_client, own_server.endpoint)

        def create() -> None:
            for number in range(1203):
                plain.create_queue(QueueName=f"q{number}")
            plain.send_message(QueueUrl=plain.get_queue_url(QueueName="q1202")["QueueUrl"], MessageBody="x")

        await asyncio.to_thread(create)
        async with connected(own_server, include=("q1*0", "q1202")) as broker:
            snapshot = await broker.sweep()
    shown = {f"q{number}" for number in range(0, 1203, 10) if str(number).startswith("1")} | {"q1202"}
    assert set(snapshot.groups) == shown
    assert snapshot.excluded == 1203 - len(shown)
    assert snapshot.groups["q1202"].lag == 1


async def test_a_receiver_of_a_deleted_queue_raises_destination_missing(server: SqsServer) -> None:
    plain = await asyncio.to_thread(plain_client, server.endpoint)
    queue = unique("deleted")
    async with connected(server, prefix=queue) as broker:
        await broker.ensure([DestinationSpec(name=queue)])
        await broker.publish(queue, Message(body=b"x"))
        async with aclosing(broker.receive(queue, "reader")) as deliveries:
            await (await anext(deliveries)).ack()
            await asyncio.to_thread(delete, plain, queue)
            with pytest.raises(DestinationMissing, match=queue):
                await asyncio.wait_for(anext(deliveries), 30)


async def test_watch_reads_only_the_watched_queues_and_sees_dead_letters(server: SqsServer) -> None:
    plain = await asyncio.to_thread(plain_client, server.endpoint)
    dead, queue, other = unique("dead"), unique("orders"), unique("other")
    async with connected(server, include=(dead, queue, other)) as broker:
        await broker.ensure([DestinationSpec(name=dead), DestinationSpec(name=other)])
        arn = (await asyncio.to_thread(read_attributes, plain, dead))["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
        await broker.ensure([DestinationSpec(name=queue, settings={"RedrivePolicy": policy})])
        for number in range(2):
            await broker.publish(queue, Message(body=b"%d" % number))
        await broker.sweep()
        async with aclosing(broker.receive(queue, "reader")) as deliveries:
            await (await anext(deliveries)).release()
        await asyncio.to_thread(receive_nothing, plain, queue)
        snapshot = await broker.watch([queue, dead, "never-seen"])
    assert set(snapshot.groups) == {queue, dead}
    assert {name: group.lag for name, group in snapshot.groups.items()} == {queue: 0, dead: 2}


def receive_nothing(plain: Any, queue: str) -> None:  # noqa: ANN401 - untyped client
    """A receive beyond maxReceiveCount moves the message to the dead letter queue."""
    url = plain.get_queue_url(QueueName=queue)["QueueUrl"]
    assert not plain.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")
