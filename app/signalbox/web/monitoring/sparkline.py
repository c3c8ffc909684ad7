"""The sparkline of a row: the last hour, from zero, with gaps where the value was unknown. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 100.0
HEIGHT = 20.0
STEPS_MAX = 60  # one per minute: 112 px cannot show more
MARGIN = 1.0  # keeps the stroke of the highest point inside the box


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Two SVG paths in a box of 100 by 20, and a summary in words."""

    line: str
    area: str
    summary: str


def sparkline(values: Sequence[float | None], *, label: str) -> Sparkline | None:
    """Draw values, oldest first; None if fewer than two are known."""
    sampled = _downsample(values)
    known = [v for v in sampled if v is not None]
    if len(known) < 2:
        return None
    top = max(known) or 1.0
    step = WIDTH / (len(sampled) - 1)
    lines: list[str] = []
    areas: list[str] = []
    for run in _runs(sampled):
        points = " ".join(_point(i * step, HEIGHT - v / top * (HEIGHT - MARGIN)) for i, v in run)
        first, last = _number(run[0][0] * step), _number(run[-1][0] * step)
        lines.append(f"M{points}")
        areas.append(f"M{first} {HEIGHT:.0f}L{points}L{last} {HEIGHT:.0f}z")
    return Sparkline("".join(lines), "".join(areas), f"{label}, last hour, {_trend(known)}")


def _downsample(values: Sequence[float | None]) -> list[float | None]:
    """Keep the highest value of each step, so that short peaks stay visible."""
    if len(values) <= STEPS_MAX:
        return list(values)
    sampled: list[float | None] = []
    for step in range(STEPS_MAX):
        part = values[step * len(values) // STEPS_MAX : (step + 1) * len(values) // STEPS_MAX]
        sampled.append(max((v for v in part if v is not None), default=None))
    return sampled


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = []
    in_run = False
    for index, value in enumerate(values):
        if value is None:
            in_run = False
            continue
        if not in_run:
            runs.append([])
            in_run = True
        runs[-1].append((index, value))
    return runs


def _point(x: float, y: float) -> str:
    return f"{_number(x)} {_number(y)}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _trend(known: Sequence[float]) -> str:
    first, last, top = known[0], known[-1], max(known)
    if top == 0:
        return "zero"
    if abs(last - first) < top * 0.15:
        return "steady"
    return "rising" if last > first else "falling"
