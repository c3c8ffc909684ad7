"""How far the broker's clock differs from ours, by the Date of its answers. Every age is measured by our own clock."""

import email.utils
from datetime import UTC

TOLD_ABOVE_S = 5.0
RESOLUTION_S = 2.0  # a Date has whole seconds, and the server renews it once a second


class ClockSkew:
    """The range in which the difference lies (broker's clock - ours) by the last answer; None until there is one."""

    def __init__(self) -> None:
        self.range_s: tuple[float, float] | None = None

    def add(self, date: str | None, requested_at: float, answered_at: float) -> None:
        """Take the Date of an answer that was created between these two times of our clock."""
        at = _seconds(date)
        if at is not None:
            self.range_s = at - answered_at, at + RESOLUTION_S - requested_at

    @property
    def seconds(self) -> float | None:
        """The difference that is proven, towards 0; None below `TOLD_ABOVE_S` and without a Date."""
        if self.range_s is None:
            return None
        low, high = self.range_s
        nearest = low if low > 0 else high if high < 0 else 0.0
        return nearest if abs(nearest) > TOLD_ABOVE_S else None


def _seconds(date: str | None) -> float | None:
    try:
        parsed = email.utils.parsedate_to_datetime(date or "")
    except ValueError:
        return None
    try:
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
