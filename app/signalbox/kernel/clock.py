"""The only place that reads the time. All other code receives a clock or a time."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Returns seconds since the epoch, UTC, with fractions."""


def system_clock() -> float:
    """Return the current time in seconds since the epoch, UTC."""
    return time.time()
