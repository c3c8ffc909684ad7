"""A request that is repeated at its own interval in its own task, so that a late answer delays no other request."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import BrokerCall
from signalbox.kernel.clock import Clock
from signalbox.kernel.service import Loop

log = logging.getLogger(__name__)

SWEEP_INTERVAL_S = 5.0  # cheap requests run with every sweep
INTERVAL_MAX_S = 300.0


class PolledRequest:
    """A request with the time, duration and error of its last run. `send` limits its own time and returns the number of rows."""

    def __init__(
        self, clock: Clock, name: str, send: Callable[[], Awaitable[int]], interval_s: Callable[[float], float]
    ) -> None:
        self.name = name
        self.error: BrokerError | None = None
        self.requested_at = 0.0
        self.answered_at = 0.0
        self.duration_s = 0.0
        self._send = send
        self._interval_s = interval_s
        self._clock = clock
        self._answer_duration_s = 0.0
        self._rows: int | None = None
        self._due = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._loop = Loop(f"rabbitmq {name}", self._run)

    @property
    def interval_s(self) -> float:
        """The shortest time between two runs, from the duration of the last answer. Failures do not lengthen it."""
        return min(self._interval_s(self._answer_duration_s), INTERVAL_MAX_S)

    @property
    def has_answered(self) -> bool:
        return self.answered_at > 0

    @property
    def has_run(self) -> bool:
        return self.has_answered or self.error is not None

    def make_due(self) -> None:
        """Run at the next opportunity, whatever the interval."""
        self._due = True

    async def start_if_due(self) -> None:
        """Start a run if it is due and none is active. Does not wait for it."""
        if not self._idle.is_set():
            return
        if self._due or self._clock() - self.requested_at >= self.interval_s:
            self._due = False
            self._idle.clear()
            await self._loop.start()

    async def run_now(self) -> None:
        """Run, or join the active run, and wait for its end. Waits for the interval first if the last run is too recent."""
        if self._idle.is_set():
            await asyncio.sleep(self.interval_s - (self._clock() - self.requested_at))
        await self.start_if_due()
        await self._idle.wait()

    async def wait(self, limit_s: float) -> None:
        """Wait for the end of the active run, at most `limit_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._idle.wait()

    async def stop(self) -> None:
        await self._loop.stop()
        self._idle.set()

    def call(self) -> BrokerCall | None:
        """Return the last run for the snapshot."""
        if not self.has_run:
            return None
        return BrokerCall(
            request=self.name,
            interval_s=max(self.interval_s, SWEEP_INTERVAL_S),
            duration_s=self.duration_s,
            at=self.requested_at,
            rows=self._rows,
        )

    async def _run(self) -> None:
        self.requested_at = self._clock()
        started = time.monotonic()
        try:
            self._rows = await self._send()
        except BrokerError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - the page shows it like an error of the broker, with its id in the log
            self.error = self._unexpected(error)
        else:
            self.error, self.answered_at = None, self._clock()
            self._answer_duration_s = time.monotonic() - started
        finally:
            self.duration_s = time.monotonic() - started
            self._idle.set()

    def _unexpected(self, error: Exception) -> BrokerError:
        fault = secrets.token_hex(3)
        log.error("fault %s: %s failed", fault, self.name, exc_info=error)
        return BrokerError(self.name, f"Signalbox itself failed. Error {fault} is in the log.")
