"""The shop as a service: connects to each broker of the demo, creates its destinations, starts its publishers and consumers."""

import asyncio
import logging
from collections.abc import Sequence

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.registry import open_broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.demo.shop import DESTINATIONS
from signalbox.demo.traffic import RETRY_DELAY_S, consume, publish_orders
from signalbox.kernel.service import Loop

log = logging.getLogger(__name__)


class Shop:
    """Publishes and consumes on every connection of the demo until stopped."""

    name = "the demo's shop"

    def __init__(self, connections: Sequence[ConnectionSettings]) -> None:
        self._loops = [Loop(f"shop on {settings.name}", lambda s=settings: _run(s)) for settings in connections]  # type: ignore[misc]  # mypy cannot infer a lambda with a default

    async def start(self) -> None:
        for loop in self._loops:
            await loop.start()

    async def stop(self) -> None:
        for loop in self._loops:
            await loop.stop()

    def healthy(self) -> bool:
        return all(loop.healthy() for loop in self._loops)


async def _run(settings: ConnectionSettings) -> None:
    destinations = DESTINATIONS[settings.kind]
    broker = open_broker(settings)
    try:
        while True:
            try:
                await broker.connect(timeout_s=settings.timeout_s)
                await broker.ensure([destination.spec() for destination in destinations])
                break
            except BrokerError as error:
                log.warning("the shop waits for its broker: %s", error)
                await asyncio.sleep(RETRY_DELAY_S)
        async with asyncio.TaskGroup() as tasks:
            for seed, destination in enumerate(destinations):
                tasks.create_task(publish_orders(broker, destination, seed=seed))
                for consumer in destination.consumers:
                    tasks.create_task(consume(broker, destination, consumer))
    finally:
        await broker.close()
