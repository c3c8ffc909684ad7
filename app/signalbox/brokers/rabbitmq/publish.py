"""Publishing to a queue by its name, through the default exchange, persistent, each confirmed."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

import aio_pika
from aio_pika.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused, ChannelPreconditionFailed, DeliveryError, PublishError
from pamqp.exceptions import PAMQPException

from signalbox.brokers.errors import (
    BrokerError,
    BrokerUnavailable,
    NotPermitted,
    OutcomeUnknown,
    PublishRefused,
    Unroutable,
)
from signalbox.brokers.model import Message
from signalbox.brokers.rabbitmq import errors
from signalbox.brokers.rabbitmq.amqp import AmqpConnections, Purpose, close_channel
from signalbox.brokers.rabbitmq.names import QueueNames

BROKE = (*aio_pika.exceptions.CONNECTION_EXCEPTIONS, asyncio.CancelledError)
NOT_AMQP = (ValueError, TypeError, struct.error, UnicodeEncodeError, PAMQPException)


class RabbitPublisher:
    """One channel per virtual host, opened again after it was closed. AMQP has no place for a message's `key`: it is not sent."""

    def __init__(self, connection: str, amqp: AmqpConnections, names: QueueNames) -> None:
        self._connection = connection
        self._amqp = amqp
        self._names = names
        self._channels: dict[str, AbstractChannel] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._ids: dict[str, asyncio.Event] = {}
        self._in_flight = 0

    async def publish(self, destination: str, message: Message, *, timeout_s: float) -> None:
        """Return when the broker has confirmed. Raises what port.Publisher says, and InvalidName and NotPermitted."""
        vhost, queue = self._names.checked(self._connection, destination)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        channel = await self._channel(vhost, timeout_s)
        try:
            async with asyncio.timeout_at(deadline), self._alone(message.id):
                await self._send(channel, queue, message)
        except TimeoutError:
            raise OutcomeUnknown(
                self._connection,
                f"the broker did not confirm a message to {destination} within {timeout_s:g} s; it may be stored.",
                "Look for a memory or disk alarm. Publishing it again may double it.",
            ) from None

    async def close(self) -> None:
        channels, self._channels = list(self._channels.values()), {}
        for channel in channels:
            await close_channel(channel)

    async def _send(self, channel: AbstractChannel, queue: str, message: Message) -> None:
        try:
            outgoing = aio_pika.Message(
                message.body,
                headers=dict(message.headers),
                message_id=message.id,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            )
            self._in_flight += 1
            await channel.default_exchange.publish(outgoing, queue, mandatory=True)
        except NOT_AMQP as error:
            raise PublishRefused(
                self._connection,
                f"a message to {queue} cannot be put into AMQP: {errors.shown(error)}.",
                "Header names and the message id have at most 255 bytes.",
            ) from error
        except BROKE as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # we are being stopped; else the library cancelled what waits for a confirm
            raise self._translated(queue, error) from error
        finally:
            self._in_flight -= 1

    def _translated(self, queue: str, error: BaseException) -> BrokerError:
        if isinstance(error, PublishError):
            return Unroutable(self._connection, f"there is no queue {queue}; nothing was stored.", "Create it first.")
        if isinstance(error, DeliveryError):
            return PublishRefused(
                self._connection,
                f"the broker did not accept a message to {queue}; it is not stored.",
                "The queue is full, or its node is down.",
            )
        if isinstance(error, ChannelAccessRefused):
            return NotPermitted(
                self._connection, f"the user may not publish to {queue}.", "Grant write on the default exchange."
            )
        if isinstance(error, ChannelPreconditionFailed) and self._in_flight == 1:  # else it may be another's fault
            return PublishRefused(self._connection, f"the broker refused a message to {queue}: {errors.shown(error)}.")
        return OutcomeUnknown(
            self._connection,
            f"the connection broke before a message to {queue} was confirmed; it may be stored.",
            "Publishing it again may double it.",
        )

    async def _channel(self, vhost: str, timeout_s: float) -> AbstractChannel:
        async with self._opening.setdefault(vhost, asyncio.Lock()):
            channel = self._channels.get(vhost)
            if channel is None or channel.is_closed:
                try:
                    channel = await self._amqp.channel(vhost, Purpose.PUBLISH, timeout_s=timeout_s)
                except BrokerUnavailable as error:
                    raise BrokerUnavailable(
                        self._connection, f"nothing was sent: {error.problem}", error.hint
                    ) from error
                self._channels[vhost] = channel
            return channel

    @contextlib.asynccontextmanager
    async def _alone(self, message_id: str | None) -> AsyncIterator[None]:
        """Wait while a message of the same id is in flight: the library knows what was returned by its id alone.

        Two with one id, one of them unroutable, would else be taken for each other: a loss reported as stored.
        """
        if message_id is None:
            yield
            return
        while (other := self._ids.get(message_id)) is not None:
            await other.wait()
        done = self._ids[message_id] = asyncio.Event()
        try:
            yield
        finally:
            del self._ids[message_id]
            done.set()
