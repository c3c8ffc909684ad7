"""Consuming a queue: prefetch, acknowledgements, reconnection."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Mapping
from functools import partial

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from pamqp.common import FieldTable
from typing_extensions import override

from signalbox.brokers.backoff import ask_until_found, pauses
from signalbox.brokers.errors import BrokerUnavailable, DestinationMissing
from signalbox.brokers.model import Message
from signalbox.brokers.port import Delivery
from signalbox.brokers.rabbitmq import amqp

PREFETCH = 50
TAG_MAX = 60  # characters of the group in a consumer tag, which has at most 255 bytes
RECONNECT_FIRST_S = 0.5
RECONNECT_MAX_S = 5.0
HEADER_MAX = 16_000  # characters of a header that is no text: x-death grows with each dead-lettering
READY_WAIT_S = 5.0
STREAM_OFFSET = "x-stream-offset"


class RabbitDelivery(Delivery):
    """A message, to be acknowledged on the channel that delivered it."""

    def __init__(self, connection: str, incoming: AbstractIncomingMessage) -> None:
        self.message = Message(
            body=incoming.body,
            headers={name: header_text(value) for name, value in incoming.headers.items()},
            id=incoming.message_id,
        )
        self.redelivered = bool(incoming.redelivered)
        self._connection = connection
        self._incoming = incoming

    @override
    async def ack(self) -> None:
        """As port.Delivery.ack. Raises BrokerUnavailable when the connection is lost: the message is redelivered."""
        await self._settle(self._incoming.ack())

    @override
    async def release(self) -> None:
        await self._settle(self._incoming.nack(requeue=True))

    async def _settle(self, answer: Awaitable[None]) -> None:
        try:
            await answer
        except aio_pika.exceptions.CONNECTION_EXCEPTIONS as error:
            problem = "The connection that delivered the message is lost."
            raise BrokerUnavailable(self._connection, problem, "Acknowledge the redelivered message.") from error


class _QueueSubscription:
    """One channel that consumes one queue, until the connection breaks or the broker cancels the consumer."""

    def __init__(self, channel: AbstractChannel, position: int | str | None) -> None:
        self.position = position  # next offset of a stream, or "first"; None for other queues
        self._channel = channel
        self._ended = False
        self._incoming: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()

    async def start(self, connection: str, vhost: str, queue: str, tag: str) -> None:
        await self._channel.set_qos(PREFETCH)
        declared = await amqp.declare_passively(self._channel, vhost, queue, connection)
        self._channel.close_callbacks.add(self._end)
        underlay = await self._channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(self._end)
        arguments: FieldTable | None = None if self.position is None else {STREAM_OFFSET: self.position}
        await declared.consume(self._incoming.put, consumer_tag=tag, arguments=arguments)

    async def next(self) -> AbstractIncomingMessage | None:
        """Return the next message; None after the end. Messages that wait at the end are dropped: the broker redelivers them."""
        incoming = None if self._ended else await self._incoming.get()
        return None if self._ended else incoming

    async def close(self) -> None:
        await amqp.close_quietly(self._channel)

    def _end(self, *_: object) -> None:
        self._ended = True
        self._incoming.put_nowait(None)


class RabbitConsumer:
    def __init__(self, connection: str, connections: amqp.AmqpConnections) -> None:
        self._connection = connection
        self._amqp = connections

    async def receive(self, vhost: str, queue: str, group: str, *, stream: bool) -> AsyncGenerator[Delivery, None]:
        """As port.Consumer.receive; the consumer tag starts with `group`.

        `stream` must be true for a stream, which is read from its oldest message: other queues refuse an offset.
        """
        intervals, was_connected = pauses(RECONNECT_FIRST_S, RECONNECT_MAX_S), False
        position: int | str | None = "first" if stream else None
        while True:
            try:
                subscribe = partial(self._subscribe, vhost, queue, group, position)
                subscription = await ask_until_found(subscribe, partial(self._is_ready, vhost))
            except BrokerUnavailable:
                if not was_connected:
                    raise
                await asyncio.sleep(next(intervals))
                continue
            intervals, was_connected = pauses(RECONNECT_FIRST_S, RECONNECT_MAX_S), True
            try:
                while (incoming := await subscription.next()) is not None:
                    if isinstance(offset := incoming.headers.get(STREAM_OFFSET), int):
                        position = offset + 1
                    yield RabbitDelivery(self._connection, incoming)
            finally:
                await subscription.close()

    async def _subscribe(self, vhost: str, queue: str, group: str, position: int | str | None) -> _QueueSubscription:
        subscription = _QueueSubscription(await self._amqp.channel(vhost, amqp.ConnectionPurpose.CONSUME), position)
        try:
            async with self._amqp.operation():
                await subscription.start(self._connection, vhost, queue, f"{group[:TAG_MAX]}.{id(subscription):x}")
        except DestinationMissing:
            await subscription.close()
            raise amqp.missing_queue(self._connection, queue) from None
        except BaseException:
            await subscription.close()
            raise
        return subscription

    async def _is_ready(self, vhost: str) -> bool:
        """Return whether the node accepts connections to the virtual host: it does so only after it recovered its queues."""
        try:
            await self._amqp.check(vhost, timeout_s=READY_WAIT_S)
        except BrokerUnavailable:
            return False
        return True


def header_text(value: object) -> str:
    """Return a header value as text: AMQP has numbers, times, tables and lists too."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)[:HEADER_MAX]
    return str(value)
