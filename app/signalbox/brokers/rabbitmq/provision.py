"""Creation of queues (durable, with the given arguments) and lookup of single queues by AMQP."""

from collections.abc import Mapping

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
    if not await _exists(amqp, vhost, queue):
        await _declare(amqp, vhost, queue, {key: _typed(key, value) for key, value in settings.items()})


async def _exists(amqp: AmqpConnections, vhost: str, queue: str) -> bool:
    try:
        await queue_counts(amqp, vhost, queue)
    except DestinationMissing:
        return False
    return True


async def queue_counts(amqp: AmqpConnections, vhost: str, queue: str) -> tuple[int, int]:
    """Return (ready messages, consumers) of a queue. Uses its own channel: a missing queue closes the channel.

    Raises:
        DestinationMissing: the queue does not exist.
        BrokerUnavailable: the queue's node is down.
    """
    channel = await amqp.channel(vhost, ConnectionPurpose.CHECK)
    try:
        async with amqp.operation():
            result = (await declare_passively(channel, vhost, queue, amqp.name)).declaration_result
            return result.message_count or 0, result.consumer_count or 0
    finally:
        await close_quietly(channel)


async def _declare(amqp: AmqpConnections, vhost: str, queue: str, arguments: dict[str, FieldValue]) -> None:
    channel = await amqp.channel(vhost, ConnectionPurpose.CHECK)
    try:
        async with amqp.operation():
            await channel.declare_queue(queue, durable=True, arguments=arguments)
    finally:
        await close_quietly(channel)


def _typed(key: str, value: str) -> str | int | bool:
    if key in INTEGER_ARGUMENTS:
        return int(value)
    return value == "true" if key in BOOLEAN_ARGUMENTS else value
