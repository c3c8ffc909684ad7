"""A group is as its worst partition is: which one that is, when it ends, and whose history is kept."""

import pytest

from signalbox.brokers.model import Group, OldestUnread, RetentionLimits
from signalbox.monitoring.model import Status
from tests.unit.monitoring.readings import Watched, group, positions, topic

HOUR_S = 3600.0
LIMITS = RetentionLimits(age_s=12 * HOUR_S, policy="delete")


def losing(ages_h: tuple[float, ...]) -> Watched:
    """Return a group without progress whose oldest unread messages have these ages; after 12 h they are deleted."""
    rows = range(len(ages_h))
    watched = Watched(destinations={"orders": topic([0 for _ in rows], retention=LIMITS)})

    def reading(step: int) -> Group:
        return group(positions([1000 for _ in rows], [90_000 + 10 * step for _ in rows]))

    watched.each(12, reading)
    oldest = [
        OldestUnread(destination="orders", partition=row, at=watched.now - ages_h[row] * HOUR_S, exact=True)
        for row in rows
    ]
    watched.tracked.add_oldest_unread(oldest, watched.now)
    for step in range(12, 15):
        watched.read(reading(step))
    return watched


@pytest.mark.parametrize(("ages_h", "worst"), [((5.0, 9.0, 7.0), 1), ((11.0, 5.0, 6.0), 0), ((6.0, 7.0, 8.0), 2)])
def test_the_first_partition_to_lose_data_is_named_with_its_time(ages_h: tuple[float, ...], worst: int) -> None:
    watched = losing(ages_h)
    view = watched.tracked.view
    assert view is not None
    assert (view.verdict.status, view.verdict.partition) == (Status.WILL_LOSE_DATA, worst)
    assert view.verdict.until is not None
    assert view.verdict.until - watched.now == pytest.approx((12 - max(ages_h)) * HOUR_S, abs=60)
    by_urgency = sorted(range(len(ages_h)), key=lambda row: -ages_h[row])
    assert [row.partition for row in watched.tracked.partitions()] == by_urgency


def catching_up() -> Watched:
    """Return a group whose partitions 0 and 1 catch up in some 900 s and 100 s."""
    watched = Watched()

    def reading(step: int) -> Group:
        ends = [50_000 + 500 * step] * 2
        slow = 20_000 + (500 + 150) * step
        fast = 50_000 - 18_000 + (500 + 500) * step
        return group(positions([slow, fast], ends))

    watched.each(20, reading)
    return watched


def test_a_group_has_caught_up_with_its_slowest_partition() -> None:
    watched = catching_up()
    view = watched.tracked.view
    assert view is not None
    assert (view.verdict.status, view.verdict.partitions_affected) == (Status.CATCHING_UP, 2)
    left = (30_000 - 150 * 19) / 30
    assert view.verdict.until is not None
    assert view.verdict.until - watched.now == pytest.approx(left, abs=10)
    ends = sorted(row.verdict.until - watched.now for row in watched.tracked.partitions() if row.verdict.until)
    assert ends == pytest.approx([(18_000 - 500 * 19) / 100, left], abs=10)


def test_the_history_of_the_worst_partition_has_its_own_figures() -> None:
    watched = Watched()
    watched.each(40, lambda step: group(positions([1000 + 50 * step, 500, 1000 + 50 * step], [1000 + 50 * step] * 3)))
    end = 1000 + 50 * 39
    assert watched.tracked.worst_partition() == (("orders", 1), end - 500, end, 500)
