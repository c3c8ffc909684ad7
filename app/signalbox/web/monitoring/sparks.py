"""The small curve in a row: last hour, from zero, broken where nothing was known. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 100.0
HEIGHT = 20.0
STEPS_MAX = 60  # one a minute of an hour: more cannot be seen in 112 px
MARGIN = 1.0  # the highest point stays inside the stroke


@dataclass(frozen=True, slots=True)
class Spark:
    """Two SVG path texts in a box of 100 by 20, and what they show in words."""

    line: str
    area: str
    summary: str


def spark(values: Sequence[float | None], *, what: str) -> Spark | None:
    """Draw these values, oldest first; None where fewer than two are known."""
    thinned = _thin(values)
    known = [v for v in thinned if v is not None]
    if len(known) < 2:
        return None
    top = max(known) or 1.0
    step = WIDTH / (len(thinned) - 1)
    lines: list[str] = []
    areas: list[str] = []
    for run in _runs(thinned):
        places = " ".join(_place(i * step, HEIGHT - v / top * (HEIGHT - MARGIN)) for i, v in run)
        first, last = _number(run[0][0] * step), _number(run[-1][0] * step)
        lines.append(f"M{places}")
        areas.append(f"M{first} {HEIGHT:.0f}L{places}L{last} {HEIGHT:.0f}z")
    return Spark("".join(lines), "".join(areas), f"{what}, last hour, {_trend(known)}")


def _thin(values: Sequence[float | None]) -> list[float | None]:
    """Keep the highest known value of each step, so that a short peak is not lost."""
    if len(values) <= STEPS_MAX:
        return list(values)
    thinned: list[float | None] = []
    for step in range(STEPS_MAX):
        part = values[step * len(values) // STEPS_MAX : (step + 1) * len(values) // STEPS_MAX]
        thinned.append(max((v for v in part if v is not None), default=None))
    return thinned


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = []
    open_run = False
    for index, value in enumerate(values):
        if value is None:
            open_run = False
            continue
        if not open_run:
            runs.append([])
            open_run = True
        runs[-1].append((index, value))
    return runs


def _place(x: float, y: float) -> str:
    return f"{_number(x)} {_number(y)}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _trend(known: Sequence[float]) -> str:
    first, last, top = known[0], known[-1], max(known)
    if top == 0:
        return "none"
    if abs(last - first) < top * 0.15:
        return "steady"
    return "rising" if last > first else "falling"
