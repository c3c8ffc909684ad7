"""Readings of a made-up group for tests of history, with a clock that is set by hand."""

from collections.abc import Callable

from signalbox.monitoring.model import Points
from signalbox.monitoring.series import Series
from tests.support.waiting import eventually

START = 1_790_000_000.0 - 1_790_000_000 % 3600 + 1200  # 20 min past an hour
BUDGET = 64 * 1024**2


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


async def until(so: Callable[[], bool]) -> None:
    async def check() -> None:
        assert so()

    await eventually(check, within_s=20, every_s=0.01)


async def saved(series: Series, time: Time) -> None:
    """Wait until all that was added is saved and packed."""
    now = time.now
    for turn in range(1, 4):
        time.now = now + turn / 1000
        await until(lambda: (series.usage().saved_at or 0) >= time.now)
    time.now = now


def feed(series: Series, time: Time, seconds: int, *, every: int = 5, name: str = "payments") -> None:
    """Read a group that gets 20 messages a second and settles 15 of them."""
    for _ in range(0, seconds, every):
        time.now += every
        passed = int(time.now - START)
        arrived, settled = 1_000_000 + 20 * passed, 900_000 + 15 * passed
        series.add("prod", name, time.now, lag=arrived - settled, arrived=arrived, settled=settled, interval_s=every)


def known(points: Points) -> list[tuple[float, float]]:
    return [(at, lag) for at, lag in zip(points.at, points.lag, strict=True) if lag is not None]
