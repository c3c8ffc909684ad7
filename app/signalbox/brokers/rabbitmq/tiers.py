"""One kind of question, asked at its own interval by a task of its own, so that a late answer delays no other."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import BrokerCall
from signalbox.kernel.clock import Clock
from signalbox.kernel.service import Loop

PACE_S = 5.0  # how often a sweep comes: what costs little is asked with each

SPACING_MOST_S = 300.0


class Tier:
    """A question with the time, duration and error of its last answer. `ask` bounds itself and returns how many rows came."""

    def __init__(
        self,
        what: str,
        ask: Callable[[], Awaitable[int]],
        *,
        spacing_s: Callable[[float], float],
        clock: Clock,
    ) -> None:
        self.what = what
        self.error: BrokerError | None = None
        self.requested_at = 0.0
        self.answered_at = 0.0
        self.took_s = 0.0
        self._ask = ask
        self._spacing_s = spacing_s
        self._clock = clock
        self._cost_s = 0.0
        self._rows: int | None = None
        self._hurry = False
        self._over = asyncio.Event()
        self._over.set()
        self._loop = Loop(f"rabbitmq {what}", self._once)

    @property
    def spacing_s(self) -> float:
        """The least time from one question to the next, by what the last answer cost; one that never came cost nothing."""
        return min(self._spacing_s(self._cost_s), SPACING_MOST_S)

    @property
    def answered(self) -> bool:
        return self.answered_at > 0

    @property
    def tried(self) -> bool:
        return self.answered or self.error is not None

    def hurry(self) -> None:
        """Ask at the next opportunity, whatever the interval."""
        self._hurry = True

    async def begin(self) -> None:
        """Ask now if it is due and not being asked. Does not wait."""
        if not self._over.is_set():
            return
        if self._hurry or self._clock() - self.requested_at >= self.spacing_s:
            self._hurry = False
            self._over.clear()
            await self._loop.start()

    async def ask_now(self) -> None:
        """Ask, or join the question that is being asked, and wait for its end. Pauses first if the last is too near."""
        if self._over.is_set():
            await asyncio.sleep(self.spacing_s - (self._clock() - self.requested_at))
        await self.begin()
        await self._over.wait()

    async def wait(self, most_s: float | None = None) -> None:
        """Wait until the question that is being asked is over, at most so long."""
        try:
            async with asyncio.timeout(most_s):
                await self._over.wait()
        except TimeoutError:
            return

    async def stop(self) -> None:
        await self._loop.stop()
        self._over.set()

    def call(self) -> BrokerCall | None:
        if not self.tried:
            return None
        return BrokerCall(
            request=self.what,
            interval_s=max(self.spacing_s, PACE_S),
            duration_s=self.took_s,
            at=self.requested_at,
            rows=self._rows,
        )

    async def _once(self) -> None:
        self.requested_at = self._clock()
        started = time.monotonic()
        try:
            self._rows = await self._ask()
        except BrokerError as error:
            self.error = error
        else:
            self.error, self.answered_at = None, self._clock()
            self._cost_s = time.monotonic() - started
        finally:
            self.took_s = time.monotonic() - started
            self._over.set()
