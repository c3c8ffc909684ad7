"""Ask several brokers: the next one when the last one failed or is slow. The first answer counts."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

NEXT_AFTER_S = 1.0  # a slow broker still has its whole time while the next one is asked too


class AllFailed(Exception):
    """Nobody answered. `failures` are in the order of the attempts."""

    def __init__(self, failures: list[BaseException]) -> None:
        super().__init__(f"{len(failures)} attempts failed")
        self.failures = failures


async def first_answer(attempts: Iterable[Callable[[], Awaitable[T]]]) -> T:
    """Return the first answer and cancel the other attempts. Raises AllFailed."""
    tasks: list[asyncio.Task[T]] = []
    remaining = iter(attempts)
    try:
        while True:
            attempt = next(remaining, None)
            if attempt is not None:
                tasks.append(asyncio.ensure_future(attempt()))
            pending = [task for task in tasks if not task.done()]
            if pending:
                timeout_s = NEXT_AFTER_S if attempt is not None else None
                await asyncio.wait(pending, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            elif attempt is None:
                raise AllFailed([error for task in tasks if (error := task.exception()) is not None])
            for task in tasks:
                if task.done() and task.exception() is None:
                    return task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
