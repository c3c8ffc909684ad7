"""What is known about the contents of partitions' logs: where they hold no messages although they hold offsets.

Transaction markers and the messages of aborted transactions take offsets. A written offset never changes, so this stays true.
"""

from dataclasses import dataclass, field

from signalbox.brokers.model import UNKNOWN

RANGES_MAX = 16  # of one partition, the newest: groups stand at a few positions only


@dataclass(slots=True, eq=False)
class LogContents:
    """By slot of the partition table."""

    probed: dict[int, int] = field(default_factory=dict)  # slot -> the (stable) end at the last look at its last batch
    marker_tails: set[int] = field(default_factory=set)  # slots whose last batch, when probed, was a transaction marker
    _empty: dict[int, list[tuple[int, int]]] = field(
        default_factory=dict
    )  # slot -> ranges without messages: first, until
    _message_at: dict[int, int] = field(default_factory=dict)  # slot -> the last offset that is known to hold a message

    def forget(self, slot: int) -> None:
        """Forget a partition whose log was truncated."""
        self.probed.pop(slot, None)
        self.marker_tails.discard(slot)
        self._empty.pop(slot, None)
        self._message_at.pop(slot, None)

    def add_empty(self, slot: int, first: int, until: int) -> bool:
        """Record that there are no messages from `first` up to, not including, `until`; return if that was unknown."""
        ranges = self._empty.get(slot, [])
        if first >= until or any(low <= first and until <= high for low, high in ranges):
            return False
        apart = [(low, high) for low, high in ranges if high < first or until < low]
        touching = [(low, high) for low, high in ranges if not (high < first or until < low)]
        joined = (min([first, *(low for low, _ in touching)]), max([until, *(high for _, high in touching)]))
        self._empty[slot] = sorted([*apart, joined])[-RANGES_MAX:]
        return True

    def add_message(self, slot: int, offset: int) -> None:
        """Record that there is a message at `offset`, or before it in the same batch."""
        self._message_at[slot] = max(offset, self._message_at.get(slot, UNKNOWN))

    def first_unread(self, slot: int, position: int) -> int:
        """Return the first offset from `position` on that may hold a message."""
        return next((until for first, until in self._empty.get(slot, ()) if first <= position < until), position)

    def is_decided(self, slot: int, position: int, end: int) -> bool:
        """Return whether it is known if there is a message from `position` to `end`."""
        return position <= self._message_at.get(slot, UNKNOWN) or self.first_unread(slot, position) >= end
