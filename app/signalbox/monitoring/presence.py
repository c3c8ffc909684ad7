"""Whether a group has consumers, and since when: by its members, its state, or commits of consumers that are not listed."""

from collections.abc import Iterable

from signalbox.brokers.model import Group, GroupState, Member

UNLISTED_AFTER_S = 10.0  # commits that end with the last member are still counted for a while
UNLISTED_INTERVALS = 2
BEFORE = 0.0  # it was so at the first reading


class Presence:
    """Follows the consumers of one group from reading to reading. Times are those of the readings."""

    def __init__(self) -> None:
        self.absent_since: float | None = None  # the first reading without consumers, after one with them
        self._first_at: float | None = None
        self._empty_since: float | None = None  # the first reading in a row that lists no consumer
        self._listed_before = False
        self._present: bool | None = None
        self._present_since = BEFORE
        self._members: tuple[Member, ...] | None = None
        self._joined: dict[str, float] = {}

    def unlisted_commit_at(self, group: Group, moved_at: float | None, at: float, interval_s: float) -> float | None:
        """Return when commits last proved a consumer that the broker does not list, such as one that uses assign()."""
        if self._first_at is None:
            self._first_at = at
        if _lists_consumers(group) is not False:
            self._empty_since, self._listed_before = None, True
            return moved_at
        if self._empty_since is None:
            self._empty_since = at
        if group.member_count is None:  # nobody pulls at the moment: who just settled messages may pull again
            return moved_at if moved_at == at else None
        left = max(UNLISTED_AFTER_S, UNLISTED_INTERVALS * interval_s) if self._listed_before else 0.0
        return moved_at if moved_at is not None and moved_at > self._empty_since + left else None

    def follow(self, group: Group, at: float, *, present: bool | None) -> None:
        """Take whether the group has consumers at this reading."""
        began = BEFORE if self._first_at == at else at
        if present and not self._present:
            self._present_since = began
        if present is False and self._present is not False:
            self.absent_since = None if began == BEFORE else at
        elif present is not False:
            self.absent_since = None
        self._present = present
        if group.members is not None and group.members is not self._members:
            self._members = group.members
            self._joined = {member.id: self._joined.get(member.id, began) for member in group.members}

    @property
    def members_joined(self) -> bool:
        """Whether a present member joined after the first reading."""
        return any(self._joined.values())

    def consumer_since(self, owners: Iterable[str]) -> float:
        """Return since when one of these members may read; of a queue, whose messages any member may get: all of them."""
        joined = [self._joined[owner] for owner in owners if owner in self._joined] or self._joined.values()
        return max(self._present_since, min(joined, default=BEFORE))


def _lists_consumers(group: Group) -> bool | None:
    if group.member_count is not None:
        return group.member_count > 0
    if group.state in (GroupState.ACTIVE, GroupState.REBALANCING):
        return True
    return False if group.state is GroupState.EMPTY else None
