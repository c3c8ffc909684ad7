"""Steps of the broker contract's cases."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import DestinationSpec, Group, Message, Snapshot
from signalbox.brokers.port import Broker, Delivery
from tests.contracts.harness import Harness
from tests.support.waiting import elapsed, eventually

RECEIVE_WAIT_S = 20.0


async def create_destination(harness: Harness, broker: Broker, hint: str = "orders") -> str:
    """Create a destination with the group "reader"."""
    name = harness.unique(hint)
    await broker.ensure([DestinationSpec(name=name, groups=("reader",))])
    return name


async def publish(broker: Broker, destination: str, count: int) -> None:
    for number in range(count):
        await broker.publish(destination, Message(body=b"%d" % number))


async def next_of(deliveries: AsyncIterator[Delivery]) -> Delivery:
    async with asyncio.timeout(RECEIVE_WAIT_S):
        return await wait_for_next(deliveries)


async def wait_for_next(deliveries: AsyncIterator[Delivery]) -> Delivery:
    return await anext(deliveries)


async def take(broker: Broker, destination: str, count: int, *, group: str = "reader") -> list[Message]:
    """Receive and acknowledge `count` messages, then close the consumer."""
    messages = []
    async with aclosing(broker.receive(destination, group)) as deliveries:
        for _ in range(count):
            delivery = await next_of(deliveries)
            messages.append(delivery.message)
            await delivery.ack()
    return messages


def bodies(messages: Sequence[Message]) -> list[str]:
    return [message.body.decode() for message in messages]


async def two_groups(harness: Harness, broker: Broker) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return two (destination, group) with 7 messages and lags of 4 and 5, on one destination if the broker has groups."""
    first = harness.unique("orders")
    second = first if harness.own_groups else harness.unique("letters")
    for name in dict.fromkeys((first, second)):
        await broker.ensure([DestinationSpec(name=name, groups=("reader", "other"))])
        await publish(broker, name, 7)
    await take(broker, first, 3)
    await take(broker, second, 2, group="other")
    return (first, "reader"), (second, "other")


def lag_of(harness: Harness, snapshot: Snapshot, destination: str, group: str) -> int | None:
    assert destination in snapshot.destinations
    name = harness.group_name(destination, group)
    assert name in snapshot.groups
    swept = snapshot.groups[name]
    assert swept.destinations == (destination,)
    rows = [lag for lag in swept.positions.lag if lag >= 0]
    assert swept.lag == (sum(rows) if rows else None)
    return swept.lag


async def shows_lag(harness: Harness, broker: Broker, destination: str, lag: int, *, group: str = "reader") -> None:
    """Wait until a sweep shows this lag, and check it against the broker's own tool."""

    async def right() -> None:
        assert lag_of(harness, await broker.sweep(), destination, group) == lag

    await eventually(right, within_s=harness.figures_within_s)
    assert await harness.actual_lag(destination, group) == lag


def figures(group: Group) -> tuple[object, ...]:
    positions = group.positions
    return (group.lag, group.in_flight, group.destinations, positions.settled, positions.arrived, positions.lag)


async def refused(broker: Broker, *, timeout_s: float, within_s: float) -> BrokerError:
    """Return the error that `connect` raises within `within_s`."""
    async with elapsed() as took:
        with pytest.raises(BrokerError) as caught:
            await broker.connect(timeout_s=timeout_s)
    duration_s = took.seconds
    await broker.close()
    assert duration_s < within_s
    return caught.value
