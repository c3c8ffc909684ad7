"""Consuming a queue: prefetch, acknowledgements, and going on after the connection broke."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from pamqp.common import FieldTable
from typing_extensions import override

from signalbox.brokers.errors import BrokerUnavailable, DestinationMissing
from signalbox.brokers.model import Message
from signalbox.brokers.port import Delivery
from signalbox.brokers.rabbitmq.amqp import AmqpConnections, Purpose, close_channel, passive

PREFETCH = 50
TAG_MAX = 60  # characters of the group in a consumer's tag, which has at most 255 bytes
RECONNECT_FIRST_S = 0.5
RECONNECT_MOST_S = 5.0
HEADER_MAX = 16_000  # characters of one header that is not text: x-death grows with every death
STREAM_OFFSET = "x-stream-offset"


class RabbitDelivery(Delivery):
    """One message, to be settled on the channel that it came by."""

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
        """Raises BrokerUnavailable when its connection broke: it comes again."""
        try:
            await self._incoming.ack()
        except aio_pika.exceptions.CONNECTION_EXCEPTIONS as error:
            raise self._too_late() from error

    @override
    async def release(self) -> None:
        try:
            await self._incoming.nack(requeue=True)
        except aio_pika.exceptions.CONNECTION_EXCEPTIONS as error:
            raise self._too_late() from error

    def _too_late(self) -> BrokerUnavailable:
        return BrokerUnavailable(
            self._connection, "the connection that a message came by is gone.", "It comes again: settle that one."
        )


class _Session:
    """One channel that consumes one queue, until it breaks or the broker ends it."""

    def __init__(self, channel: AbstractChannel, position: int | str | None) -> None:
        self.position = position  # where in a stream: an offset, or "first" for a new reader; None: it is no stream
        self._channel = channel
        self._over = False
        self._arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()

    async def begin(self, connection: str, vhost: str, queue: str, tag: str) -> None:
        await self._channel.set_qos(PREFETCH)
        found = await passive(self._channel, vhost, queue, connection)
        self._channel.close_callbacks.add(self._ended)
        underlay = await self._channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(self._ended)
        arguments: FieldTable | None = None if self.position is None else {STREAM_OFFSET: self.position}
        await found.consume(self._arrived.put, consumer_tag=tag, arguments=arguments)

    async def next(self) -> AbstractIncomingMessage | None:
        """Return the next message, or None when this session is over. What came before the end is dropped: it comes again."""
        incoming = None if self._over else await self._arrived.get()
        return None if self._over else incoming

    async def end(self) -> None:
        await close_channel(self._channel)

    def _ended(self, *_: object) -> None:
        self._over = True
        self._arrived.put_nowait(None)


class RabbitConsumer:
    """Receives from queues of one broker."""

    def __init__(self, connection: str, amqp: AmqpConnections) -> None:
        self._connection = connection
        self._amqp = amqp

    async def receive(self, vhost: str, queue: str, group: str, *, stream: bool) -> AsyncGenerator[Delivery, None]:
        """Yield messages until closed; `group` begins the consumer's tag. Raises what port.Consumer says.

        A stream is read from its oldest message; whether the queue is one must be told, since other queues refuse to say where.
        """
        pause, before = RECONNECT_FIRST_S, False
        position: int | str | None = "first" if stream else None
        while True:
            try:
                session = await self._begin(vhost, queue, group, position)
            except BrokerUnavailable:
                if not before:
                    raise
                await asyncio.sleep(pause)
                pause = min(pause * 2, RECONNECT_MOST_S)
                continue
            before, pause = True, RECONNECT_FIRST_S
            try:
                while (incoming := await session.next()) is not None:
                    position = _after(incoming, position)
                    yield RabbitDelivery(self._connection, incoming)
            finally:
                await session.end()

    async def _begin(self, vhost: str, queue: str, group: str, position: int | str | None) -> _Session:
        session = _Session(await self._amqp.channel(vhost, Purpose.CONSUME), position)
        try:
            async with self._amqp.answering():
                await session.begin(self._connection, vhost, queue, f"{group[:TAG_MAX]}.{id(session):x}")
        except DestinationMissing:
            await session.end()
            raise DestinationMissing(self._connection, f"there is no queue {queue}.", "Check its name.") from None
        except BaseException:
            await session.end()
            raise
        return session


def header_text(value: object) -> str:
    """Return a header's value as text: AMQP has numbers, times, tables and lists too."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)[:HEADER_MAX]
    return str(value)


def _after(incoming: AbstractIncomingMessage, position: int | str | None) -> int | str | None:
    offset = incoming.headers.get(STREAM_OFFSET)
    return offset + 1 if isinstance(offset, int) else position
