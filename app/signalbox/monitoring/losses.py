"""Follows the counters of unread messages that were deleted: how many in the present episode, and when last."""

from collections.abc import Mapping
from dataclasses import dataclass

from signalbox.brokers.model import UNKNOWN
from signalbox.monitoring.columns import Column

SHOWN_S = 600.0  # how long a loss is told after the last message went
SHOWN_UNREAD_S = 24 * 3600.0  # and while the group has read nothing since


@dataclass(frozen=True, slots=True)
class Loss:
    """The messages deleted unread since the episode began, and when the last reading showed more."""

    messages: int
    at: float


class Losses:
    """The losses of one group's rows, by destination and partition."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str, int], int] = {}
        self._losses: dict[tuple[str, int], Loss] = {}
        self._rows: dict[int, tuple[str, int]] = {}

    def take(self, rows: Mapping[tuple[str, int], int], counters: Column | None, at: float) -> None:
        """Take the counters of one reading. The first one counts whole: what it tells is gone and was not read."""
        self._rows = {row: key for key, row in rows.items()} if counters is not None else {}
        for row, key in self._rows.items():
            counter, known = counters[row] if counters is not None else UNKNOWN, self._counters.get(key, 0)
            if counter in (UNKNOWN, known):
                continue
            self._counters[key] = counter
            before = self._losses.pop(key, None)
            if counter < known:  # the group was recreated
                before, known = None, 0
            if counter > known:
                lasts = before is not None and at - before.at < SHOWN_S
                self._losses[key] = Loss(counter - known + (before.messages if before is not None and lasts else 0), at)

    def rows(self) -> list[int]:
        """Return the rows that lost messages."""
        return [row for row, key in self._rows.items() if key in self._losses]

    def recent(self, row: int, moved_at: float | None, now: float) -> Loss | None:
        """Return the loss of a row while it is news: for some minutes, and until the group reads on."""
        key = self._rows.get(row)
        loss = self._losses.get(key) if key is not None else None
        if loss is None:
            return None
        unread_since = moved_at is None or moved_at <= loss.at
        return loss if now - loss.at < (SHOWN_UNREAD_S if unread_since else SHOWN_S) else None
