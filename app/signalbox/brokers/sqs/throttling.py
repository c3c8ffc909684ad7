"""How hard an account may be asked: less after it said "too much", more again when it no longer does."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from signalbox.brokers.errors import BrokerError, BrokerUnavailable

AT_ONCE_MOST = 16  # requests in flight: more made each answer later and the whole no faster
SLOWEST = 8  # times the interval


class Throttled(BrokerUnavailable):
    """The broker answers "too many requests": nothing is wrong but the pace."""


class Pace:
    """Requests at once, and how many times longer than configured the interval is."""

    def __init__(self) -> None:
        self.at_once = AT_ONCE_MOST
        self.factor = 1

    async def each(self, names: Iterable[str], ask: Callable[[str], Awaitable[None]]) -> None:
        """Ask for each, at most `at_once` at a time, fewer as soon as the pace slows down.

        Raises:
            BrokerError: the first that `ask` raised; it ends the others.
        """
        pending = iter(names)

        async def worker(number: int) -> None:
            while number < self.at_once:
                name = next(pending, None)
                if name is None:
                    return
                await ask(name)

        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(self.at_once):
                    tasks.create_task(worker(number))
        except BaseExceptionGroup as errors:
            first = errors.exceptions[0]
            if isinstance(first, BrokerError):
                raise first from None
            raise

    def slow_down(self) -> None:
        self.at_once = max(1, self.at_once // 2)
        self.factor = min(SLOWEST, self.factor * 2)

    def speed_up(self) -> None:
        self.at_once = min(AT_ONCE_MOST, self.at_once * 2)
        self.factor = max(1, self.factor // 2)
