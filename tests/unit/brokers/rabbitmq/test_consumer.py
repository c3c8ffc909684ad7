"""A consumer believes that its queue is missing only when a node that is ready repeats the answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import repeat
from types import SimpleNamespace
from typing import cast

import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiormq.exceptions import ChannelNotFoundEntity

from signalbox.brokers import backoff
from signalbox.brokers.errors import BrokerUnavailable, DestinationMissing
from signalbox.brokers.rabbitmq import errors
from signalbox.brokers.rabbitmq.amqp import AmqpConnections, ConnectionPurpose
from signalbox.brokers.rabbitmq.consume import RabbitConsumer

MESSAGE = SimpleNamespace(body=b"order", headers={}, message_id=None, redelivered=False)


@dataclass
class FakeNode:
    """A node that answers NOT_FOUND `misses` times, and accepts new connections after `refusals` refused ones."""

    misses: float
    refusals: int = 0
    declares: int = 0
    open_channels: int = 0
    name: str = "rabbitmq-test"
    close_callbacks: set[Callable[..., None]] = field(default_factory=set)
    on_consumer_cancel_callbacks: set[Callable[..., None]] = field(default_factory=set)

    async def channel(self, vhost: str, purpose: ConnectionPurpose) -> AbstractChannel:
        self.open_channels += 1
        return cast(AbstractChannel, self)

    async def check(self, vhost: str, *, timeout_s: float) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BrokerUnavailable(self.name, "The node is starting.")

    @contextlib.asynccontextmanager
    async def operation(self) -> AsyncIterator[None]:
        try:
            yield
        except ChannelNotFoundEntity as error:
            raise errors.from_amqp(self.name, "localhost:5672", error) from None

    async def set_qos(self, prefetch: int) -> None: ...

    async def declare_queue(self, queue: str, *, passive: bool) -> "FakeNode":
        assert passive
        self.declares += 1
        if self.declares <= self.misses:
            raise ChannelNotFoundEntity(f"NOT_FOUND - no queue '{queue}' in vhost '/'")
        return self

    async def get_underlay_channel(self) -> "FakeNode":
        return self

    async def consume(
        self, deliver: Callable[[AbstractIncomingMessage], Awaitable[None]], *, consumer_tag: str, arguments: None
    ) -> None:
        await deliver(cast(AbstractIncomingMessage, MESSAGE))

    async def close(self) -> None:
        self.open_channels -= 1


async def receive(node: FakeNode) -> bytes:
    consumer = RabbitConsumer(node.name, cast(AmqpConnections, node))
    async with contextlib.aclosing(consumer.receive("/", "orders", "reader", stream=False)) as deliveries:
        return (await asyncio.wait_for(anext(deliveries), 10)).message.body


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "pauses", lambda *_: repeat(0.0))


async def test_a_queue_that_is_not_recovered_yet_is_requested_again() -> None:
    node = FakeNode(misses=3)
    assert await receive(node) == b"order"
    assert (node.declares, node.open_channels) == (4, 0)


async def test_misses_of_a_node_that_is_starting_do_not_count() -> None:
    node = FakeNode(misses=12, refusals=10)
    assert await receive(node) == b"order"


async def test_a_missing_queue_is_reported_after_repeated_answers_of_a_ready_node() -> None:
    node = FakeNode(misses=float("inf"), refusals=5)
    with pytest.raises(DestinationMissing, match="orders"):
        await receive(node)
    assert (node.declares, node.open_channels) == (1 + 5 + 3, 0)
