"""Three nodes of RabbitMQ, of which one is killed at a time: the others' figures go on, its own are unknown, and all come back."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import partial

import pytest

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.model import DestinationSpec, Message, Snapshot, Why
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.servers.rabbitmq import INSTALLED, RabbitOptions, RabbitServer
from tests.support.rabbitmq import QUICK, QUICK_ERLANG, TOLD_WITHIN_S, listed, opened, rabbit_settings
from tests.support.servers import wanted_here
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

NODES = [f"node{number}@localhost" for number in (1, 2, 3)]
MADE_ON = {"quorum": (1, 5), "classic": (2, 4)}  # kind -> the node that it is made on, and so led by; messages in it

Filled = Mapping[str, int]  # name -> messages that wait


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitServer]:
    """Each test leaves it whole."""
    wanted_here("rabbitmq")
    options = RabbitOptions(version=INSTALLED, nodes=3, settings=QUICK, erlang=QUICK_ERLANG)
    server = RabbitServer(tmp_path_factory.mktemp("rabbitmq-cluster"), options)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


@pytest.fixture(scope="module")
async def filled(cluster: RabbitServer) -> dict[str, int]:
    """A quorum queue over all nodes, led by the second, and a classic one on the third alone."""
    waiting = {}
    for kind, (node, count) in MADE_ON.items():
        async with opened(rabbit_settings(cluster.address(node))) as broker:
            await broker.ensure([DestinationSpec(name=kind, settings={"x-queue-type": kind})])
            for number in range(count):
                await broker.publish(kind, Message(body=b"%d" % number))
        waiting[kind] = count

    async def counted() -> None:  # a quorum queue says 0 until its first tick
        assert {name: row["messages"] for name, row in (await listed(cluster)).items()} == waiting

    await eventually(counted, within_s=TOLD_WITHIN_S)
    return waiting


async def swept(broker: RabbitBroker, filled: Filled) -> Snapshot:
    """One sweep. A figure may be unknown, but never another than waits, and no queue may leave."""
    snapshot = await broker.sweep()
    said = {name: snapshot.groups[name].lag for name in filled}
    if wrong := {name: lag for name, lag in said.items() if lag not in {None, filled[name]}}:
        pytest.fail(f"said {wrong} where {filled} wait")
    assert not snapshot.gone_groups | snapshot.gone_destinations
    return snapshot


def running(snapshot: Snapshot) -> dict[str, bool | None]:
    assert snapshot.cluster is not None
    return {node.id: node.running for node in snapshot.cluster.nodes or ()}


async def whole(broker: RabbitBroker, filled: Filled) -> Snapshot:
    """Every node runs, every figure is known, every copy is there."""
    snapshot = await swept(broker, filled)
    assert {name: snapshot.groups[name].lag for name in filled} == filled
    assert {name: snapshot.destinations[name].state for name in filled} == dict.fromkeys(filled, "running")
    assert running(snapshot) == dict.fromkeys(NODES, True)
    assert snapshot.cluster is not None
    assert (snapshot.cluster.under_replicated, snapshot.cluster.offline) == (0, 0)
    assert not snapshot.faults
    return snapshot


async def test_every_node_tells_the_same(cluster: RabbitServer, filled: Filled) -> None:
    for node in range(3):
        async with opened(rabbit_settings(cluster.address(node))) as broker:
            snapshot = await eventually(partial(whole, broker, filled), within_s=TOLD_WITHIN_S)
            leaders = {name: snapshot.destinations[name].settings["leader"] for name in filled}
            assert leaders == {"quorum": NODES[1], "classic": NODES[2]}
            assert set(snapshot.destinations["quorum"].settings["replicas online"].split(", ")) == set(NODES)


async def test_a_follower_dies(cluster: RabbitServer, filled: Filled) -> None:
    """It was also the only place of the classic queue, which the broker then leaves out of its totals."""
    async with opened(rabbit_settings(cluster.address())) as broker:
        await eventually(partial(whole, broker, filled), within_s=TOLD_WITHIN_S)
        await cluster.nodes[2].kill()

        async def lost() -> None:
            snapshot = await swept(broker, filled)
            if snapshot.groups["quorum"].lag is None:
                pytest.fail("the quorum queue's figures did not go on")
            assert running(snapshot) == {NODES[0]: True, NODES[1]: True, NODES[2]: False}
            group, destination = snapshot.groups["classic"], snapshot.destinations["classic"]
            assert (group.lag, group.waiting, group.why) == (None, None, Why.NO_LEADER)
            assert (destination.messages, destination.state, destination.healthy) == (None, "down", False)
            assert snapshot.cluster is not None
            assert (snapshot.cluster.under_replicated, snapshot.cluster.offline) == (1, 1)

        await eventually(lost, within_s=TOLD_WITHIN_S)
        watched = await broker.watch(
            list(filled)
        )  # the single call says that there is no such queue, which is not believed
        assert {name: group.lag for name, group in watched.groups.items()} == {**filled, "classic": None}
        assert not watched.faults
        await lost()
        await cluster.start()
        await eventually(partial(whole, broker, filled), within_s=TOLD_WITHIN_S)


async def test_the_leader_dies_and_with_it_an_address(cluster: RabbitServer, filled: Filled) -> None:
    """Who asks another node sees a new leader; who asks this one is told that it is not there, unless the plugins are asked too."""
    address, dead = cluster.address(), cluster.address(1)
    by_plugins = {"management_url": dead.management_url, "prometheus_urls": address.prometheus_urls}
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(opened(rabbit_settings(address)))
        blind = await stack.enter_async_context(opened(rabbit_settings(address, management_url=dead.management_url)))
        plugins = await stack.enter_async_context(opened(rabbit_settings(address, **by_plugins)))
        for each in (broker, blind, plugins):
            await eventually(partial(whole, each, filled), within_s=TOLD_WITHIN_S)
        await cluster.nodes[1].kill()

        async def led_anew() -> None:
            snapshot = await swept(broker, filled)
            assert (snapshot.groups["quorum"].lag, snapshot.groups["quorum"].notes) == (filled["quorum"], ())
            assert snapshot.destinations["quorum"].settings["leader"] in {NODES[0], NODES[2]}
            assert snapshot.groups["classic"].lag == filled["classic"]
            assert running(snapshot) == {NODES[0]: True, NODES[1]: False, NODES[2]: True}

        async def told_by_plugins() -> None:
            snapshot = await swept(plugins, filled)
            assert {name: snapshot.groups[name].lag for name in filled} == filled
            assert f"node {address.prometheus_urls[1]}" in {fault.resource for fault in snapshot.faults}

        await eventually(led_anew, within_s=TOLD_WITHIN_S)
        with pytest.raises(BrokerUnavailable, match=f"{dead.management_url}.* is not reachable"):
            await blind.sweep()
        await eventually(told_by_plugins, within_s=TOLD_WITHIN_S)
        await cluster.start()
        for each in (broker, blind, plugins):
            await eventually(partial(whole, each, filled), within_s=TOLD_WITHIN_S)
