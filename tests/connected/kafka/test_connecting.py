"""Connecting to a Kafka cluster: several addresses, slow ones, and what the cluster advertises."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterator

import pytest

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable
from signalbox.brokers.kafka.cluster_cache import Intervals
from signalbox.brokers.kafka.errors import Peer
from signalbox.brokers.kafka.node_connection import NodeConnection
from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.metadata import BrokerAddress, metadata_request
from signalbox.brokers.kafka.protocol.wire import RequestBody
from signalbox.servers.process import free_port
from tests.support.kafka import USERS, KafkaClient, KafkaUnderTest, connected, kafka_settings, make_broker
from tests.support.proxy import Proxy, silent_port
from tests.support.waiting import elapsed, eventually

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


def node_connection(host: str, port: int, *, node: int | None = None, timeout_s: float = 0.5) -> NodeConnection:
    peer = Peer(address=f"{host}:{port}", timeout_s=timeout_s, node=node)
    return NodeConnection(kafka_settings("kafka-1:9092"), BrokerAddress(host, port), None, peer)


async def failure_of(host: str, port: int, *, node: int | None) -> BrokerError:
    connection = node_connection(host, port, node=node)
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
            oldest = await broker.oldest_unread(["late-readers"])
        finally:
            kafka.proxy.delay_s = 0.0
    assert snapshot.groups["late-readers"].lag == 7
    assert [unread.exact for unread in oldest["late-readers"]] == [True]
    assert not snapshot.faults
    assert snapshot.cluster is not None
    (note,) = snapshot.cluster.notes
    assert "longer than the interval" in note
    assert broker.sweep_interval_s > 6


async def test_each_answer_on_a_connection_has_its_own_time(kafka: KafkaUnderTest) -> None:
    async with Proxy(kafka.server.port("PLAINTEXT")) as slow:
        connection = node_connection("127.0.0.1", slow.port, timeout_s=0.7)
        await connection.call(metadata_request([]))
        slow.delay_s, slow.piece_bytes = 0.2, 40  # an answer has two pieces, all four take over a second
        answers = await asyncio.gather(*(connection.call(metadata_request([])) for _ in range(4)))
        assert all(answer.brokers for answer in answers)
        await connection.close()


async def test_a_connection_that_missed_an_answer_is_opened_anew(kafka: KafkaUnderTest) -> None:
    async with Proxy(kafka.server.port("PLAINTEXT")) as proxy:
        connection = node_connection("127.0.0.1", proxy.port)
        await connection.call(metadata_request([]))
        proxy.hang()
        requests = [connection.call(metadata_request([])) for _ in range(3)]
        async with elapsed() as took:
            errors = await asyncio.gather(*requests, return_exceptions=True)
        assert all(isinstance(error, BrokerTimeout) for error in errors)
        assert "did not respond within 0.5 s" in str(errors[0])
        assert took.seconds < 2  # one timeout for all of them, and none to connect again
        proxy.resume()

        async def responds() -> None:
            assert (await connection.call(metadata_request([]))).brokers

        await eventually(responds)
        assert proxy.connections == 2
        await connection.close()


async def test_a_caller_that_gives_up_does_not_end_the_connecting(kafka: KafkaUnderTest) -> None:
    async with Proxy(kafka.server.port("PLAINTEXT")) as slow:
        slow.delay_s = 0.3
        connection = node_connection("127.0.0.1", slow.port, timeout_s=5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.call(metadata_request([])), 0.05)
        assert (await connection.call(metadata_request([]))).brokers
        assert slow.connections == 1
        await connection.close()


async def test_a_quota_is_named_and_what_it_delays_is_read(kafka: KafkaUnderTest, kafka_client: KafkaClient) -> None:
    await kafka_client.create("quota-orders")
    await kafka_client.commit("quota-readers", {("quota-orders", 0): 0})
    async with connected(kafka.bootstrap, client_id="throttled", timeout_s=1.0) as broker:
        assert await broker._client.call(1, set_quota_request("throttled", 0.01)) == 0

        async def is_delayed() -> None:
            snapshot = await broker.sweep()
            assert snapshot.cluster is not None
            assert any("A quota of the cluster delayed answers" in note for note in snapshot.cluster.notes)
            assert snapshot.groups["quota-readers"].lag == 0
            assert not snapshot.faults

        await eventually(is_delayed, within_s=40)


def set_quota_request(client_id: str, percentage: float) -> Request[int]:
    """Limit the share of a broker's time that a client may take (AlterClientQuotas). Response: error code."""

    def encode(_version: int) -> bytes:
        body = RequestBody(flexible=False)
        body.count(1)
        body.count(1)
        body.text("client-id")
        body.text(client_id)
        body.count(1)
        body.text("request_percentage")
        body.raw(struct.pack(">d", percentage))
        body.i8(0, 0)  # do not remove it; do not only validate
        return body.to_bytes()

    def decode(data: bytes, _version: int) -> int:
        return int.from_bytes(data[8:10], "big")

    return Request(Api("AlterClientQuotas", 49, (0,), flexible_from=1), encode, decode)
