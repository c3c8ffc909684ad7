"""Three nats-servers: figures come from the leaders whichever server is asked; without a quorum every figure says so."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import DestinationSpec, Message, Snapshot, Why
from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.servers.nats import NatsOptions, NatsServer, nats_server
from signalbox.servers.process import free_port
from tests.support.nats import nats_settings, opened
from tests.support.servers import wanted_here
from tests.support.waiting import eventually

ELECTION_S = 40.0


@pytest.fixture
async def cluster() -> AsyncIterator[list[NatsServer]]:
    wanted_here("nats")
    ports = [free_port() for _ in range(3)]
    routes = ", ".join(f"nats://127.0.0.1:{port}" for port in ports)
    async with contextlib.AsyncExitStack() as stack:
        servers = []
        for number, port in enumerate(ports, 1):
            config = f"server_name: n{number}\ncluster {{ name: three, listen: 127.0.0.1:{port}, routes: [{routes}] }}"
            servers.append(await stack.enter_async_context(nats_server(NatsOptions(login=False, config=config))))
        yield servers


async def prepare(server: NatsServer) -> None:
    """A stream of three copies: 7 published, 2 of them acknowledged."""
    broker = NatsBroker(nats_settings(server, timeout_s=2.0))
    await eventually(broker.connect, within_s=ELECTION_S)
    wanted = DestinationSpec(name="orders", replicas=3, groups=("reader",))
    await eventually(lambda: broker.ensure([wanted]), within_s=ELECTION_S)
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
        await whole(broker)
        for server in (cluster[1], cluster[2]):
            await server.kill()
        await eventually(lambda: without_quorum(broker), within_s=ELECTION_S)
        for server in (cluster[1], cluster[2]):
            await server.start()
        await eventually(lambda: whole(broker), within_s=ELECTION_S)
        await cluster[0].kill()  # the one that it is connected to: the next address is taken

        async def moved() -> None:
            snapshot = await broker.sweep()
            assert "orders/reader" in snapshot.groups
            assert snapshot.groups["orders/reader"].lag == 5
            assert snapshot.cluster is not None
            assert snapshot.cluster.under_replicated == 1
            assert {node.id: node.running for node in snapshot.cluster.nodes or ()} == {
                "n1": None,
                "n2": True,
                "n3": True,
            }

        await eventually(moved, within_s=ELECTION_S)
        await broker.ensure([DestinationSpec(name="orders")])
        await broker.publish("orders", Message(body=b"x"))


async def whole(broker: NatsBroker) -> None:
    snapshot = await broker.sweep()
    assert not snapshot.faults
    assert {*snapshot.destinations, *snapshot.groups} == {"orders", "orders/reader"}
    told, group = snapshot.destinations["orders"], snapshot.groups["orders/reader"]
    assert (group.lag, group.why, told.healthy, told.settings["copies"]) == (5, Why.KNOWN, True, "3")
    assert told.settings["leader"] in {"n1", "n2", "n3"}
    assert snapshot.cluster is not None
    assert (snapshot.cluster.under_replicated, snapshot.cluster.offline) == (0, 0)
    assert {node.id for node in snapshot.cluster.nodes or ()} == {"n1", "n2", "n3"}


async def without_quorum(broker: NatsBroker) -> None:
    """The stream is still told, by its name, and is not well; its consumer is unknown and named, not gone and not zero."""
    snapshot = await broker.sweep()
    told = snapshot.destinations.get("orders")
    assert told is not None
    assert (told.state, told.healthy, told.why) == ("no leader", False, Why.NO_LEADER)
    assert not snapshot.gone_destinations | snapshot.gone_groups
    group = snapshot.groups.get("orders/reader")
    assert group is None or group.lag is None
    assert {fault.resource for fault in snapshot.faults} >= {"list of streams", "consumers of orders"}
    watched = await watch(broker)
    assert watched is None or all(each.lag is None for each in watched.groups.values())


async def watch(broker: NatsBroker) -> Snapshot | None:
    try:
        return await broker.watch(["orders/reader"])
    except BrokerError:
        return None
