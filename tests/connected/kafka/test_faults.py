"""Kafka nodes that crash, freeze, restart or respond late: only their own figures are unknown, and nothing is reported as gone."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable
from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.kafka.cluster_cache import Intervals
from signalbox.brokers.model import UNKNOWN, Snapshot, Why
from signalbox.servers.kafka import KafkaServer
from tests.support.kafka import KafkaClient, KafkaUnderTest, connected, figures
from tests.support.waiting import elapsed, eventually

GROUP_COUNT = 12
FAST = Intervals(starts_s=0.0, configs_s=0.0, sizes_s=0.0, members_s=1.0, stables_s=0.0, health_s=0.0)


@pytest.fixture(scope="module")
async def pair(kafka_pair: KafkaServer) -> KafkaServer:
    """Topics "one" and "two" on one node each, and groups with coordinators on both nodes."""
    client = KafkaClient(kafka_pair.bootstrap)
    await client.wait_for_brokers(2)
    await client.create_on("fault-both", [[1, 2]])
    for node, topic in ((1, "fault-one"), (2, "fault-two")):
        await client.create_on(topic, [[node], [node]])
        for partition in range(2):
            await client.produce(topic, partition, 10 + partition)
    positions = {(topic, p): 3 for topic in ("fault-one", "fault-two") for p in range(2)}
    for number in range(GROUP_COUNT):
        await client.commit(f"fault-{number}", positions)
    return kafka_pair


@pytest.fixture
async def broker(pair: KafkaServer) -> AsyncIterator[KafkaBroker]:
    async with connected(pair.bootstrap, FAST, timeout_s=1.0) as adapter:
        await wait_until_all_is_known(adapter, within_s=30)
        yield adapter


def groups_of_coordinator(snapshot: Snapshot, node: str) -> set[str]:
    return {name for name, group in snapshot.groups.items() if group.coordinator == node}


def assert_nothing_gone(snapshot: Snapshot) -> None:
    assert not snapshot.gone_groups
    assert not snapshot.gone_destinations
    for group in snapshot.groups.values():
        assert all(lag in {UNKNOWN, 7, 8} for lag in group.positions.lag)
        assert group.lag in {None, 15, 30}


def _assert_only_second_unknown(snapshot: Snapshot, groups_of_first: set[str], groups_of_second: set[str]) -> None:
    """The first node's groups and partitions are unchanged; the second node's are unknown."""
    assert_nothing_gone(snapshot)
    assert groups_of_first <= set(snapshot.groups)
    unknown = {fault.group for fault in snapshot.faults if fault.group}
    assert groups_of_second <= unknown
    assert groups_of_second.isdisjoint(snapshot.groups)
    for name in groups_of_first:
        group = snapshot.groups[name]
        rows = {(topic, why) for (topic, _), (_, _, _, why) in figures(group).items()}
        assert group.positions.why
        assert ("fault-one", Why.KNOWN) in rows
        assert rows & {("fault-two", Why.NO_LEADER), ("fault-two", Why.NO_ANSWER)}
        assert (group.lag, group.lag_partial) == (15, True)


async def wait_until_all_is_known(broker: KafkaBroker, within_s: float = 60.0) -> None:
    async def all_known() -> None:
        snapshot = await broker.sweep()
        assert_nothing_gone(snapshot)
        assert not snapshot.faults
        assert {group.lag for group in snapshot.groups.values()} == {30}
        assert len(snapshot.groups) == GROUP_COUNT

    await eventually(all_known, within_s=within_s)


def _assert_loss_reported(snapshot: Snapshot) -> None:
    """The cluster has removed the second node; partitions with replicas only there have no leader."""
    assert snapshot.cluster is not None
    assert {node.id: node.running for node in snapshot.cluster.nodes or ()} == {"1": True, "2": False}
    assert (snapshot.cluster.offline or 0) >= 2  # fault-two, and some partitions of the offsets topic
    assert (snapshot.cluster.under_replicated or 0) >= 1
    states = {name: topic.state for name, topic in snapshot.destinations.items()}
    assert states == {"fault-one": "running", "fault-two": "no leader", "fault-both": "under-replicated"}


@pytest.mark.parametrize("fault", ["killed", "paused"])
async def test_only_the_figures_of_a_lost_node_are_unknown(pair: KafkaServer, broker: KafkaBroker, fault: str) -> None:
    before = await broker.sweep()
    groups_of_first, groups_of_second = groups_of_coordinator(before, "1"), groups_of_coordinator(before, "2")
    assert groups_of_first
    assert groups_of_second
    second = pair.nodes[1]
    if fault == "killed":
        await second.kill()
    else:
        second.pause()
    try:
        for _ in range(3):
            async with elapsed() as took:
                _assert_only_second_unknown(await broker.sweep(), groups_of_first, groups_of_second)
            assert took.seconds < 6.0

        async def loss_is_reported() -> None:
            snapshot = await broker.sweep()
            _assert_only_second_unknown(snapshot, groups_of_first, set())
            _assert_loss_reported(snapshot)

        await eventually(loss_is_reported, within_s=30)
        assert {group.lag for group in (await broker.watch(sorted(groups_of_first))).groups.values()} == {15}
    finally:
        if fault == "killed":
            await second.start()
        else:
            second.resume()
    await wait_until_all_is_known(broker)


async def test_a_restart_of_all_nodes_reports_nothing_as_gone(pair: KafkaServer, broker: KafkaBroker) -> None:
    await pair.stop()
    with pytest.raises(BrokerUnavailable):
        await broker.sweep()
    with pytest.raises(BrokerError):
        await broker.watch(["fault-1"])
    await pair.start()
    await wait_until_all_is_known(broker)


async def test_late_responses_count_as_no_response(kafka: KafkaUnderTest) -> None:
    async with connected(kafka.proxy_address, FAST, timeout_s=2.0) as broker:
        assert (await broker.sweep()).cluster is not None
        kafka.proxy.delay_s = 30.0
        try:
            async with elapsed() as took:
                with pytest.raises(BrokerTimeout):
                    await broker.sweep()
            assert took.seconds < 8.0
            with pytest.raises(BrokerTimeout):
                await broker.connect(timeout_s=1.0)
        finally:
            kafka.proxy.delay_s = 0.0
            kafka.proxy.cut()
        await broker.connect()
        assert (await broker.sweep()).cluster is not None


async def test_a_concurrent_sweep_and_watch_agree(pair: KafkaServer, broker: KafkaBroker) -> None:
    names = [f"fault-{number}" for number in range(GROUP_COUNT)]
    for _ in range(5):
        swept, watched = await asyncio.gather(broker.sweep(), broker.watch(names))
        assert {g.lag for g in swept.groups.values()} == {g.lag for g in watched.groups.values()} == {30}
        assert not swept.faults
        assert not watched.faults
