"""Services stop in parallel within one limit, whatever they raise or swallow, and what they hold is saved first and last."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from typing_extensions import override

from signalbox.kernel import service as module
from signalbox.kernel.service import Loop, save_all, start_all, stop_all

FOREVER_S = 3600


class Recorder:
    """A service that writes what happens to it to a shared list."""

    def __init__(self, name: str, calls: list[str], stop: Callable[[], Awaitable[None]] | None = None) -> None:
        self.name = name
        self.calls = calls
        self._stop = stop

    async def start(self) -> None:
        self.calls.append(f"start {self.name}")

    async def stop(self) -> None:
        self.calls.append(f"stop {self.name}")
        if self._stop is not None:
            await self._stop()
        self.calls.append(f"stopped {self.name}")

    def healthy(self) -> bool:
        return True


class Saving(Recorder):
    async def save(self) -> None:
        self.calls.append(f"save {self.name}")


async def hang() -> None:
    await asyncio.sleep(FOREVER_S)


async def fail() -> None:
    raise RuntimeError("cannot stop")


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_MAX_S", 0.3)
    monkeypatch.setattr(module, "SAVE_MAX_S", 0.3)
    monkeypatch.setattr(module, "TASK_STOP_MAX_S", 0.2)
    monkeypatch.setattr(module, "CANCEL_AGAIN_S", 0.02)
    monkeypatch.setattr(module, "RESTART_FIRST_S", 0.01)


async def test_many_hanging_services_cost_one_limit(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []
    services = [Recorder(f"collector {n}", calls, hang) for n in range(40)]
    await asyncio.wait_for(stop_all([Saving("history", calls), *services]), 6.0)  # one after the other: 12 s
    assert calls[0] == calls[-1] == "save history"
    assert calls.count("save history") == 2
    assert "collector 39 did not stop within" in caplog.text


async def test_all_are_stopped_at_the_same_time() -> None:
    calls: list[str] = []
    met = asyncio.Barrier(2)

    async def meet() -> None:
        await met.wait()

    await asyncio.wait_for(stop_all([Recorder("a", calls, meet), Recorder("b", calls, meet)]), 5.0)
    assert set(calls) == {"stop a", "stop b", "stopped a", "stopped b"}


async def test_a_failure_to_stop_or_to_save_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []

    class Failing(Saving):
        @override
        async def save(self) -> None:
            raise RuntimeError("disk full")

    await stop_all([Failing("first", calls, fail), Saving("history", calls), Recorder("last", calls, fail)])
    assert {"stopped history", "stop last"} < set(calls)
    assert calls.count("save history") == 2
    assert "first did not stop cleanly" in caplog.text
    assert "first was not saved" in caplog.text
    await save_all([])


async def test_a_hanging_save_does_not_keep_services_from_stopping() -> None:
    calls: list[str] = []

    class Hanging(Recorder):
        async def save(self) -> None:
            await hang()

    await asyncio.wait_for(stop_all([Hanging("history", calls), Recorder("other", calls)]), 5.0)
    assert "stopped other" in calls


async def test_a_service_that_fails_to_start_stops_those_before() -> None:
    calls: list[str] = []

    class Failing(Recorder):
        @override
        async def start(self) -> None:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await start_all([Recorder("a", calls), Failing("b", calls), Recorder("c", calls)])
    assert calls[0] == "start a"
    assert {"stopped a", "stopped b"} < set(calls)
    assert "start c" not in calls


async def test_a_body_that_raises_something_else_while_it_is_canceled_is_not_begun_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun = 0
    running = asyncio.Event()

    async def body() -> None:
        nonlocal begun
        begun += 1
        running.set()
        try:
            await hang()
        finally:
            raise ConnectionError("the socket was closed meanwhile")

    loop = Loop("reader", body)
    await loop.start()
    await running.wait()
    await asyncio.wait_for(loop.stop(), 5.0)
    assert not loop.healthy()
    await asyncio.sleep(0)
    assert begun == 1
    assert "reader failed while it stopped" in caplog.text


async def test_a_body_that_swallows_cancellations_is_canceled_again_and_then_left() -> None:
    swallowed = 0
    running = asyncio.Event()
    enough = 3

    async def body() -> None:
        nonlocal swallowed
        while swallowed < enough:
            running.set()
            try:
                await hang()
            except asyncio.CancelledError:
                swallowed += 1

    loop = Loop("stubborn", body)
    await loop.start()
    await running.wait()
    await asyncio.wait_for(loop.stop(), 5.0)
    assert swallowed == enough
    enough = 10**9
    running.clear()
    await loop.start()
    await running.wait()
    await asyncio.wait_for(loop.stop(), 5.0)
    assert swallowed > 3
    enough = 0  # the task that was left behind ends


async def test_the_caller_of_stop_can_be_canceled_itself() -> None:
    running = asyncio.Event()
    stopping = asyncio.Event()

    async def body() -> None:
        while not stopping.is_set():
            running.set()
            try:
                await hang()
            except asyncio.CancelledError:
                stopping.set()
                await asyncio.sleep(0.1)

    loop = Loop("slow", body)
    await loop.start()
    await running.wait()
    task = asyncio.ensure_future(loop.stop())
    await stopping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_pause_before_a_restart_grows_and_begins_anew_after_a_long_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    pauses: list[float] = []
    runs = iter((0.0, 0.0, 0.0, 31.0, 0.0))
    done = asyncio.Event()

    async def body() -> None:
        nonlocal now
        run = next(runs, None)
        if run is None:
            done.set()
            return
        now += run
        raise RuntimeError("again")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(module, "RESTART_FIRST_S", 1.0)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    loop = Loop("reader", body)
    await loop.start()
    await done.wait()
    assert pauses == [1.0, 2.0, 4.0, 1.0, 2.0]
    assert "reader failed and restarts in 4 s" in caplog.text
