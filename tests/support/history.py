"""Readings of an invented group for tests of history, with a manual clock."""

from collections.abc import Callable

from signalbox.monitoring.model import Points
from signalbox.monitoring.series import Series
from tests.support.waiting import eventually

START = 1_790_000_000.0 - 1_790_000_000 % 3600 + 1200  # 20 min past an hour
BUDGET = 64 * 1024**2


class Time:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


async def until(condition: Callable[[], bool]) -> None:
    async def check() -> None:
        assert condition()

    await eventually(check, within_s=20, every_s=0.01)


async def saved(series: Series, time: Time) -> None:
    """Wait until all added samples are saved and packed."""
    now = time.now
    for turn in range(1, 4):
        time.now = now + turn / 1000
        await until(lambda: (series.usage().saved_at or 0) >= time.now)
    time.now = now


def feed(series: Series, time: Time, seconds: int, *, every: int = 5, name: str = "payments") -> None:
    """Add readings of a group with 20 messages/s in and 15 messages/s out."""
    for _ in range(0, seconds, every):
        time.now += every
        passed = int(time.now - START)
        arrived, settled = 1_000_000 + 20 * passed, 900_000 + 15 * passed
        series.add("prod", name, time.now, lag=arrived - settled, arrived=arrived, settled=settled, interval_s=every)


def known(points: Points) -> list[tuple[float, float]]:
    return [(at, lag) for at, lag in zip(points.at, points.lag, strict=True) if lag is not None]
