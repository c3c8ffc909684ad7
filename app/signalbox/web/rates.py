"""How many requests an address may send. Per process; guessing passwords is counted elsewhere, over all replicas."""

import time
from collections import OrderedDict
from typing import Final

PER_SECOND: Final = 50.0
AT_ONCE: Final = 500.0  # a page, its charts and its files, for some people behind one address
ADDRESSES_MAX: Final = 10_000


class Rates:
    """A bucket of tokens per address, filled again by time."""

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._per_second = per_second
        self._most = per_second * (AT_ONCE / PER_SECOND)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when that was

    def wait_s(self, address: str) -> float:
        """Count one request; return 0, or for how long this address is to wait."""
        now = time.monotonic()
        left, at = self._left.pop(address, (self._most, now))
        left = min(self._most, left + (now - at) * self._per_second)
        allowed = left >= 1
        self._left[address] = (left - 1 if allowed else left, now)
        if len(self._left) > ADDRESSES_MAX:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._per_second
