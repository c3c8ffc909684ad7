"""How far a broker's clock differs from ours, by the time in its answers. Every age is measured by our own clock."""

import email.utils
from datetime import UTC

from signalbox.kernel import figures

TOLD_ABOVE_S = 5.0
RESOLUTION_S = 2.0  # a Date has whole seconds, and a server renews it once a second


class ClockSkew:
    """The range in which the difference lies (broker's clock - ours) by the last answer; None until there is one."""

    def __init__(self) -> None:
        self.range_s: tuple[float, float] | None = None

    def add(self, date: str | None, requested_at: float, answered_at: float) -> None:
        """Take the Date header of an answer that was created between these two times of our clock."""
        self.add_time(_seconds(date), requested_at, answered_at, resolution_s=RESOLUTION_S)

    def add_time(self, at: float | None, requested_at: float, answered_at: float, *, resolution_s: float = 0.0) -> None:
        """Take the time, by the broker's clock, of an answer that was created between these two times of our clock."""
        if at is not None:
            self.range_s = at - answered_at, at + resolution_s - requested_at

    def to_our_clock(self, at: float) -> float | None:
        """Convert a time of the broker's clock, by the difference that is proven; None until there is an answer."""
        return None if self.range_s is None else at - _towards_zero(*self.range_s)

    @property
    def seconds(self) -> float | None:
        """The difference that is proven, towards 0; None below `TOLD_ABOVE_S` and without an answer."""
        if self.range_s is None:
            return None
        nearest = _towards_zero(*self.range_s)
        return nearest if abs(nearest) > TOLD_ABOVE_S else None

    def notes(self) -> tuple[str, ...]:
        """Return the difference as a sentence, if it is worth telling."""
        seconds = self.seconds
        if seconds is None:
            return ()
        behind = "behind" if seconds < 0 else "ahead of"
        return (f"The broker's clock is {figures.duration(abs(seconds))} {behind} the clock of Signalbox.",)


def _towards_zero(low: float, high: float) -> float:
    return low if low > 0 else high if high < 0 else 0.0


def _seconds(date: str | None) -> float | None:
    try:
        parsed = email.utils.parsedate_to_datetime(date or "")
    except ValueError:
        return None
    try:
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
