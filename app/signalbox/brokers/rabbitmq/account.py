"""The account of one queue: what its counters prove about arrivals and removals.

The broker takes each counter at a moment of its own, up to `SPREAD_S` before the answer. A bound therefore combines three
readings in the order that makes it safe; at rest both bounds meet.
"""

from typing import NamedTuple

import msgspec

SPREAD_S = 10.0  # statistics are taken every 5 s; those of an idle classic queue are up to 9 s old
READINGS_MAX = 12
INCOMPLETE_S = 600.0  # how long one uncounted arrival makes the counter of arrivals a minimum


class Reading(msgspec.Struct, frozen=True, gc=False):
    """The counters of one answer, since the start of the node or its statistics.

    Without garbage collection: 10,000 new ones that replace old ones would make Python's youngest generation large.
    """

    at: float  # when the answer was requested
    published: int | None  # None: the broker counts no arrivals
    settled: int
    delivered: int  # first deliveries
    ready: int
    depth: int  # all messages in the queue
    consumers: int


class Bounds(NamedTuple):
    """How many messages left the queue: between `low` and `high`, both from the same unknown start."""

    low: int
    high: int


class QueueAccount:
    """Takes readings. `arrived` and `removed_unread` only grow until the broker's counters begin again."""

    __slots__ = (
        "_base_removed",
        "_base_unread",
        "_incomplete_until",
        "_lost_before",
        "_offset",
        "_readings",
        "_removed_low",
        "_shrunk",
        "arrived",
        "complete",
        "removed",
        "removed_unread",
    )

    def __init__(self) -> None:
        self._readings: list[Reading] = []
        self._incomplete_until = 0.0
        self._offset = 0  # from the broker's counter
        self._shrunk = 0  # a fall that the last reading left open
        self._removed_low: int | None = None
        self._base_removed: int | None = None  # the most that had been removed at some time,
        self._base_unread = 0  # and removed unread at that time
        self._lost_before = 0
        self.arrived = 0
        self.complete = True  # False: the broker does not count all arrivals, so `arrived` is a minimum
        self.removed: int | None = None  # all that left without an acknowledgement; known at rest only
        self.removed_unread = 0  # left before any delivery, since the first reading: a minimum

    def add(self, reading: Reading, *, loses: bool) -> None:
        """Take the next reading; `loses`: a message that leaves the queue unread is lost, not dead-lettered."""
        before = self._readings[-1] if self._readings else None
        if before is not None and (before.published is None) is not (reading.published is None):
            self._forget_bounds()  # not comparable: a policy changed what is counted, or the first counted message came
            self._incomplete_until = reading.at + INCOMPLETE_S
        elif before is not None and _began_again(before, reading):
            self._forget_bounds()
            self._offset, self._shrunk, self._incomplete_until = 0, 0, 0.0
            self.arrived, self.complete, before = 0, True, None
        self._append(reading)
        self._compare(loses=loses)
        self.arrived = self._count(before, reading)

    def _append(self, reading: Reading) -> None:
        """Keep the reading instead of the last one, if that is close to the one before it and has the same consumers."""
        if len(self._readings) > 1:
            earlier, last = self._readings[-2:]
            if last.at - earlier.at < SPREAD_S / 4 and last.consumers == earlier.consumers:
                self._readings.pop()
        self._readings.append(reading)
        del self._readings[:-READINGS_MAX]

    def _count(self, before: Reading | None, now: Reading) -> int:
        """Return the arrivals: the broker's counter, or else what settled and waiting messages prove."""
        was_complete, self.complete = self.complete, now.published is not None and now.at >= self._incomplete_until
        if before is None:
            return now.settled + now.depth if now.published is None else now.published
        if self.complete and now.published is not None:
            if not was_complete:
                self._offset = self.arrived - now.published
            return max(self.arrived, now.published + self._offset)
        settled = now.settled - before.settled
        grown = now.depth - before.depth + settled
        if grown >= 0 or not settled:
            grown, self._shrunk = max(grown + self._shrunk, 0), 0
        else:  # both counters move, so one of them may be older than the other: the next reading decides
            grown, self._shrunk = 0, grown if not self._shrunk else 0
        return self.arrived + grown

    def _forget_bounds(self) -> None:
        self._readings, self._removed_low, self._base_removed, self.removed = [], None, None, None
        self._lost_before = self.removed_unread

    def _compare(self, *, loses: bool) -> None:
        last = self._readings[-1]
        middle = _at_most(self._readings, last.at - SPREAD_S)
        first = None if middle is None else _at_most(self._readings, middle.at - SPREAD_S)
        if middle is None or first is None:
            return
        before, after = first.published or 0, last.published or 0
        removed = Bounds(before - middle.depth - last.settled, after - middle.depth - first.settled)
        unread = Bounds(before - middle.ready - last.delivered, after - middle.ready - first.delivered)
        self.removed = removed.low if removed.low == removed.high else None
        if self._removed_low is not None and removed.high < self._removed_low:  # more is there than was counted
            self._incomplete_until, self._removed_low, self._base_removed = last.at + INCOMPLETE_S, None, None
        self._removed_low = removed.low if self._removed_low is None else max(removed.low, self._removed_low)
        if not loses or self._base_removed is None or not self._same_consumers(first.at):
            self._base_removed, self._base_unread, self._lost_before = removed.high, unread.high, self.removed_unread
            return
        lost = min(removed.low - self._base_removed, unread.low - self._base_unread)
        self.removed_unread = max(self.removed_unread, self._lost_before + lost)

    def _same_consumers(self, since: float) -> bool:
        """Return whether the same number consumed all the time: the broker may drop the counters of closed channels.

        Consumers whose deliveries were never counted use a protocol that the broker does not count.
        """
        last = self._readings[-1]
        same = all(each.consumers == last.consumers for each in self._readings if each.at >= since)
        return same and (last.consumers == 0 or last.delivered > 0)


def _began_again(before: Reading, now: Reading) -> bool:
    fell = now.settled < before.settled or now.delivered < before.delivered
    return fell or (now.published or 0) < (before.published or 0)


def _at_most(readings: list[Reading], at: float) -> Reading | None:
    """Return the last reading of that time or earlier."""
    return next((reading for reading in reversed(readings) if reading.at <= at), None)
