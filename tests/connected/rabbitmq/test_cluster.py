"""Three RabbitMQ nodes, one killed at a time: the other nodes' metrics continue, its own are unknown, and all come back."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import pytest

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.model import Snapshot, Why
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.servers.rabbitmq import RabbitServer
from tests.support.rabbitmq import FIGURES_WITHIN_S, QUICK, cluster_of, fill, listed, opened, rabbit_settings, running
from tests.support.servers import require_server
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

NODES = [f"node{number}@localhost" for number in (1, 2, 3)]
DECLARED_ON = {"quorum": (1, 5), "classic": (2, 4)}  # type -> node that declares and so leads it, and messages

Backlog = Mapping[str, int]  # ready messages by queue


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitServer]:
    """Each test leaves all nodes running."""
    require_server("rabbitmq")
    async with running(tmp_path_factory.mktemp("rabbitmq-cluster"), replace(QUICK, nodes=3)) as server:
        yield server


@pytest.fixture(scope="module")
async def backlog(cluster: RabbitServer) -> dict[str, int]:
    """A quorum queue on all nodes, led by the second, and a classic queue on the third."""
    backlog = {}
    for kind, (node, count) in DECLARED_ON.items():
        async with opened(rabbit_settings(cluster.address(node))) as broker:
            await fill(broker, kind, count, {"x-queue-type": kind})
        backlog[kind] = count

    async def all_counted() -> None:  # a quorum queue reports 0 until its first tick
        assert {name: row["messages"] for name, row in (await listed(cluster)).items()} == backlog

    await eventually(all_counted, within_s=FIGURES_WITHIN_S)
    return backlog


async def sweep(broker: RabbitBroker, backlog: Backlog) -> Snapshot:
    """Sweep once. A lag may be unknown but never wrong, and no queue may be reported as deleted."""
    snapshot = await broker.sweep()
    lags = {name: snapshot.groups[name].lag for name in backlog}
    if wrong := {name: lag for name, lag in lags.items() if lag not in {None, backlog[name]}}:
        pytest.fail(f"reported {wrong}, the backlog is {backlog}")
    assert not snapshot.gone_groups | snapshot.gone_destinations
    return snapshot


def running_nodes(snapshot: Snapshot) -> dict[str, bool | None]:
    return {node.id: node.running for node in cluster_of(snapshot).nodes or ()}


async def sweep_complete(broker: RabbitBroker, backlog: Backlog) -> Snapshot:
    """Sweep once and check that all nodes run, all lags are known and all replicas are online."""
    snapshot = await sweep(broker, backlog)
    assert {name: snapshot.groups[name].lag for name in backlog} == backlog
    assert {name: snapshot.destinations[name].state for name in backlog} == dict.fromkeys(backlog, "running")
    assert running_nodes(snapshot) == dict.fromkeys(NODES, True)
    assert (cluster_of(snapshot).under_replicated, cluster_of(snapshot).offline) == (0, 0)
    assert not snapshot.faults
    return snapshot


async def test_every_node_reports_the_same(cluster: RabbitServer, backlog: Backlog) -> None:
    for node in range(3):
        async with opened(rabbit_settings(cluster.address(node))) as broker:
            snapshot = await eventually(partial(sweep_complete, broker, backlog), within_s=FIGURES_WITHIN_S)
            leaders = {name: snapshot.destinations[name].settings["leader"] for name in backlog}
            assert leaders == {"quorum": NODES[1], "classic": NODES[2]}
            assert set(snapshot.destinations["quorum"].settings["replicas online"].split(", ")) == set(NODES)


async def test_a_killed_follower(cluster: RabbitServer, backlog: Backlog) -> None:
    """The follower is also the only node of the classic queue, which the broker then leaves out of its totals."""
    async with opened(rabbit_settings(cluster.address())) as broker:
        await eventually(partial(sweep_complete, broker, backlog), within_s=FIGURES_WITHIN_S)
        await cluster.nodes[2].kill()

        async def queue_down() -> None:
            snapshot = await sweep(broker, backlog)
            if snapshot.groups["quorum"].lag is None:
                pytest.fail("the lag of the quorum queue became unknown")
            assert running_nodes(snapshot) == {NODES[0]: True, NODES[1]: True, NODES[2]: False}
            group, destination = snapshot.groups["classic"], snapshot.destinations["classic"]
            assert (group.lag, group.waiting, group.why) == (None, None, Why.NO_LEADER)
            assert (destination.messages, destination.state, destination.healthy) == (None, "down", False)
            assert (cluster_of(snapshot).under_replicated, cluster_of(snapshot).offline) == (1, 1)

        await eventually(queue_down, within_s=FIGURES_WITHIN_S)
        watched = await broker.watch(list(backlog))  # the single call answers "not found", which is not believed
        assert {name: group.lag for name, group in watched.groups.items()} == {**backlog, "classic": None}
        assert not watched.faults
        await queue_down()
        await cluster.start()
        await eventually(partial(sweep_complete, broker, backlog), within_s=FIGURES_WITHIN_S)


async def test_a_killed_leader_whose_api_is_configured(cluster: RabbitServer, backlog: Backlog) -> None:
    """A connection to another node sees the new leader; one to this node's API fails unless it reads the prometheus plugins too."""
    address, killed = cluster.address(), cluster.address(1)
    by_plugins = {"management_url": killed.management_url, "prometheus_urls": address.prometheus_urls}
    async with AsyncExitStack() as stack:
        broker, api_down, plugins = [
            await stack.enter_async_context(opened(rabbit_settings(address, **overrides)))
            for overrides in ({}, {"management_url": killed.management_url}, by_plugins)
        ]
        for connection in (broker, api_down, plugins):
            await eventually(partial(sweep_complete, connection, backlog), within_s=FIGURES_WITHIN_S)
        await cluster.nodes[1].kill()

        async def new_leader() -> None:
            snapshot = await sweep(broker, backlog)
            assert (snapshot.groups["quorum"].lag, snapshot.groups["quorum"].notes) == (backlog["quorum"], ())
            assert snapshot.destinations["quorum"].settings["leader"] in {NODES[0], NODES[2]}
            assert snapshot.groups["classic"].lag == backlog["classic"]
            assert running_nodes(snapshot) == {NODES[0]: True, NODES[1]: False, NODES[2]: True}

        async def read_from_plugins() -> None:
            snapshot = await sweep(plugins, backlog)
            assert {name: snapshot.groups[name].lag for name in backlog} == backlog
            assert f"node {address.prometheus_urls[1]}" in {fault.resource for fault in snapshot.faults}

        await eventually(new_leader, within_s=FIGURES_WITHIN_S)
        with pytest.raises(BrokerUnavailable, match=f"Cannot reach {killed.management_url}"):
            await api_down.sweep()
        await eventually(read_from_plugins, within_s=FIGURES_WITHIN_S)
        await cluster.start()
        for connection in (broker, api_down, plugins):
            await eventually(partial(sweep_complete, connection, backlog), within_s=FIGURES_WITHIN_S)
