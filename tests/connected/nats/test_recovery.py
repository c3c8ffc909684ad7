"""The answer "stream not found" is not final: a server that recovers answers it for streams that it has not loaded yet."""

import asyncio
import secrets
import time
from contextlib import aclosing

import pytest
from nats.aio.client import Client

from signalbox.brokers.errors import DestinationMissing, Unroutable
from signalbox.brokers.model import Message
from signalbox.servers.nats import NatsServer
from tests.support.nats import api, nats_settings, opened, stream

LOADED_AFTER_S = 0.2


@pytest.fixture
def name() -> str:
    return f"orders-{secrets.token_hex(4)}"


async def load_later(oracle: Client, name: str) -> None:
    await asyncio.sleep(LOADED_AFTER_S)
    await stream(oracle, name)


async def test_publish_waits_for_a_stream_that_loads_later(nats_broker: NatsServer, oracle: Client, name: str) -> None:
    async with opened(nats_settings(nats_broker)) as broker, asyncio.TaskGroup() as tasks:
        tasks.create_task(load_later(oracle, name))
        await broker.publish(name, Message(body=b"first"))
    assert (await api(oracle, f"STREAM.INFO.{name}"))["state"]["messages"] == 1


async def test_publish_waits_for_a_known_stream_to_return(nats_broker: NatsServer, oracle: Client, name: str) -> None:
    """The publisher knows the subject, and no stream subscribes to it for a moment."""
    await stream(oracle, name)
    async with opened(nats_settings(nats_broker)) as broker:
        await broker.publish(name, Message(body=b"lost with the stream"))
        await api(oracle, f"STREAM.DELETE.{name}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load_later(oracle, name))
            await broker.publish(name, Message(body=b"second"))
    assert (await api(oracle, f"STREAM.INFO.{name}"))["state"]["messages"] == 1


async def test_receive_waits_for_a_stream_that_loads_later(nats_broker: NatsServer, oracle: Client, name: str) -> None:
    async with opened(nats_settings(nats_broker)) as broker, aclosing(broker.receive(name, "reader")) as deliveries:
        first = asyncio.ensure_future(anext(deliveries))
        await load_later(oracle, name)
        await broker.publish(name, Message(body=b"first"))
        assert (await asyncio.wait_for(first, 10)).message.body == b"first"


async def test_receive_survives_a_briefly_missing_stream(nats_broker: NatsServer, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    async with opened(nats_settings(nats_broker)) as broker, aclosing(broker.receive(name, "reader")) as deliveries:
        await broker.publish(name, Message(body=b"first"))
        await (await anext(deliveries)).ack()
        second = asyncio.ensure_future(anext(deliveries))
        await api(oracle, f"STREAM.DELETE.{name}")
        await asyncio.sleep(0.6)  # the receiver restarts after 0.5 s and finds no stream
        await stream(oracle, name)
        await broker.publish(name, Message(body=b"second"))
        assert (await asyncio.wait_for(second, 10)).message.body == b"second"


async def test_a_missing_stream_is_reported_after_several_answers(nats_broker: NatsServer, name: str) -> None:
    started_at = time.monotonic()
    async with opened(nats_settings(nats_broker)) as broker:
        with pytest.raises(Unroutable, match="There is no stream"):
            await broker.publish(name, Message(body=b"x"))
        with pytest.raises(DestinationMissing, match="There is no stream"):
            async with aclosing(broker.receive(name, "reader")) as deliveries:
                await anext(deliveries)
    assert time.monotonic() - started_at < 10
