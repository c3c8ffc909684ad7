"""Making queues that do not exist yet: durable, with the arguments that were asked for."""

from collections.abc import Mapping

from pamqp.common import FieldValue

from signalbox.brokers.errors import DestinationMissing
from signalbox.brokers.rabbitmq.amqp import AmqpConnections, Purpose, close_channel, passive

NUMBERS = frozenset(
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
FLAGS = frozenset({"x-single-active-consumer"})


async def ensure(amqp: AmqpConnections, vhost: str, queue: str, settings: Mapping[str, str]) -> None:
    """Declare one queue unless it is there; what exists keeps its arguments."""
    if not await _exists(amqp, vhost, queue):
        await _declare(amqp, vhost, queue, {key: _typed(key, value) for key, value in settings.items()})


async def _exists(amqp: AmqpConnections, vhost: str, queue: str) -> bool:
    try:
        await passive_declare(amqp, vhost, queue)
    except DestinationMissing:
        return False
    return True


async def passive_declare(amqp: AmqpConnections, vhost: str, queue: str) -> tuple[int, int]:
    """Ask for a queue by name, on a channel of its own, since a miss closes the channel. Returns (ready, consumers).

    Raises:
        BrokerError: DestinationMissing when there is none; BrokerUnavailable when its node is down.
    """
    channel = await amqp.channel(vhost, Purpose.CHECK)
    try:
        async with amqp.answering():
            found = (await passive(channel, vhost, queue, amqp.name)).declaration_result
            return found.message_count or 0, found.consumer_count or 0
    finally:
        await close_channel(channel)


async def _declare(amqp: AmqpConnections, vhost: str, queue: str, arguments: dict[str, FieldValue]) -> None:
    channel = await amqp.channel(vhost, Purpose.CHECK)
    try:
        async with amqp.answering():
            await channel.declare_queue(queue, durable=True, arguments=arguments)
    finally:
        await close_channel(channel)


def _typed(key: str, value: str) -> str | int | bool:
    if key in NUMBERS:
        return int(value)
    return value == "true" if key in FLAGS else value
