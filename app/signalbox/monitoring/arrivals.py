"""The messages that arrived in one destination over the last minute, by partition."""

from signalbox.brokers.model import UNKNOWN
from signalbox.monitoring import columns
from signalbox.monitoring.columns import Column

SPACING_S = 4.5


class Arrivals:
    """Readings of the end offsets (or of a queue's counter), thinned, oldest first. A counter that fell twice restarts."""

    def __init__(self) -> None:
        self._readings: list[tuple[float, Column]] = []
        self._fall_unconfirmed = False
        self.total: int | None = None  # counter of all arrivals since we watch; survives resets

    def push(self, at: float, ends: Column, interval_s: float) -> None:
        """Take one reading; one that is older than the last is dropped."""
        readings = self._readings
        if readings and at <= readings[-1][0]:
            return
        if readings and len(readings[-1][1]) != len(ends):
            readings.clear()
        elif readings and columns.fallen_rows(ends, readings[-1][1]):
            if not self._fall_unconfirmed:  # a server back from a pause reports old values once
                self._fall_unconfirmed = True
                return
            readings.clear()
        self._fall_unconfirmed = False
        self._count(ends)
        if len(readings) > 1 and readings[-1][0] - readings[-2][0] < SPACING_S:
            readings.pop()
        readings.append((at, ends))
        since = at - columns.rate_window_s(interval_s)
        while readings[0][0] < since:
            readings.pop(0)

    def restart(self) -> None:
        """Forget all readings, because the destination was recreated."""
        self._readings.clear()

    def rates(self) -> list[float | None]:
        """Return messages/s by row; None without a reading to compare with."""
        if not self._readings:
            return []
        (first_at, first), (last_at, last) = self._readings[0], self._readings[-1]
        seconds = last_at - first_at
        return [
            columns.rate(now - before, seconds) if UNKNOWN not in (now, before) else None
            for now, before in zip(last, first, strict=True)
        ]

    def rate(self) -> float | None:
        if len(self._readings) < 2:
            return None
        (first_at, first), (last_at, last) = self._readings[0], self._readings[-1]
        return columns.total_rate(first, last, last_at - first_at)

    def is_partial(self) -> bool:
        """Return whether the rate leaves out rows, because they were unknown at one of its readings."""
        return bool(self._readings) and any(UNKNOWN in self._readings[index][1] for index in (0, -1))

    def _count(self, ends: Column) -> None:
        known = self._readings[-1][1] if self._readings else None
        if self.total is None:
            if any(end != UNKNOWN for end in ends):
                self.total = columns.total_growth(ends, ends, first=True)
        elif known is not None:
            self.total += columns.total_growth(ends, known, first=False)
