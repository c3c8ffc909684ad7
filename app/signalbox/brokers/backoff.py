"""Ask again, with growing pauses, when a broker answers "not found": while it recovers, a single such answer is no proof."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from signalbox.brokers.errors import BrokerError, DestinationMissing

T = TypeVar("T")


def pauses(first_s: float, longest_s: float) -> Iterator[float]:
    """Yield pauses in seconds that double up to `longest_s`, without end."""
    while True:
        yield first_s
        first_s = min(2 * first_s, longest_s)


async def ask_until_found(
    ask: Callable[[], Awaitable[T]],
    is_ready: Callable[[], Awaitable[bool]],
    *,
    missing: type[BrokerError] = DestinationMissing,
    misses: int = 3,
    first_pause_s: float = 0.1,
) -> T:
    """Return what `ask` returns. While it raises `missing`, pause and ask again.

    `is_ready` says whether the broker has recovered; it is called before each repetition. A broker that is never ready is
    asked without end: bound the call with `asyncio.timeout`.

    Raises:
        `missing`: after `misses` misses in a row from a broker that was ready before each of them.
    """
    ready, counted = False, 0
    intervals = pauses(first_pause_s, 2.0)
    while True:
        try:
            return await ask()
        except missing:
            counted = counted + 1 if ready else 0
            if counted >= misses:
                raise
        await asyncio.sleep(next(intervals))
        ready = await is_ready()
