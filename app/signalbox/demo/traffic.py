"""The traffic of the shop: orders come in waves, and each consumer group reads them in its own way. Every message is real."""

import asyncio
import contextlib
import logging
import math
import random
import time

import msgspec

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import Message
from signalbox.brokers.port import Broker
from signalbox.demo.shop import Behavior, ShopConsumer, ShopDestination

log = logging.getLogger(__name__)

QUIET_PER_S = 4.0  # orders per second between two waves
PEAK_PER_S = 24.0
WAVE_S = 150.0  # from peak to peak
SLOW_HANDLING_S = 0.075  # 13 orders/s: less than at a peak, more than the mean
READING_S = 60.0  # how long a pausing consumer reads
PAUSED_S = 80.0  # longer than the 60 s after which a group without consumers is "stopped"
RETRY_DELAY_S = 2.0  # after an error of the broker


class Order(msgspec.Struct):
    """The body of every message of the shop."""

    order: str
    event: str
    customer: str
    cents: int


def rate_at(seconds: float) -> float:
    """Return the orders per second, `seconds` after the shop opened: a wave that starts at its lowest point."""
    height = (1 - math.cos(2 * math.pi * seconds / WAVE_S)) / 2
    return QUIET_PER_S + (PEAK_PER_S - QUIET_PER_S) * height


async def publish_orders(broker: Broker, destination: ShopDestination, *, seed: int) -> None:
    """Publish orders to one destination, in waves, until canceled; continue after errors of the broker."""
    generator = random.Random(seed)  # noqa: S311 - the same orders each time, no secret
    opened = time.monotonic()
    number = 0
    while True:
        number += 1
        body = Order(
            order=f"{generator.getrandbits(40):010x}",
            event=destination.event,
            customer=f"c-{generator.randrange(5000):04d}",
            cents=generator.randrange(500, 20_000),
        )
        message = Message(
            body=msgspec.json.encode(body), key=body.customer, headers={"content-type": "application/json"}
        )
        try:
            await broker.publish(destination.name, message)
        except BrokerError as error:
            log.warning("the shop cannot publish to %s: %s", destination.name, error)
            await asyncio.sleep(RETRY_DELAY_S)
        await asyncio.sleep(generator.expovariate(rate_at(time.monotonic() - opened)))


async def consume(broker: Broker, destination: ShopDestination, consumer: ShopConsumer) -> None:
    """Read one destination as one consumer group until canceled; continue after errors of the broker."""
    while True:
        try:
            if consumer.behavior is Behavior.PAUSING:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(READING_S):
                        await _read(broker, destination, consumer)
                await asyncio.sleep(PAUSED_S)
            else:
                await _read(broker, destination, consumer)
        except BrokerError as error:
            log.warning("%s cannot read %s: %s", consumer.group, destination.name, error)
            await asyncio.sleep(RETRY_DELAY_S)


async def _read(broker: Broker, destination: ShopDestination, consumer: ShopConsumer) -> None:
    deliveries = broker.receive(destination.name, consumer.group)
    async with contextlib.aclosing(deliveries):
        async for delivery in deliveries:
            msgspec.json.decode(delivery.message.body, type=Order)
            if consumer.behavior is Behavior.SLOW:
                await asyncio.sleep(SLOW_HANDLING_S)
            await delivery.ack()
