"""What SQS tells, read by Signalbox and by plain botocore: the same, on ElasticMQ and on moto."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from signalbox.brokers.errors import DestinationMissing
from signalbox.brokers.model import DestinationSpec, Group, Message, Why
from signalbox.brokers.sqs.adapter import SqsBroker
from signalbox.servers.sqs import SqsServer, moto_server
from tests.support.sqs import opened, plain_client


@pytest.fixture(params=["elasticmq", "moto"])
def server(request: pytest.FixtureRequest) -> SqsServer:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, SqsServer)
    return found


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


def told(plain: Any, queue: str) -> tuple[int, int, int]:  # noqa: ANN401 - untyped client
    url = plain.get_queue_url(QueueName=queue)["QueueUrl"]
    counts = plain.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    visible, in_flight, delayed = (
        int(counts[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible", "Delayed")
    )
    return visible, in_flight, delayed


async def test_waiting_in_flight_and_delayed_are_those_that_sqs_tells(server: SqsServer) -> None:
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
    assert (group.waiting, group.in_flight, group.delayed) == (5, 4, 2) == await asyncio.to_thread(told, plain, queue)
    assert (group.lag, snapshot.destinations[queue].messages) == (11, 11)
    assert group.approximate
    assert snapshot.destinations[queue].approximate
    assert not broker.capabilities


async def test_the_kind_and_the_redrive_policy_of_a_queue_are_shown(server: SqsServer) -> None:
    plain = await asyncio.to_thread(plain_client, server.endpoint)
    dead, queue = unique("dead") + ".fifo", unique("orders") + ".fifo"

    def make() -> None:
        url = plain.create_queue(QueueName=dead, Attributes={"FifoQueue": "true"})["QueueUrl"]
        arn = plain.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "7"})
        attributes = {"FifoQueue": "true", "RedrivePolicy": policy, "MessageRetentionPeriod": "86400"}
        plain.create_queue(QueueName=queue, Attributes=attributes | {"VisibilityTimeout": "17"})

    await asyncio.to_thread(make)
    asked = {"QueueName": queue}
    url = (await asyncio.to_thread(lambda: plain.get_queue_url(**asked)))["QueueUrl"]
    every = await asyncio.to_thread(lambda: plain.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))
    async with connected(server, include=(dead, queue)) as broker:
        destinations = (await broker.sweep()).destinations
    assert (destinations[queue].kind, destinations[queue].dead_letters_to) == ("FIFO queue", dead)
    assert destinations[queue].settings["dead letter after"] == "7 receives"
    assert destinations[queue].settings["visibility timeout"] == "17 s"
    retention = destinations[queue].retention
    told_s = every["Attributes"].get("MessageRetentionPeriod")  # ElasticMQ tells none
    assert (retention and retention.age_s) == (told_s and int(told_s))
    assert destinations[dead].dead_letters_to is None


async def test_a_fifo_queue_keeps_the_order_of_each_key_and_takes_one_id_once(server: SqsServer) -> None:
    queue = unique("orders") + ".fifo"
    async with connected(server, prefix=queue[:12]) as broker:
        await broker.ensure([DestinationSpec(name=queue)])
        for number, name in enumerate(["a", "b", "b", "c"]):
            await broker.publish(queue, Message(body=b"%d" % number, key="Zoë 1", id=f"id-{name}"))
        got: list[Message] = []
        async with aclosing(broker.receive(queue, "reader")) as deliveries:
            while len(got) < 3:
                delivery = await anext(deliveries)
                got.append(delivery.message)
                await delivery.ack()
        assert [(message.body, message.key, message.id) for message in got] == [
            (b"0", "Zoë 1", "id-a"),
            (b"1", "Zoë 1", "id-b"),
            (b"3", "Zoë 1", "id-c"),
        ]


async def test_a_queue_is_gone_when_two_lists_lack_it_and_not_before(server: SqsServer) -> None:
    plain = await asyncio.to_thread(plain_client, server.endpoint)
    stays, goes = unique("stays"), unique("goes")
    async with connected(server, include=(stays, goes)) as broker:
        await broker.ensure([DestinationSpec(name=stays), DestinationSpec(name=goes)])
        assert set((await broker.sweep()).groups) == {stays, goes}
        url = await asyncio.to_thread(lambda: plain.get_queue_url(QueueName=goes)["QueueUrl"])
        await asyncio.to_thread(plain.delete_queue, QueueUrl=url)
        seen = [await broker.sweep() for _ in range(4)]
        assert [snapshot.gone_groups for snapshot in seen] == [frozenset(), frozenset(), {goes}, frozenset()]
        assert [set(snapshot.groups) for snapshot in seen] == [{stays}] * 4
        assert [fault.group for fault in seen[0].faults] == [goes]
        assert not seen[3].faults
        await broker.ensure([DestinationSpec(name=goes)])
        assert set((await broker.sweep()).groups) == {stays, goes}


async def test_configured_queues_are_read_without_a_list_and_a_missing_one_is_named(server: SqsServer) -> None:
    there, missing = unique("there"), unique("missing")
    async with connected(server) as maker:
        await maker.ensure([DestinationSpec(name=there)])
        for number in range(3):
            await maker.publish(there, Message(body=b"%d" % number))
    async with connected(server, queues=(there, missing)) as broker:
        snapshot = await broker.sweep()
    assert {name: group.lag for name, group in snapshot.groups.items()} == {there: 3}
    assert [(fault.resource, fault.why) for fault in snapshot.faults] == [(f"queue {missing}", Why.NO_ANSWER)]
    assert missing in snapshot.faults[0].detail
    assert "ListQueues" not in [call.request for call in snapshot.calls]


async def test_more_than_a_thousand_queues_are_all_listed() -> None:
    async with moto_server() as own:
        plain = await asyncio.to_thread(plain_client, own.endpoint)

        def make() -> None:
            for number in range(1203):
                plain.create_queue(QueueName=f"q{number}")
            plain.send_message(QueueUrl=plain.get_queue_url(QueueName="q1202")["QueueUrl"], MessageBody="x")

        await asyncio.to_thread(make)
        async with connected(own, include=("q1*0", "q1202")) as broker:
            snapshot = await broker.sweep()
    shown = {f"q{number}" for number in range(0, 1203, 10) if str(number).startswith("1")} | {"q1202"}
    assert set(snapshot.groups) == shown
    assert snapshot.excluded == 1203 - len(shown)
    assert snapshot.groups["q1202"].lag == 1


async def test_a_receiver_learns_that_its_queue_was_deleted(server: SqsServer) -> None:
    plain = await asyncio.to_thread(plain_client, server.endpoint)
    queue = unique("brief")
    async with connected(server, prefix=queue) as broker:
        await broker.ensure([DestinationSpec(name=queue)])
        await broker.publish(queue, Message(body=b"x"))
        async with aclosing(broker.receive(queue, "reader")) as deliveries:
            await (await anext(deliveries)).ack()
            url = await asyncio.to_thread(lambda: plain.get_queue_url(QueueName=queue)["QueueUrl"])
            await asyncio.to_thread(plain.delete_queue, QueueUrl=url)
            with pytest.raises(DestinationMissing, match=queue):
                await asyncio.wait_for(anext(deliveries), 30)


async def test_watching_asks_only_about_what_is_watched_and_dead_letters_arrive_where_they_are_said_to(
    server: SqsServer,
) -> None:
    plain = await asyncio.to_thread(plain_client, server.endpoint)
    dead, queue, other = unique("dead"), unique("orders"), unique("other")
    async with connected(server, include=(dead, queue, other)) as broker:
        await broker.ensure([DestinationSpec(name=dead), DestinationSpec(name=other)])
        url = await asyncio.to_thread(lambda: plain.get_queue_url(QueueName=dead)["QueueUrl"])
        asked = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
        arn = (await asyncio.to_thread(lambda: plain.get_queue_attributes(**asked)))["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
        await broker.ensure([DestinationSpec(name=queue, settings={"RedrivePolicy": policy})])
        for number in range(2):
            await broker.publish(queue, Message(body=b"%d" % number))
        await broker.sweep()
        async with aclosing(broker.receive(queue, "reader")) as deliveries:
            await (await anext(deliveries)).release()
        await asyncio.to_thread(receive_nothing, plain, queue)
        seen = await broker.watch([queue, dead, "never-seen"])
    assert set(seen.groups) == {queue, dead}
    assert lags(seen.groups) == {queue: 0, dead: 2}


def receive_nothing(plain: Any, queue: str) -> None:  # noqa: ANN401 - untyped client
    """The receive beyond the limit moves what is over it."""
    url = plain.get_queue_url(QueueName=queue)["QueueUrl"]
    assert not plain.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")


def lags(groups: Any) -> dict[str, int | None]:  # noqa: ANN401 - a mapping of groups
    return {name: group.lag for name, group in groups.items() if isinstance(group, Group)}
