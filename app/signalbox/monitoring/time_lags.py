"""The time lag of a row, from our readings and from the time of its oldest unread message; and of a group. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from signalbox.monitoring.confirmation import choose_time_lag
from signalbox.monitoring.model import TimeLag, TimeLagMethod

CLOCKS_DIFFER_S = 5.0  # how far a message's timestamp may lie outside of what our readings prove


@dataclass(frozen=True, slots=True)
class OldestMessage:
    """The timestamp of the oldest unread message of one row, and the position it belongs to."""

    position: int
    at: float
    exact: bool
    requested_at: float
    not_after: float | None = None  # see OldestUnread
    at_least: bool = False  # see OldestUnread

    def time_lag(self, as_of: float) -> TimeLag:
        seconds = max(0.0, as_of - self.at)
        if self.at_least:
            return TimeLag(seconds=seconds, method=TimeLagMethod.AT_LEAST)
        least = 0.0 if self.not_after is None else min(seconds, max(0.0, as_of - self.not_after))
        if not self.exact and least < seconds:
            return TimeLag(seconds=seconds, method=TimeLagMethod.AT_MOST, at_least=least)
        return TimeLag(seconds=seconds, method=TimeLagMethod.MEASURED)


def row_time_lag(
    own: TimeLag, oldest: OldestMessage, *, position: int, now: float, ages: tuple[float, float], stale_s: float
) -> TimeLag | None:
    """Return the time lag of a row with a known oldest message.

    Args:
        own: by our readings.
        oldest: the message.
        position: the first offset that the group has not read now.
        now: the time of the last reading.
        ages: how old, in seconds, our readings allow that message to be.
        stale_s: for how long the message tells something after the position has moved.
    """
    if oldest.position == position:
        bounds = ages[0] - CLOCKS_DIFFER_S, ages[1] + CLOCKS_DIFFER_S
        return _both_bounds(own, choose_time_lag(own, oldest.time_lag(now), bounds))
    if now - oldest.requested_at > stale_s or own.method is TimeLagMethod.INTERPOLATED:
        return own
    return choose_time_lag(own, oldest.time_lag(oldest.requested_at), None)


def _both_bounds(own: TimeLag, chosen: TimeLag | None) -> TimeLag | None:
    """Of two lower bounds, the higher one holds; our own readings are better than any bound."""
    if chosen is None or chosen is own or chosen.method is not TimeLagMethod.AT_LEAST:
        return chosen
    return own if own.method is not TimeLagMethod.AT_LEAST or own.seconds > chosen.seconds else chosen


def group_time_lag(rows: Iterable[TimeLag], *, complete: bool) -> TimeLag | None:
    """Return the time lag of a group, that of its worst row.

    Args:
        rows: the time lags of its rows, as far as they are known.
        complete: whether no other row can be worse. Otherwise the time lag is a minimum.
    """
    known = list(rows)
    least = max((row.lower_bound for row in known), default=0.0)
    if not complete or any(row.method is TimeLagMethod.AT_LEAST for row in known):
        return TimeLag(seconds=least, method=TimeLagMethod.AT_LEAST) if least > 0 else None
    worst = max(known, key=lambda row: (row.seconds, row.method is not TimeLagMethod.AT_MOST), default=None)
    if worst is None or worst.method is not TimeLagMethod.AT_MOST or least == worst.at_least:
        return worst
    return TimeLag(seconds=worst.seconds, method=TimeLagMethod.AT_MOST, at_least=least)
