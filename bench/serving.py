"""`signalbox serve` with a watch on its requests: `python -m bench.serving serve --config ...`, as `bench.pages` starts it.

Of each request that bears SENT_AT it prints one line of JSON, `Served`. On cores that others use too, what is seen from
outside holds their turns; `own_ms` does not.
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
TICKS_KEPT = 10_000  # 20 s: no request takes longer


class Served(msgspec.Struct):
    """How long one request took, in ms."""

    sent_at: str  # as the client wrote it
    inside_ms: float  # from the call of the application to the last byte handed on: without the wait for the event loop
    own_ms: float  # what the event loop's thread computed from the sending to the last byte, others' requests included
    stall_ms: float  # the longest that it computed without a look at its sockets, since the request before


class Watched:
    """The application, and a task that notes how much its thread has computed by when."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ticks: deque[tuple[float, float]] = deque(maxlen=TICKS_KEPT)
        self._stall_s = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick())
        headers = dict(scope["headers"]) if scope["type"] == ScopeType.HTTP else {}
        sent_at = headers.get(SENT_AT.encode(), b"").decode()
        begun = time.perf_counter()

        async def watched(message: Message) -> None:
            await send(message)
            if sent_at and message["type"] == "http.response.body" and not message["more_body"]:
                self._tell(sent_at, begun)

        await self._app(scope, receive, watched)

    async def _tick(self) -> None:
        while True:
            self._note()
            await asyncio.sleep(TICK_S)

    def _note(self) -> tuple[float, float]:
        now = time.perf_counter(), time.thread_time()
        if self._ticks:
            self._stall_s = max(self._stall_s, now[1] - self._ticks[-1][1])
        self._ticks.append(now)
        return now

    def _tell(self, sent_at: str, begun: float) -> None:
        at, computed = self._note()
        served = Served(
            sent_at,
            inside_ms=(at - begun) * 1000,
            own_ms=(computed - self._computed_by(float(sent_at))) * 1000,
            stall_ms=self._stall_s * 1000,
        )
        self._stall_s = 0.0
        print(msgspec.json.encode(served).decode(), flush=True)

    def _computed_by(self, at: float) -> float:
        """Return the CPU seconds of this thread at that time: evenly between the ticks around it."""
        later = self._ticks[-1]
        for earlier in reversed(self._ticks):
            if earlier[0] <= at:
                share = (at - earlier[0]) / max(later[0] - earlier[0], 1e-9)
                return earlier[1] + min(1.0, share) * (later[1] - earlier[1])
            later = earlier
        return later[1]


def watched_app(*arguments: Any, **options: Any) -> Litestar:  # noqa: ANN401 - those of create_app
    return cast("Litestar", Watched(create_app(*arguments, **options)))  # the server only calls it


if __name__ == "__main__":
    bootstrap.create_app = watched_app  # type: ignore[attr-defined]  # imported there, called there
    main()
