"""How often each rule masked something in the last 24 hours: in memory, of this process only."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from signalbox.kernel.clock import Clock

HOURS: Final = 24
HOUR_S: Final = 3600


class HitCounter:
    """Counts in hourly buckets and sums the last 24: between 23 and 24 hours."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hours: deque[tuple[int, Counter[str]]] = deque(maxlen=HOURS)
        self.since = clock()  # epoch seconds; nothing is known from before

    def add(self, hits: Mapping[str, int]) -> None:
        hour = int(self._clock() // HOUR_S)
        if not self._hours or self._hours[-1][0] < hour:
            self._hours.append((hour, Counter()))
        self._hours[-1][1].update(hits)

    def counts(self) -> Counter[str]:
        """Return the counts by rule name."""
        oldest = int(self._clock() // HOUR_S) - HOURS
        total: Counter[str] = Counter()
        for hour, counted in self._hours:
            if hour > oldest:
                total.update(counted)
        return total
