"""Limit the requests per client address. Per process; password attempts are counted in the database instead."""

import time
from collections import OrderedDict
from typing import Final

PER_SECOND: Final = 50.0
BURST: Final = 500.0  # pages, charts and files of several people behind one address
ADDRESSES_MAX: Final = 10_000


class RateLimiter:
    """One token bucket per address."""

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._per_second = per_second
        self._capacity = per_second * (BURST / PER_SECOND)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when that was

    def wait_s(self, address: str) -> float:
        """Count one request. Return 0 if it is allowed, else the seconds to wait."""
        now = time.monotonic()
        tokens, updated_at = self._buckets.pop(address, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - updated_at) * self._per_second)
        allowed = tokens >= 1
        self._buckets[address] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self._per_second
