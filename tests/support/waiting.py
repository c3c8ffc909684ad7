"""Wait for something to become so, by asking for it until a deadline. No test sleeps a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from signalbox.brokers.errors import BrokerError

T = TypeVar("T")


async def eventually(check: Callable[[], Awaitable[T]], *, within_s: float = 10.0, every_s: float = 0.05) -> T:
    """Call `check` until it neither fails an assertion nor is refused by the broker; return what it returned.

    Raises:
        AssertionError, BrokerError: what the last try raised, after `within_s`.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            return await check()
        except (AssertionError, BrokerError):
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(every_s)
