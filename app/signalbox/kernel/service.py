"""Long-running services: start, stop and health; and supervised tasks."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

log = logging.getLogger(__name__)

RESTART_FIRST_S = 1.0
RESTART_MAX_S = 30.0  # a loop that keeps failing must not fill the log


class Service(Protocol):
    """`bootstrap` starts each service once and stops them in reverse order. Both methods may be called twice."""

    name: str

    async def start(self) -> None:
        """Start and return. Does not wait for anything outside this process."""

    async def stop(self) -> None:
        """End every task and connection, even if `start` was canceled half way or never called."""

    def healthy(self) -> bool:
        """Return whether its tasks are running. A broker that is down does not make a service unhealthy."""


class Loop:
    """A supervised task that runs `body` until stopped. If `body` fails, the error is logged and `body` restarts after a pause."""

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
                log.exception("%s failed and restarts in %.0f s", self.name, pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RESTART_MAX_S)
            else:
                return


async def start_all(services: Sequence[Service]) -> None:
    """Start in order, consumers before producers. If one fails, stop the started ones in reverse order and raise."""
    started: list[Service] = []
    try:
        for service in services:
            started.append(service)
            await service.start()
    except BaseException:
        await stop_all(started)
        raise


async def stop_all(services: Sequence[Service]) -> None:
    """Stop in reverse order. A failure to stop is logged and does not keep the others from stopping."""
    for service in reversed(services):
        try:
            await service.stop()
        except Exception:
            log.exception("%s did not stop cleanly", service.name)
