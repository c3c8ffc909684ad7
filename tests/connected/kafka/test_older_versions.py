"""Older Kafka: 2.8.2 with ZooKeeper (one group a request, no states by list) and 3.9.1: the same figures, whole and watched."""

from collections.abc import AsyncIterator

import pytest

from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.model import DestinationSpec, GroupState, Message, Why
from signalbox.servers.kafka import VERSION_2_8, VERSION_3_9, KafkaOptions, KafkaServer
from tests.support.kafka import Oracle, Reading, connected, figures
from tests.support.servers import ran_against, wanted_here
from tests.support.waiting import eventually


@pytest.fixture(scope="module", params=[VERSION_2_8, VERSION_3_9])
async def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaServer]:
    wanted_here("kafka-older")
    server = KafkaServer(tmp_path_factory.mktemp("kafka-older"), KafkaOptions(version=request.param))
    await server.start()
    ran_against("Apache Kafka", request.param, "from Maven")
    yield server
    await server.stop()


async def test_figures_members_health_and_messages(older: KafkaServer) -> None:
    oracle = Oracle(older.bootstrap)
    await oracle.nodes(1)
    await oracle.create("older-orders", 3)
    for partition in range(3):
        await oracle.produce("older-orders", partition, 9 + 4 * partition)
    async with (
        connected(older.bootstrap) as broker,
        Reading(older.bootstrap, "older-member").subscribe("older-orders") as member,
    ):

        async def read() -> None:
            assert member.seen == 39

        await eventually(read, within_s=40)
        await member.commit("older-orders", 1, 6)
        for number in range(60):  # more than are in flight at once
            await broker.ensure([DestinationSpec(name="older-letters", groups=(f"older-{number}",))])
        await broker.publish("older-letters", Message(body=b"x"))
        await _check(broker, oracle)


async def _check(broker: KafkaBroker, oracle: Oracle) -> None:
    async def right() -> None:
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
        assert [len(m.assigned["older-orders"]) for m in swept.groups["older-member"].members or ()] == [3]
        assert swept.cluster is not None
        assert [(node.running, node.controller) for node in swept.cluster.nodes or ()] == [(True, True)]
        retention = swept.destinations["older-letters"].retention
        assert retention is not None
        assert retention.age_s == 604_800

    await eventually(right, within_s=20)
    assert await oracle.lag("older-member") == {("older-orders", 1): 7}
    deliveries = broker.receive("older-letters", "older-7")
    delivery = await anext(deliveries)
    assert delivery.message.body == b"x"
    await delivery.ack()
    await deliveries.aclose()
    assert (await broker.sweep()).groups["older-7"].lag == 0
