"""Kafka 2.8.2 with ZooKeeper (one group per request, no states in the list) and 3.9.1: sweep and watch return the same figures."""

from collections.abc import AsyncIterator

import pytest

from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.model import DestinationSpec, GroupState, Message, Why
from signalbox.servers.kafka import VERSION_2_8, VERSION_3_9, KafkaOptions, KafkaServer
from tests.support.kafka import KafkaClient, KafkaMember, connected, figures
from tests.support.servers import record_server, require_server
from tests.support.waiting import eventually


@pytest.fixture(scope="module", params=[VERSION_2_8, VERSION_3_9])
async def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaServer]:
    require_server("kafka-older")
    server = KafkaServer(tmp_path_factory.mktemp("kafka-older"), KafkaOptions(version=request.param))
    await server.start()
    record_server("Apache Kafka", request.param, "from Maven")
    yield server
    await server.stop()


async def test_figures_members_health_and_messages(older: KafkaServer) -> None:
    client = KafkaClient(older.bootstrap)
    await client.wait_for_brokers(1)
    await client.create("older-orders", 3)
    for partition in range(3):
        await client.produce("older-orders", partition, 9 + 4 * partition)
    async with (
        connected(older.bootstrap) as broker,
        KafkaMember(older.bootstrap, "older-member").subscribe("older-orders") as member,
    ):

        async def all_received() -> None:
            assert member.received == 39

        await eventually(all_received, within_s=40)
        await member.commit("older-orders", 1, 6)
        for number in range(60):  # more than the limit of requests in flight
            await broker.ensure([DestinationSpec(name="older-letters", groups=(f"older-{number}",))])
        await broker.publish("older-letters", Message(body=b"x"))
        await _check_figures(broker, client)


async def _check_figures(broker: KafkaBroker, client: KafkaClient) -> None:
    async def figures_are_right() -> None:
        swept = await broker.sweep()
        watched = await broker.watch(["older-member", "older-7"])
        for snapshot in (swept, watched):
            group = snapshot.groups["older-member"]
            assert group.state is GroupState.ACTIVE
            assert figures(group)["older-orders", 1] == (6, 13, 7, Why.KNOWN)
            assert figures(group)["older-orders", 2][3] is Why.NEVER_COMMITTED
            assert snapshot.groups["older-7"].lag == 1
            assert not snapshot.faults
        assert len(swept.groups) == 61
        assert [len((m.assigned or {})["older-orders"]) for m in swept.groups["older-member"].members or ()] == [3]
        assert swept.cluster is not None
        assert [(node.running, node.controller) for node in swept.cluster.nodes or ()] == [(True, True)]
        retention = swept.destinations["older-letters"].retention
        assert retention is not None
        assert retention.age_s == 604_800

    await eventually(figures_are_right, within_s=20)
    assert await client.lag("older-member") == {("older-orders", 1): 7}
    deliveries = broker.receive("older-letters", "older-7")
    delivery = await anext(deliveries)
    assert delivery.message.body == b"x"
    await delivery.ack()
    await deliveries.aclose()
    assert (await broker.sweep()).groups["older-7"].lag == 0
