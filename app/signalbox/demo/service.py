"""The shop as a service: connects to each broker of the demo, makes its destinations, and lets customers and readers loose."""

import asyncio
import logging
from collections.abc import Sequence

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.registry import open_broker
from signalbox.brokers.settings import ConnectionSettings
from signalbox.demo.shop import LINES
from signalbox.demo.traffic import AGAIN_S, order_for_ever, read_for_ever
from signalbox.kernel.service import Loop

log = logging.getLogger(__name__)


class Shop:
    """Writes and reads on every connection of the demo until stopped."""

    name = "the demo's shop"

    def __init__(self, connections: Sequence[ConnectionSettings]) -> None:
        self._loops = [Loop(f"shop on {settings.name}", lambda s=settings: _trade(s)) for settings in connections]  # type: ignore[misc]  # mypy cannot infer a lambda with a default

    async def start(self) -> None:
        for loop in self._loops:
            await loop.start()

    async def stop(self) -> None:
        for loop in self._loops:
            await loop.stop()

    def healthy(self) -> bool:
        return all(loop.healthy() for loop in self._loops)


async def _trade(settings: ConnectionSettings) -> None:
    lines = LINES[settings.kind]
    broker = open_broker(settings)
    try:
        while True:
            try:
                await broker.connect(timeout_s=settings.timeout_s)
                await broker.ensure([line.wanted() for line in lines])
                break
            except BrokerError as error:
                log.warning("the shop waits: %s", error)
                await asyncio.sleep(AGAIN_S)
        async with asyncio.TaskGroup() as tasks:
            for seed, line in enumerate(lines):
                tasks.create_task(order_for_ever(broker, line, seed=seed))
                for reader in line.readers:
                    tasks.create_task(read_for_ever(broker, line, reader))
    finally:
        await broker.close()
