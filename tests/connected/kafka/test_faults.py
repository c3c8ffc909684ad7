"""Kafka nodes that die, freeze, restart or answer late: only their own figures are unknown, nothing is gone, all come back."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable
from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.kafka.cluster_cache import Intervals
from signalbox.brokers.model import UNKNOWN, Snapshot, Why
from signalbox.servers.kafka import KafkaServer
from tests.support.kafka import KafkaUnderTest, Oracle, connected
from tests.support.waiting import eventually

GROUPS = 12
FAST = Intervals(starts_s=0.0, configs_s=0.0, sizes_s=0.0, members_s=1.0, stables_s=0.0, health_s=0.0, deadline_s=1.0)


@pytest.fixture(scope="module")
async def pair(kafka_pair: KafkaServer) -> KafkaServer:
    """Topics "one" and "two" on one node each, and groups whose coordinators are on both nodes."""
    oracle = Oracle(kafka_pair.bootstrap)
    await oracle.nodes(2)
    await oracle.create_on("fault-one", [[1], [1]])
    await oracle.create_on("fault-two", [[2], [2]])
    await oracle.create_on("fault-both", [[1, 2]])
    for topic in ("fault-one", "fault-two"):
        for partition in range(2):
            await oracle.produce(topic, partition, 10 + partition)
    positions = {(topic, p): 3 for topic in ("fault-one", "fault-two") for p in range(2)}
    for number in range(GROUPS):
        await oracle.commit(f"fault-{number}", positions)
    return kafka_pair


@pytest.fixture
async def broker(pair: KafkaServer) -> AsyncIterator[KafkaBroker]:
    async with connected(pair.bootstrap, FAST) as adapter:

        async def whole() -> None:
            snapshot = await adapter.sweep()
            assert not snapshot.faults
            assert len(snapshot.groups) == GROUPS
            assert {group.lag for group in snapshot.groups.values()} == {30}

        await eventually(whole, within_s=30)
        yield adapter


def coordinated(snapshot: Snapshot, node: str) -> set[str]:
    return {name for name, group in snapshot.groups.items() if group.coordinator == node}


def nothing_is_gone(snapshot: Snapshot) -> None:
    assert not snapshot.gone_groups
    assert not snapshot.gone_destinations
    for group in snapshot.groups.values():
        assert all(lag in {UNKNOWN, 7, 8} for lag in group.positions.lag)
        assert group.lag in {None, 15, 30}


def _only_the_second_is_unknown(snapshot: Snapshot, mine: set[str], theirs: set[str]) -> None:
    """The first node's groups and partitions are as before; of the second's nothing is claimed."""
    nothing_is_gone(snapshot)
    assert mine <= set(snapshot.groups)
    unknown = {fault.group for fault in snapshot.faults if fault.group}
    assert theirs <= unknown
    assert theirs.isdisjoint(snapshot.groups)
    for name in mine:
        group = snapshot.groups[name]
        rows = {
            (group.positions.names[d], w)
            for d, w in zip(group.positions.destination, group.positions.why or (), strict=True)
        }
        assert ("fault-one", Why.KNOWN) in rows
        assert rows & {("fault-two", Why.NO_LEADER), ("fault-two", Why.NO_ANSWER)}
        assert (group.lag, group.lag_partial) == (15, True)


def _all_is_back(snapshot: Snapshot) -> None:
    nothing_is_gone(snapshot)
    assert not snapshot.faults
    assert {group.lag for group in snapshot.groups.values()} == {30}
    assert len(snapshot.groups) == GROUPS


def _the_loss_is_seen(snapshot: Snapshot) -> None:
    """The cluster has noticed: it no longer names the second node, and nobody leads what only that one has."""
    assert snapshot.cluster is not None
    assert {node.id: node.running for node in snapshot.cluster.nodes or ()} == {"1": True, "2": False}
    assert (snapshot.cluster.offline or 0) >= 2  # fault-two; of the offsets topic some led there too
    assert (snapshot.cluster.under_replicated or 0) >= 1
    states = {name: topic.state for name, topic in snapshot.destinations.items()}
    assert states == {"fault-one": "running", "fault-two": "no leader", "fault-both": "under-replicated"}


@pytest.mark.parametrize("how", ["killed", "paused"])
async def test_of_one_node_lost_only_its_own_figures_are_unknown(
    pair: KafkaServer, broker: KafkaBroker, how: str
) -> None:
    before = await broker.sweep()
    mine, theirs = coordinated(before, "1"), coordinated(before, "2")
    assert mine
    assert theirs
    second = pair.nodes[1]
    if how == "killed":
        await second.kill()
    else:
        second.pause()
    try:
        for _ in range(3):
            began = time.monotonic()
            _only_the_second_is_unknown(await broker.sweep(), mine, theirs)
            assert time.monotonic() - began < 6.0

        async def noticed() -> None:
            snapshot = await broker.sweep()
            _only_the_second_is_unknown(snapshot, mine, set())
            _the_loss_is_seen(snapshot)

        await eventually(noticed, within_s=30)
        assert {group.lag for group in (await broker.watch(sorted(mine))).groups.values()} == {15}
    finally:
        if how == "killed":
            await second.start()
        else:
            second.resume()

    async def back() -> None:
        _all_is_back(await broker.sweep())

    await eventually(back, within_s=60)


async def test_a_restart_of_all_calls_nothing_gone(pair: KafkaServer, broker: KafkaBroker) -> None:
    await pair.stop()
    with pytest.raises(BrokerUnavailable):
        await broker.sweep()
    with pytest.raises(BrokerError):
        await broker.watch(["fault-1"])
    await pair.start()

    async def back() -> None:
        _all_is_back(await broker.sweep())

    await eventually(back, within_s=60)


async def test_answers_that_take_too_long_are_no_answers(kafka: KafkaUnderTest) -> None:
    async with connected(kafka.proxy_address, FAST, timeout_s=2.0) as broker:
        assert (await broker.sweep()).cluster is not None
        kafka.proxy.delay_s = 30.0
        try:
            began = time.monotonic()
            with pytest.raises(BrokerTimeout):
                await broker.sweep()
            assert time.monotonic() - began < 8.0
            with pytest.raises(BrokerTimeout):
                await broker.connect(timeout_s=1.0)
        finally:
            kafka.proxy.delay_s = 0.0
            kafka.proxy.cut()
        await broker.connect()
        assert (await broker.sweep()).cluster is not None


async def test_a_sweep_and_a_watch_at_once_agree(pair: KafkaServer, broker: KafkaBroker) -> None:
    names = [f"fault-{number}" for number in range(GROUPS)]
    for _ in range(5):
        swept, watched = await asyncio.gather(broker.sweep(), broker.watch(names))
        assert {g.lag for g in swept.groups.values()} == {g.lag for g in watched.groups.values()} == {30}
        assert not swept.faults
        assert not watched.faults
