"""A cluster of three nats-servers: figures come from the leaders; without a quorum they are unknown."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import DestinationSpec, Message, Why
from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.servers.nats import NatsOptions, NatsServer, nats_server
from signalbox.servers.process import free_port
from tests.support.nats import nats_settings, opened
from tests.support.servers import require_server
from tests.support.waiting import eventually

ELECTION_S = 40.0


@pytest.fixture
async def cluster() -> AsyncIterator[list[NatsServer]]:
    require_server("nats")
    ports = [free_port() for _ in range(3)]
    routes = ", ".join(f"nats://127.0.0.1:{port}" for port in ports)
    async with contextlib.AsyncExitStack() as stack:
        servers = []
        for number, port in enumerate(ports, 1):
            config = f"server_name: n{number}\ncluster {{ name: three, listen: 127.0.0.1:{port}, routes: [{routes}] }}"
            servers.append(await stack.enter_async_context(nats_server(NatsOptions(login=False, config=config))))
        yield servers


async def prepare(server: NatsServer) -> None:
    """Create a stream with three replicas, 7 messages published and 2 acknowledged."""
    broker = NatsBroker(nats_settings(server, timeout_s=2.0))
    await eventually(broker.connect, within_s=ELECTION_S)
    orders = DestinationSpec(name="orders", replicas=3, groups=("reader",))
    await eventually(lambda: broker.ensure([orders]), within_s=ELECTION_S)
    for _ in range(7):
        await broker.publish("orders", Message(body=b"x"))
    async with contextlib.aclosing(broker.receive("orders", "reader")) as deliveries:
        for _ in range(2):
            await (await anext(deliveries)).ack()
    await broker.close()


async def lag(broker: NatsBroker) -> int | None:
    snapshot = await broker.sweep()
    assert not snapshot.faults
    assert "orders/reader" in snapshot.groups
    return snapshot.groups["orders/reader"].lag


@pytest.mark.timeout(180)
async def test_a_cluster(cluster: list[NatsServer]) -> None:
    await prepare(cluster[0])
    urls = tuple(server.url for server in cluster)
    for server in cluster:
        async with opened(nats_settings(server)) as broker:
            assert await eventually(lambda broker=broker: lag(broker)) == 5  # type: ignore[misc]  # the loop's own broker
    async with opened(nats_settings(cluster[0], urls=urls, timeout_s=2.0)) as broker:
        await assert_complete(broker)
        for server in (cluster[1], cluster[2]):
            await server.kill()
        await eventually(lambda: assert_no_quorum(broker), within_s=ELECTION_S)
        for server in (cluster[1], cluster[2]):
            await server.start()
        await eventually(lambda: assert_complete(broker), within_s=ELECTION_S)
        await cluster[0].kill()  # the connected server: the adapter switches to the next address

        async def switched() -> None:
            snapshot = await broker.sweep()
            assert "orders/reader" in snapshot.groups
            assert snapshot.groups["orders/reader"].lag == 5
            assert snapshot.cluster is not None
            assert snapshot.cluster.under_replicated == 1
            running = {node.id: node.running for node in snapshot.cluster.nodes or ()}
            assert running == {"n1": None, "n2": True, "n3": True}

        await eventually(switched, within_s=ELECTION_S)
        await broker.ensure([DestinationSpec(name="orders")])
        await broker.publish("orders", Message(body=b"x"))


async def assert_complete(broker: NatsBroker) -> None:
    snapshot = await broker.sweep()
    assert not snapshot.faults
    assert {*snapshot.destinations, *snapshot.groups} == {"orders", "orders/reader"}
    stream, group = snapshot.destinations["orders"], snapshot.groups["orders/reader"]
    assert (group.lag, group.why, stream.healthy, stream.settings["replicas"]) == (5, Why.KNOWN, True, "3")
    assert stream.settings["leader"] in {"n1", "n2", "n3"}
    assert snapshot.cluster is not None
    assert (snapshot.cluster.under_replicated, snapshot.cluster.offline) == (0, 0)
    assert {node.id for node in snapshot.cluster.nodes or ()} == {"n1", "n2", "n3"}


async def assert_no_quorum(broker: NatsBroker) -> None:
    """The stream is still reported, as unhealthy; its consumer is unknown, neither gone nor zero."""
    snapshot = await broker.sweep()
    stream = snapshot.destinations.get("orders")
    assert stream is not None
    assert (stream.state, stream.healthy, stream.why) == ("no leader", False, Why.NO_LEADER)
    assert not snapshot.gone_destinations | snapshot.gone_groups
    group = snapshot.groups.get("orders/reader")
    assert group is None or group.lag is None
    assert {fault.resource for fault in snapshot.faults} >= {"list of streams", "consumers of orders"}
    with contextlib.suppress(BrokerError):
        watched = await broker.watch(["orders/reader"])
        assert all(group.lag is None for group in watched.groups.values())
