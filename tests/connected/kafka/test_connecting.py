"""Connecting to a Kafka cluster: several addresses, slow ones, and what the cluster advertises."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable
from signalbox.brokers.kafka.cluster_cache import Intervals
from signalbox.brokers.kafka.errors import Peer
from signalbox.brokers.kafka.node_connection import NodeConnection
from signalbox.brokers.kafka.protocol.metadata import BrokerAddress, metadata_request
from signalbox.servers.process import free_port
from tests.support.kafka import USERS, KafkaClient, KafkaUnderTest, connected, kafka_settings, make_broker
from tests.support.proxy import Proxy, silent_port
from tests.support.waiting import elapsed

LOGIN = {"sasl_mechanism": "SCRAM-SHA-512", "user": "alice", "password": USERS["alice"]}
ADVERTISED = "which the cluster advertises"


@pytest.fixture
async def refusing(kafka: KafkaUnderTest) -> AsyncIterator[str]:
    """The bootstrap address of a listener whose advertised address refuses connections."""
    await kafka.proxy.refuse()
    try:
        yield f"127.0.0.1:{kafka.server.port('PROXIED')}"
    finally:
        await kafka.proxy.accept()


async def test_an_advertised_address_that_refuses_is_named(refusing: str, kafka: KafkaUnderTest) -> None:
    async with connected(refusing) as broker:
        with pytest.raises(BrokerUnavailable) as caught:
            await broker.sweep()
    advertised = kafka.proxy_address
    assert caught.value.problem == (
        f"Cannot reach broker 1 from this host at {advertised}, {ADVERTISED}: connection refused."
    )
    assert "advertised.listeners of broker 1" in caught.value.hint
    assert "bootstrap" not in str(caught.value)


async def test_a_broker_that_goes_away_is_not_blamed_on_what_it_advertises(kafka: KafkaUnderTest) -> None:
    async with connected(kafka.proxy_address) as broker:
        await broker.sweep()
        await kafka.proxy.refuse()
        try:
            with pytest.raises(BrokerUnavailable) as caught:
                await broker.sweep()
        finally:
            await kafka.proxy.accept()
    assert caught.value.problem == f"Cannot reach {kafka.proxy_address}: connection refused."


async def failure_of(host: str, port: int, *, node: int | None) -> BrokerError:
    peer = Peer(address=f"{host}:{port}", timeout_s=0.5, node=node)
    connection = NodeConnection(kafka_settings("kafka-1:9092"), BrokerAddress(host, port), None, peer)
    with pytest.raises(BrokerError) as caught:
        await connection.call(metadata_request([]))
    await connection.close()
    return caught.value


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("kafka.invalid", 9092, "the host name cannot be resolved"),
        ("x..y", 9092, "empty or longer than 63 characters"),
        ("a" * 300, 9092, "more than 253 characters"),
        ("kafka-1", 70_000, "70000 is no port"),
        ("", 9092, "the host name is empty"),
    ],
)
async def test_any_advertised_name_gives_our_own_error(host: str, port: int, reason: str) -> None:
    error = await failure_of(host, port, node=7)
    assert error.problem.startswith("Cannot reach broker 7 from this host at ")
    assert reason in error.problem
    assert "advertised.listeners of broker 7" in error.hint


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full: it neither accepts nor refuses."""
    with socket.socket() as listener, contextlib.ExitStack() as clients:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        for _ in range(4):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port


async def test_an_advertised_address_without_a_route_is_named() -> None:
    with full_backlog() as port:
        advertised = await failure_of("127.0.0.1", port, node=2)
        configured = await failure_of("127.0.0.1", port, node=None)
    assert isinstance(advertised, BrokerTimeout)
    assert f"{ADVERTISED}: no connection within 0.5 s" in advertised.problem
    assert configured.problem == f"Cannot reach 127.0.0.1:{port}: no connection within 0.5 s."
    assert "firewalls" in configured.hint


async def test_a_far_cluster_is_reached_at_any_number_of_addresses(kafka: KafkaUnderTest) -> None:
    """A login has six round trips; the time is for each of them, not shared by the addresses."""
    async with Proxy(kafka.server.port("SASL")) as far:
        far.delay_s = 0.25
        broker = make_broker(",".join([f"127.0.0.1:{far.port}"] * 6), **LOGIN)
        await broker.connect(timeout_s=0.6)
        await broker.close()


async def test_dead_addresses_do_not_take_the_time_of_a_good_one(kafka: KafkaUnderTest) -> None:
    async with silent_port() as silent:
        dead = f"127.0.0.1:{free_port()},nobody.invalid:9092,127.0.0.1:{silent}"
        async with elapsed() as took, connected(f"{dead},{kafka.bootstrap}", timeout_s=30) as broker:
            assert (await broker.sweep()).cluster is not None
        assert took.seconds < 20
        with pytest.raises(BrokerError) as caught:
            await make_broker(dead, timeout_s=0.5).connect(timeout_s=0.5)
    assert caught.value.problem


async def test_a_cluster_that_answers_late_is_read_completely(kafka: KafkaUnderTest, kafka_client: KafkaClient) -> None:
    await kafka_client.create("late-orders")
    await kafka_client.produce("late-orders", 0, 5)
    await kafka_client.commit("late-readers", {("late-orders", 0): 1})
    async with connected(kafka.proxy_address, Intervals(sweep_s=2.0), timeout_s=30) as broker:
        await broker.sweep()
        await kafka_client.produce("late-orders", 0, 3)
        kafka.proxy.delay_s = 3.2  # longer than any limit but `timeout_s`
        try:
            snapshot = await broker.sweep()
        finally:
            kafka.proxy.delay_s = 0.0
    assert snapshot.groups["late-readers"].lag == 7
    assert not snapshot.faults
    assert snapshot.cluster is not None
    (note,) = snapshot.cluster.notes
    assert "longer than the interval" in note
    assert broker.sweep_interval_s > 6
