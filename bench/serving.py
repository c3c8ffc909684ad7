"""`signalbox serve` that measures its requests: `bench.pages` starts `python -m bench.serving serve --config ...`.

It prints `RequestTiming` as JSON for each request with the header SENT_AT. On shared cores the times measured from outside include
other processes; `cpu_ms` does not.
"""

import asyncio
import time
from collections import deque
from typing import Any, cast

import msgspec
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from signalbox import bootstrap
from signalbox.cli import main
from signalbox.web.app import create_app

SENT_AT = "x-sent-at"  # time.perf_counter() of the client: one clock for all processes of a machine
TICK_S = 0.002
TICKS_MAX = 10_000  # 20 s: no request takes longer


class RequestTiming(msgspec.Struct):
    """The duration of one request, in ms."""

    sent_at: str  # as the client wrote it
    application_ms: float  # from the call of the application to its last byte: without the wait for the event loop
    cpu_ms: float  # CPU time of the event loop's thread from the sending to the last byte, other requests included
    stall_ms: float  # the longest stall of the event loop since the previous request, in CPU time


class MeasuredApplication:
    """The application, and a task that samples the CPU time of its thread."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ticks: deque[tuple[float, float]] = deque(maxlen=TICKS_MAX)
        self._stall_s = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick())
        headers = dict(scope["headers"]) if scope["type"] == ScopeType.HTTP else {}
        sent_at = headers.get(SENT_AT.encode(), b"").decode()
        started = time.perf_counter()

        async def measured_send(message: Message) -> None:
            await send(message)
            if sent_at and message["type"] == "http.response.body" and not message["more_body"]:
                self._report(sent_at, started)

        await self._app(scope, receive, measured_send)

    async def _tick(self) -> None:
        while True:
            self._sample()
            await asyncio.sleep(TICK_S)

    def _sample(self) -> tuple[float, float]:
        sample = time.perf_counter(), time.thread_time()
        if self._ticks:
            self._stall_s = max(self._stall_s, sample[1] - self._ticks[-1][1])
        self._ticks.append(sample)
        return sample

    def _report(self, sent_at: str, started: float) -> None:
        at, cpu_s = self._sample()
        timing = RequestTiming(
            sent_at,
            application_ms=(at - started) * 1000,
            cpu_ms=(cpu_s - self._cpu_at(float(sent_at))) * 1000,
            stall_ms=self._stall_s * 1000,
        )
        self._stall_s = 0.0
        print(msgspec.json.encode(timing).decode(), flush=True)

    def _cpu_at(self, at: float) -> float:
        """Return the CPU seconds of this thread at that time, interpolated between two ticks."""
        later = self._ticks[-1]
        for earlier in reversed(self._ticks):
            if earlier[0] <= at:
                share = (at - earlier[0]) / max(later[0] - earlier[0], 1e-9)
                return earlier[1] + min(1.0, share) * (later[1] - earlier[1])
            later = earlier
        return later[1]


def measured_app(*arguments: Any, **options: Any) -> Litestar:  # noqa: ANN401 - those of create_app
    return cast("Litestar", MeasuredApplication(create_app(*arguments, **options)))  # the server only calls it


if __name__ == "__main__":
    bootstrap.create_app = measured_app  # type: ignore[attr-defined]  # imported there, called there
    main()
