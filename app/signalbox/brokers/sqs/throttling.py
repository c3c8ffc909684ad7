"""Adapts the request rate: down after SQS throttles, and up again afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from signalbox.brokers.errors import BrokerError, BrokerUnavailable

CONCURRENCY_MAX = 16  # more requests in flight made each answer slower and the sweep no faster
INTERVAL_FACTOR_MAX = 8


class Throttled(BrokerUnavailable):
    """The broker answered "too many requests"."""


class Throttle:
    """The number of concurrent requests, and a factor for the configured interval."""

    def __init__(self) -> None:
        self.concurrency = CONCURRENCY_MAX
        self.interval_factor = 1

    async def for_each(self, names: Iterable[str], read: Callable[[str], Awaitable[None]]) -> None:
        """Read each name, at most `concurrency` at a time. The first BrokerError of `read` cancels the others and is raised."""
        pending = iter(names)

        async def worker(number: int) -> None:
            while number < self.concurrency:
                name = next(pending, None)
                if name is None:
                    return
                await read(name)

        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(self.concurrency):
                    tasks.create_task(worker(number))
        except BaseExceptionGroup as errors:
            first = errors.exceptions[0]
            if isinstance(first, BrokerError):
                raise first from None
            raise

    def slow_down(self) -> None:
        self.concurrency = max(1, self.concurrency // 2)
        self.interval_factor = min(INTERVAL_FACTOR_MAX, self.interval_factor * 2)

    def speed_up(self) -> None:
        self.concurrency = min(CONCURRENCY_MAX, self.concurrency * 2)
        self.interval_factor = max(1, self.interval_factor // 2)
