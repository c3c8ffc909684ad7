"""The shop at work: customers order in waves, readers read as their habit is. Every message is sent, stored and read for real."""

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
from signalbox.demo.shop import Habit, Line, Reader

log = logging.getLogger(__name__)

QUIET_PER_S = 4.0  # orders a second between two waves
PEAK_PER_S = 24.0
WAVE_S = 150.0  # from peak to peak
SLOW_HANDLING_S = 0.075  # 13 a second: less than a peak brings, more than the mean
READING_S = 60.0  # a pausing reader reads this long
PAUSED_S = 80.0  # longer than the 60 s after which nobody reading is worth a word
AGAIN_S = 2.0  # after a broker went away


class Order(msgspec.Struct):
    """The body of every message of the shop."""

    order: str
    event: str
    customer: str
    cents: int


def rate_at(seconds: float) -> float:
    """Return how many orders a second come in, `seconds` after the shop opened: a wave that begins by rising."""
    height = (1 - math.cos(2 * math.pi * seconds / WAVE_S)) / 2
    return QUIET_PER_S + (PEAK_PER_S - QUIET_PER_S) * height


async def order_for_ever(broker: Broker, line: Line, *, seed: int) -> None:
    """Publish orders to one destination, in waves; goes on after the broker was away."""
    chance = random.Random(seed)  # noqa: S311 - the same shop each time, no secret
    opened = time.monotonic()
    number = 0
    while True:
        number += 1
        body = Order(
            order=f"{chance.getrandbits(40):010x}",
            event=line.event,
            customer=f"c-{chance.randrange(5000):04d}",
            cents=chance.randrange(500, 20_000),
        )
        message = Message(
            body=msgspec.json.encode(body), key=body.customer, headers={"content-type": "application/json"}
        )
        try:
            await broker.publish(line.destination, message)
        except BrokerError as error:
            log.warning("the shop could not send to %s: %s", line.destination, error)
            await asyncio.sleep(AGAIN_S)
        await asyncio.sleep(chance.expovariate(rate_at(time.monotonic() - opened)))


async def read_for_ever(broker: Broker, line: Line, reader: Reader) -> None:
    """Read one destination as one group, as its habit is."""
    while True:
        try:
            if reader.habit is Habit.PAUSING:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(READING_S):
                        await _read(broker, line, reader)
                await asyncio.sleep(PAUSED_S)
            else:
                await _read(broker, line, reader)
        except BrokerError as error:
            log.warning("%s could not read %s: %s", reader.group, line.destination, error)
            await asyncio.sleep(AGAIN_S)


async def _read(broker: Broker, line: Line, reader: Reader) -> None:
    deliveries = broker.receive(line.destination, reader.group)
    async with contextlib.aclosing(deliveries):
        async for delivery in deliveries:
            msgspec.json.decode(delivery.message.body, type=Order)
            if reader.habit is Habit.SLOW:
                await asyncio.sleep(SLOW_HANDLING_S)
            await delivery.ack()
