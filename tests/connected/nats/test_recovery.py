"""The answer "stream not found" is not final: a server that recovers answers it for streams that it has not loaded yet."""

import asyncio
import json
import secrets
from contextlib import aclosing

import pytest
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from signalbox.brokers.errors import DestinationMissing, Unroutable
from signalbox.brokers.model import Message
from signalbox.servers.nats import NatsServer
from tests.support.nats import api, nats_settings, opened, stream


@pytest.fixture
def name() -> str:
    return f"orders-{secrets.token_hex(4)}"


async def requests(oracle: Client) -> Subscription:
    """Subscribe to the server's report of every request to its API."""
    subscription = await oracle.subscribe("$JS.EVENT.ADVISORY.API")
    await oracle.flush()
    return subscription


async def load_after_a_miss(oracle: Client, reported: Subscription, name: str) -> None:
    """Create the stream once the adapter did not find it: the server said so, or was asked whether it has recovered."""
    while True:
        request = json.loads((await reported.next_msg(timeout=30)).data)
        if "error" in json.loads(request["response"]) or request["subject"] == "$JS.API.INFO":
            break
    await stream(oracle, name)


async def test_publish_waits_for_a_stream_that_loads_later(nats_broker: NatsServer, oracle: Client, name: str) -> None:
    async with opened(nats_settings(nats_broker)) as broker, asyncio.TaskGroup() as tasks:
        tasks.create_task(load_after_a_miss(oracle, await requests(oracle), name))
        await broker.publish(name, Message(body=b"first"))
    assert (await api(oracle, f"STREAM.INFO.{name}"))["state"]["messages"] == 1


async def test_publish_waits_for_a_known_stream_to_return(nats_broker: NatsServer, oracle: Client, name: str) -> None:
    """The publisher knows the subject, and no stream subscribes to it for a moment."""
    await stream(oracle, name)
    async with opened(nats_settings(nats_broker)) as broker:
        await broker.publish(name, Message(body=b"lost with the stream"))
        await api(oracle, f"STREAM.DELETE.{name}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load_after_a_miss(oracle, await requests(oracle), name))
            await broker.publish(name, Message(body=b"second"))
    assert (await api(oracle, f"STREAM.INFO.{name}"))["state"]["messages"] == 1


async def test_receive_waits_for_a_stream_that_loads_later(nats_broker: NatsServer, oracle: Client, name: str) -> None:
    async with opened(nats_settings(nats_broker)) as broker, aclosing(broker.receive(name, "reader")) as deliveries:
        reported = await requests(oracle)
        first = asyncio.ensure_future(anext(deliveries))
        await load_after_a_miss(oracle, reported, name)
        await broker.publish(name, Message(body=b"first"))
        assert (await asyncio.wait_for(first, 10)).message.body == b"first"


async def test_receive_survives_a_briefly_missing_stream(nats_broker: NatsServer, oracle: Client, name: str) -> None:
    await stream(oracle, name)
    async with opened(nats_settings(nats_broker)) as broker, aclosing(broker.receive(name, "reader")) as deliveries:
        await broker.publish(name, Message(body=b"first"))
        await (await anext(deliveries)).ack()
        second = asyncio.ensure_future(anext(deliveries))
        await api(oracle, f"STREAM.DELETE.{name}")
        await load_after_a_miss(oracle, await requests(oracle), name)
        await broker.publish(name, Message(body=b"second"))
        assert (await asyncio.wait_for(second, 10)).message.body == b"second"


async def test_a_missing_stream_is_reported_after_several_answers(
    nats_broker: NatsServer, oracle: Client, name: str
) -> None:
    reported = await requests(oracle)
    async with opened(nats_settings(nats_broker)) as broker:
        with pytest.raises(Unroutable, match="There is no stream"):
            await broker.publish(name, Message(body=b"x"))
        with pytest.raises(DestinationMissing, match="There is no stream"):
            async with aclosing(broker.receive(name, "reader")) as deliveries:
                await anext(deliveries)
    misses = 0
    while misses < 3:
        misses += "stream not found" in (await reported.next_msg(timeout=30)).data.decode()
