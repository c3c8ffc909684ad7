"""Long-running services: start, stop and health; and supervised tasks."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

log = logging.getLogger(__name__)

RESTART_FIRST_S = 1.0
RESTART_MAX_S = 30.0  # a loop that keeps failing must not fill the log
CANCEL_AGAIN_S = 0.5  # a library may swallow a cancellation
TASK_STOP_MAX_S = 3.0
SAVE_MAX_S = 3.0
STOP_MAX_S = 8.0  # with two saves and the sockets of pages less than the 30 s that Kubernetes gives


class Service(Protocol):
    """`bootstrap` starts each service once and stops all at the same time. Both methods may be called twice."""

    name: str

    async def start(self) -> None:
        """Start and return. Does not wait for anything outside this process."""

    async def stop(self) -> None:
        """End every task and connection, even if `start` was canceled half way or never called."""

    def healthy(self) -> bool:
        """Return whether its tasks are running. A broker that is down does not make a service unhealthy."""


@runtime_checkable
class Saver(Protocol):
    """A service with data that only a save keeps. It is saved before services stop, and again after."""

    async def save(self) -> None:
        """Save what is not saved yet, also after `stop`."""


class Tasks:
    """Keeps tasks alive until they end: the event loop alone holds no reference to them."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


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
        """End the task. One that does not end within `TASK_STOP_MAX_S` is left behind."""
        task, self._task = self._task, None
        if task is None:
            return
        give_up_at = time.monotonic() + TASK_STOP_MAX_S
        while not task.done() and time.monotonic() < give_up_at:
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
        if not task.done():
            log.error("%s does not end and is left behind", self.name)

    def healthy(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _run(self) -> None:
        pause = RESTART_FIRST_S
        while True:
            began = time.monotonic()
            try:
                await self._body()
            except Exception:
                if self._is_stopped():
                    log.exception("%s failed while it stopped", self.name)
                    return
                if time.monotonic() - began > RESTART_MAX_S:
                    pause = RESTART_FIRST_S
                log.exception("%s failed and restarts in %.0f s", self.name, pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RESTART_MAX_S)
            else:
                return

    def _is_stopped(self) -> bool:
        return self._task is not asyncio.current_task()


async def start_all(services: Sequence[Service]) -> None:
    """Start in order, consumers before producers. If one fails, stop the started ones and raise."""
    started: list[Service] = []
    try:
        for service in services:
            started.append(service)
            await service.start()
    except BaseException:
        await stop_all(started)
        raise


async def stop_all(services: Sequence[Service]) -> None:
    """Save, stop all services at the same time, and save what came in meanwhile. Each step has one limit for all services.

    A failure is logged and keeps no other service from stopping.
    """
    await save_all(services)
    stopping = {service.name: asyncio.create_task(service.stop()) for service in services}
    await _finish(stopping, STOP_MAX_S, "%s did not stop within %.0f s and is left behind", "%s did not stop cleanly")
    await save_all(services)


async def save_all(services: Sequence[Service]) -> None:
    """Save the services that have data to save. A failure is logged."""
    saving = {service.name: asyncio.create_task(service.save()) for service in services if isinstance(service, Saver)}
    await _finish(saving, SAVE_MAX_S, "%s was not saved within %.0f s", "%s was not saved")


async def _finish(tasks: Mapping[str, asyncio.Task[None]], within_s: float, late: str, failed: str) -> None:
    """Wait for all tasks, at most this long. Those that are late are canceled, and nothing waits for them."""
    if not tasks:
        return
    await asyncio.wait(tasks.values(), timeout=within_s)
    for name, task in tasks.items():
        if not task.done():
            task.cancel()
            log.error(late, name, within_s)
        elif not task.cancelled() and (error := task.exception()) is not None:
            log.error(failed, name, exc_info=error)
