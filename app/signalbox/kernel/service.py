"""What runs long: start, stop and health, the same three verbs for everything; and tasks that are never orphans."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

log = logging.getLogger(__name__)

RESTART_FIRST_S = 1.0
RESTART_MOST_S = 30.0  # a loop that keeps failing must not fill the log


class Service(Protocol):
    """Something started once by `bootstrap` and stopped in reverse order. Both verbs may be called twice."""

    name: str

    async def start(self) -> None:
        """Return as soon as the service works. Waits for nothing outside this process."""

    async def stop(self) -> None:
        """End every task and connection, also when start was cancelled half way or never called."""

    def healthy(self) -> bool:
        """Say whether its tasks run. A broker that is down does not make a service unhealthy."""


class Loop:
    """A supervised task that runs `body` until stopped; a body that fails is logged and begun again after a pause."""

    def __init__(self, name: str, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.name = name
        self._body = body
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def healthy(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _run(self) -> None:
        pause = RESTART_FIRST_S
        while True:
            try:
                await self._body()
            except Exception:
                log.exception("%s failed and begins again in %.0f s", self.name, pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RESTART_MOST_S)
            else:
                return


async def start_all(services: Sequence[Service]) -> None:
    """Start in order (takers before makers); when one fails, stop those begun, in reverse, and raise."""
    begun: list[Service] = []
    try:
        for service in services:
            begun.append(service)
            await service.start()
    except BaseException:
        await stop_all(begun)
        raise


async def stop_all(services: Sequence[Service]) -> None:
    """Stop in reverse order. One that fails to stop is logged, and the others are stopped all the same."""
    for service in reversed(services):
        try:
            await service.stop()
        except Exception:
            log.exception("%s did not stop cleanly", service.name)
