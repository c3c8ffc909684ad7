"""Creation of queues (durable, with the given arguments) and lookup of single queues by AMQP."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from aio_pika.abc import AbstractChannel
from pamqp.common import FieldValue

from signalbox.brokers.errors import DestinationMissing
from signalbox.brokers.rabbitmq.amqp import AmqpConnections, ConnectionPurpose, close_quietly, declare_passively

INTEGER_ARGUMENTS = frozenset(
    {
        "x-message-ttl",
        "x-expires",
        "x-max-length",
        "x-max-length-bytes",
        "x-max-priority",
        "x-delivery-limit",
        "x-quorum-initial-group-size",
        "x-initial-cluster-size",
        "x-stream-max-segment-size-bytes",
    }
)
BOOLEAN_ARGUMENTS = frozenset({"x-single-active-consumer"})


async def ensure(amqp: AmqpConnections, vhost: str, queue: str, settings: Mapping[str, str]) -> None:
    """Declare a queue unless it exists; an existing queue keeps its arguments."""
    try:
        await queue_counts(amqp, vhost, queue)
    except DestinationMissing:
        arguments: dict[str, FieldValue] = {key: _typed(key, value) for key, value in settings.items()}
        async with _channel(amqp, vhost) as channel:
            await channel.declare_queue(queue, durable=True, arguments=arguments)


async def queue_counts(amqp: AmqpConnections, vhost: str, queue: str) -> tuple[int, int]:
    """Return (ready messages, consumers) of a queue.

    Raises:
        DestinationMissing: the queue does not exist.
        BrokerUnavailable: the queue's node is down.
    """
    async with _channel(amqp, vhost) as channel:
        result = (await declare_passively(channel, vhost, queue, amqp.name)).declaration_result
        return result.message_count or 0, result.consumer_count or 0


@contextlib.asynccontextmanager
async def _channel(amqp: AmqpConnections, vhost: str) -> AsyncIterator[AbstractChannel]:
    """Yield a channel for one operation: a missing queue closes the channel."""
    channel = await amqp.channel(vhost, ConnectionPurpose.CHECK)
    try:
        async with amqp.operation():
            yield channel
    finally:
        await close_quietly(channel)


def _typed(key: str, value: str) -> str | int | bool:
    if key in INTEGER_ARGUMENTS:
        return int(value)
    return value == "true" if key in BOOLEAN_ARGUMENTS else value
