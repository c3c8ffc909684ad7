"""The one place that reads the time. Everything else is handed a clock or a time."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since the epoch, UTC, with fractions."""


def system_clock() -> float:
    """Return the time now, in seconds since the epoch, UTC."""
    return time.time()
