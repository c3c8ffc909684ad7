"""Publishing to a queue by name: default exchange, persistent messages, publisher confirms."""

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
    OutcomeUnknown,
    PermissionMissing,
    PublishRefused,
    Unroutable,
)
from signalbox.brokers.model import Message
from signalbox.brokers.rabbitmq import errors
from signalbox.brokers.rabbitmq.amqp import AmqpConnections, ConnectionPurpose, close_quietly
from signalbox.brokers.rabbitmq.names import QueueNames

CONNECTION_LOST = (*aio_pika.exceptions.CONNECTION_EXCEPTIONS, asyncio.CancelledError)
ENCODING_ERRORS = (ValueError, TypeError, struct.error, UnicodeEncodeError, PAMQPException)


class RabbitPublisher:
    """One channel per virtual host, reopened when closed. AMQP has no message key: `key` is not sent."""

    def __init__(self, connection: str, amqp: AmqpConnections, names: QueueNames) -> None:
        self._connection = connection
        self._amqp = amqp
        self._names = names
        self._channels: dict[str, AbstractChannel] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._ids_in_flight: dict[str, asyncio.Event] = {}
        self._in_flight = 0

    async def publish(self, destination: str, message: Message, *, timeout_s: float) -> None:
        """As port.Publisher.publish. Raises InvalidName and PermissionMissing too."""
        vhost, queue = self._names.resolve(self._connection, destination)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        channel = await self._channel(vhost, timeout_s)
        try:
            async with asyncio.timeout_at(deadline), self._exclusive_id(message.id):
                await self._send(channel, queue, message)
        except TimeoutError:
            problem = f"The broker did not confirm a message to {destination} within {timeout_s:g} s; it may be stored."
            hint = "Check for a memory or disk alarm. Publishing again may duplicate the message."
            raise OutcomeUnknown(self._connection, problem, hint) from None

    async def close(self) -> None:
        channels, self._channels = list(self._channels.values()), {}
        for channel in channels:
            await close_quietly(channel)

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
        except ENCODING_ERRORS as error:
            problem = f"AMQP cannot encode a message to {queue}: {errors.one_line(error)}."
            hint = "Header names and the message id may have at most 255 bytes."
            raise PublishRefused(self._connection, problem, hint) from error
        except CONNECTION_LOST as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # our own cancellation; otherwise the library canceled the wait for a confirm
            raise self._translate(queue, error) from error
        finally:
            self._in_flight -= 1

    def _translate(self, queue: str, error: BaseException) -> BrokerError:
        name = self._connection
        if isinstance(error, PublishError):
            return Unroutable(name, f"Queue {queue} does not exist; nothing was stored.", "Create it first.")
        if isinstance(error, DeliveryError):
            problem = f"The broker rejected a message to {queue}; it is not stored."
            return PublishRefused(name, problem, "Is the queue full, or its node down?")
        if isinstance(error, ChannelAccessRefused):
            hint = "Grant the write permission on the default exchange."
            return PermissionMissing(name, f"The user may not publish to {queue}.", hint)
        if (
            isinstance(error, ChannelPreconditionFailed) and self._in_flight == 1
        ):  # else another message may be the cause
            return PublishRefused(name, f"The broker refused a message to {queue}: {errors.one_line(error)}.")
        problem = f"The connection broke before the broker confirmed a message to {queue}; it may be stored."
        return OutcomeUnknown(name, problem, "Publishing again may duplicate the message.")

    async def _channel(self, vhost: str, timeout_s: float) -> AbstractChannel:
        async with self._opening.setdefault(vhost, asyncio.Lock()):
            channel = self._channels.get(vhost)
            if channel is None or channel.is_closed:
                try:
                    channel = await self._amqp.channel(vhost, ConnectionPurpose.PUBLISH, timeout_s=timeout_s)
                except BrokerUnavailable as error:
                    problem = f"Nothing was sent. {error.problem}"
                    raise BrokerUnavailable(self._connection, problem, error.hint) from error
                self._channels[vhost] = channel
            return channel

    @contextlib.asynccontextmanager
    async def _exclusive_id(self, message_id: str | None) -> AsyncIterator[None]:
        """Wait while a message with the same id is in flight.

        The library matches returned messages by id alone, so of two with one id a lost one could be reported as stored.
        """
        if message_id is None:
            yield
            return
        while (other := self._ids_in_flight.get(message_id)) is not None:
            await other.wait()
        done = self._ids_in_flight[message_id] = asyncio.Event()
        try:
            yield
        finally:
            del self._ids_in_flight[message_id]
            done.set()
