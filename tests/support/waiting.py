"""Wait for something to become so, by asking for it until a deadline. No test sleeps a fixed time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from signalbox.brokers.errors import BrokerError

T = TypeVar("T")


async def eventually(check: Callable[[], Awaitable[T]], *, within_s: float = 10.0, every_s: float = 0.05) -> T:
    """Call `check` until it neither fails an assertion nor is refused by the broker; return what it returned.

    Raises:
        AssertionError, BrokerError: what the last try raised, after `within_s`, with a note that says what was waited for.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            return await check()
        except (AssertionError, BrokerError) as error:
            if time.monotonic() > deadline:
                error.add_note(f"waited {within_s:g} s for {_place(check)}")
                raise
        await asyncio.sleep(every_s)


def _place(check: Callable[[], Awaitable[object]]) -> str:
    code = getattr(check, "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return f"{getattr(check, '__qualname__', check)}{where}"


TICK_S = 0.02


@dataclass
class Elapsed:
    """How long a block took as its event loop saw it."""

    seconds: float = 0.0


@contextlib.asynccontextmanager
async def elapsed() -> AsyncIterator[Elapsed]:
    """Measure a block by ticks of the event loop: time in which a busy machine did not let this process run is not counted."""
    measured = Elapsed()

    async def tick() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            measured.seconds += TICK_S

    ticking = asyncio.ensure_future(tick())
    try:
        yield measured
    finally:
        ticking.cancel()
