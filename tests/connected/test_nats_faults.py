"""A nats-server that dies, freezes, comes back or is slow: the right error, and recovery by the same adapter."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable, OutcomeUnknown
from signalbox.brokers.model import DestinationSpec, Message, Snapshot, Why
from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.servers.nats import NatsOptions, NatsServer, nats_server
from tests.support.nats import durable, nats_settings, opened, plain_client, stream
from tests.support.proxy import Proxy
from tests.support.servers import wanted_here
from tests.support.waiting import eventually

ORDERS = DestinationSpec(name="orders", groups=("reader",))


@pytest.fixture
async def server() -> AsyncIterator[NatsServer]:
    wanted_here("nats")
    async with nats_server(NatsOptions()) as server:
        yield server


async def lag(broker: NatsBroker) -> int | None:
    snapshot: Snapshot = await broker.sweep()
    return snapshot.groups["orders/reader"].lag


def through(proxy: Proxy, server: NatsServer, **overrides: object) -> NatsSettings:
    return nats_settings(server, urls=(f"nats://127.0.0.1:{proxy.port}",), **overrides)


async def prepared(broker: NatsBroker, count: int = 3) -> None:
    await broker.ensure([ORDERS])
    for _ in range(count):
        await broker.publish("orders", Message(body=b"x"))
    assert await lag(broker) == count


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_server_that_is_gone_and_comes_back(server: NatsServer, how: str) -> None:
    async with opened(nats_settings(server)) as broker:
        await prepared(broker)
        await (server.stop() if how == "stop" else server.kill())
        for ask in (broker.sweep(), broker.watch(["orders/reader"]), broker.oldest_unread(["orders/reader"])):
            began = time.monotonic()
            with pytest.raises(BrokerUnavailable) as caught:
                await ask
            assert not isinstance(caught.value, BrokerTimeout)
            assert time.monotonic() - began < 1.0
        await server.start()
        assert await eventually(lambda: lag(broker)) == 3
        await broker.publish("orders", Message(body=b"x"))
        assert await lag(broker) == 4


async def test_a_break_in_the_middle_of_a_question(server: NatsServer) -> None:
    """The library would wait for its timeout."""
    async with Proxy(server.port) as proxy, opened(through(proxy, server)) as broker:
        await prepared(broker)
        proxy.hang()
        began = time.monotonic()
        asking = asyncio.gather(broker.sweep(), broker.publish("orders", Message(body=b"x")), return_exceptions=True)
        asyncio.get_running_loop().call_later(0.3, proxy.cut)
        swept, published = await asking
        assert isinstance(swept, BrokerUnavailable)
        assert isinstance(published, OutcomeUnknown)
        assert time.monotonic() - began < 1.5
        proxy.resume()
        assert await eventually(lambda: lag(broker)) in {3, 4}


async def test_a_frozen_server_is_silent_in_time_and_may_be_left(server: NatsServer) -> None:
    async with opened(nats_settings(server, timeout_s=0.5)) as broker:
        await prepared(broker)
        server.pause()
        try:
            for ask, within_s in ((broker.sweep(), 2.5), (broker.watch(["orders/reader"]), 5.0)):
                began = time.monotonic()
                with pytest.raises(BrokerTimeout):
                    await ask
                assert time.monotonic() - began < within_s
            with pytest.raises(OutcomeUnknown):
                await broker.publish("orders", Message(body=b"x"), timeout_s=0.3)
            other = NatsBroker(nats_settings(server))
            with pytest.raises(BrokerTimeout):
                await other.connect(timeout_s=0.5)
            began = time.monotonic()
            await other.close()
            assert time.monotonic() - began < 2.0
        finally:
            server.resume()
        assert await eventually(lambda: lag(broker)) in {3, 4}  # whether the unknown one was stored, only now is known


async def test_closing_a_frozen_connection_ends_in_time(server: NatsServer) -> None:
    broker = NatsBroker(nats_settings(server))
    await broker.connect()
    server.pause()
    try:
        began = time.monotonic()
        await broker.close()
        assert time.monotonic() - began < 2.0
    finally:
        server.resume()


async def test_answers_that_take_longer_than_the_timeout(server: NatsServer) -> None:
    async with Proxy(server.port) as proxy, opened(through(proxy, server, timeout_s=1.0)) as broker:
        await prepared(broker)
        proxy.delay_s = 30.0
        with pytest.raises(BrokerTimeout):
            await broker.sweep()
        proxy.delay_s = 0.0
        proxy.cut()
        assert await eventually(lambda: lag(broker)) == 3


async def test_a_consumer_goes_on_over_a_restart_of_the_server(server: NatsServer) -> None:
    """After kill -9 the server may have forgotten an acknowledgement: then that message comes again."""
    received: list[bytes] = []

    async def read_all(broker: NatsBroker) -> None:
        async with aclosing(broker.receive("orders", "reader")) as deliveries:
            async for delivery in deliveries:
                received.append(delivery.message.body)
                await eventually(delivery.ack)

    async with opened(nats_settings(server)) as broker, asyncio.TaskGroup() as tasks:
        client = await plain_client(server)
        await stream(client, "orders")
        await durable(client, "orders", "reader", ack_wait=1_000_000_000)  # so long until it comes again
        await client.close()
        await prepared(broker, 2)
        reading = tasks.create_task(read_all(broker))

        async def done(*, bodies: set[bytes]) -> None:
            assert bodies <= set(received)
            assert await lag(broker) == 0

        await eventually(lambda: done(bodies={b"x"}))
        await server.kill()
        await server.start()
        await eventually(lambda: broker.publish("orders", Message(body=b"after")))
        await eventually(lambda: done(bodies={b"x", b"after"}), within_s=30)
        reading.cancel()


async def test_a_server_that_loses_its_jetstream_and_gets_it_back(server: NatsServer) -> None:
    """It answers as a server and not as JetStream: not an empty list."""
    async with opened(nats_settings(server)) as broker:
        await prepared(broker)
        await server.stop()
        assert server.process is not None
        config = server.process.folder / "nats.conf"
        whole = config.read_text()
        config.write_text("\n".join(line for line in whole.splitlines() if not line.startswith("jetstream")))
        await server.start()

        async def told() -> str:
            try:
                await broker.sweep()
            except BrokerError as error:
                return error.problem
            raise AssertionError("swept")

        assert "JetStream does not" in await told()
        await server.stop()
        config.write_text(whole)
        await server.start()
        assert await eventually(lambda: lag(broker)) == 3


async def test_a_fault_of_one_consumer_leaves_the_others(server: NatsServer) -> None:
    """Its answer is withheld by the network: only that one is not told."""
    async with opened(nats_settings(server)) as broker:
        await prepared(broker)
        await broker.ensure([DestinationSpec(name="letters", groups=("reader",))])
        await broker.sweep()
        real = broker._connection.ask

        async def withheld(what: str, *, timeout_s: float, **body: object) -> dict[str, object]:
            return await real(what, timeout_s=0.0 if "letters.reader" in what else timeout_s, **body)

        broker._connection.ask = withheld  # type: ignore[method-assign]  # the server cannot be asked to be slow for one
        watched = await broker.watch(["orders/reader", "letters/reader"])
        assert set(watched.groups) == {"orders/reader"}
        (fault,) = watched.faults
        assert (fault.group, fault.why) == ("letters/reader", Why.NO_ANSWER)
