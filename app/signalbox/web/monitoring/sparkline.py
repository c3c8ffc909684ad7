"""The sparkline of a row: the lag of the last hour on a fixed axis, from zero; what is missing is empty. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.kernel import figures
from signalbox.monitoring.model import Points

WIDTH = 100.0
HEIGHT = 20.0
WINDOW_S = 3600.0
STEPS = 60  # one per minute: 112 px cannot show more
SCALE_MIN = 10.0  # messages at the top of the box, at least: one message is not a peak
MARGIN = 1.0  # keeps the stroke of the highest point inside the box
DOT = 0.5  # the length of the line of a value without a neighbor
STARTS_LATE_S = 300.0  # a shorter time without history at the left needs no words

Value = tuple[float, float, bool]  # seconds since the left end, messages, whether that is a minimum


@dataclass(frozen=True, slots=True)
class Sparkline:
    """SVG paths in a box of 100 by 20, and a summary in words. `least` is the line where some partitions were unknown."""

    line: str
    least: str
    area: str
    summary: str


def sparkline(points: Points, now: float, *, label: str) -> Sparkline | None:
    """Draw the lag of the hour before `now`; None if fewer than two values are known."""
    runs = _runs(points, now - WINDOW_S)
    known = [value for run in runs for value in run]
    if len(known) < 2:
        return None
    top = max(SCALE_MIN, *(messages for _, messages, _ in known))
    lines: list[str] = []
    least: list[str] = []
    areas: list[str] = []
    for run in runs:
        places = [(at / WINDOW_S * WIDTH, HEIGHT - messages / top * (HEIGHT - MARGIN)) for at, messages, _ in run]
        if len(places) == 1:
            x, y = places[0]
            places = [(min(x, WIDTH - DOT), y), (min(x, WIDTH - DOT) + DOT, y)]
        drawn = " ".join(f"{_number(x)} {_number(y)}" for x, y in places)
        (least if run[-1][2] else lines).append(f"M{drawn}")
        areas.append(f"M{_number(places[0][0])} {HEIGHT:.0f}L{drawn}L{_number(places[-1][0])} {HEIGHT:.0f}z")
    return Sparkline("".join(lines), "".join(least), "".join(areas), f"{label}, last hour, {_summary(known, now)}")


def _runs(points: Points, begin: float) -> list[list[Value]]:
    """Return the values without a gap between them, at most one per minute, the highest."""
    runs: list[list[Value]] = []
    joined = False
    for at, lag, least in zip(points.at, points.lag, points.lag_at_least, strict=True):
        messages = lag if lag is not None else least
        if messages is None or at < begin or at > begin + WINDOW_S:
            joined = False
            continue
        value = (at - begin, messages, lag is None)
        last = runs[-1][-1] if joined else None
        if last is None:
            runs.append([value])
        elif last[2] is not value[2]:
            runs.append([last, value])  # the line goes on in the other style
        elif int(last[0] * STEPS / WINDOW_S) == int(value[0] * STEPS / WINDOW_S):
            runs[-1][-1] = max(last, value, key=lambda each: each[1])
        else:
            runs[-1].append(value)
        joined = True
    return runs


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _summary(known: Sequence[Value], now: float) -> str:
    begins, partial = known[0][0], any(least for _, _, least in known)
    since = f", history since {figures.utc_time(now - WINDOW_S + begins, now)}" if begins > STARTS_LATE_S else ""
    return f"{_trend([messages for _, messages, _ in known])}{since}{', partly a minimum' if partial else ''}"


def _trend(known: Sequence[float]) -> str:
    first, last, top = known[0], known[-1], max(known)
    if top == 0:
        return "zero"
    if abs(last - first) < top * 0.15:
        return "steady"
    return "rising" if last > first else "falling"
