"""What a group has not read: lost messages, offsets without messages, impossible offsets, and bounds of a time lag."""

from array import array
from dataclasses import replace

import pytest

from signalbox.brokers.model import UNKNOWN, Group, OldestUnread, Positions, RetentionLimits, Why
from signalbox.monitoring import words
from signalbox.monitoring.model import Reason, Status, TimeLagMethod
from tests.unit.monitoring.readings import Watched, group, positions, topic
from tests.unit.monitoring.views import text

FAR_OFFSET = 2**63 - 1


def columns(group_positions: Positions, **extra: list[int]) -> Group:
    return group(replace(group_positions, **{name: array("q", column) for name, column in extra.items()}))  # type: ignore[arg-type]  # any column by its name


def test_a_group_whose_unread_messages_were_all_deleted_lost_them() -> None:
    watched = Watched()
    view = watched.each(4, lambda _: columns(positions([10], [100], lag=[0], start=[100]), deleted=[90]))
    assert (view.verdict.status, view.verdict.reason) == (Status.WILL_LOSE_DATA, Reason.LOST_ALL)
    assert (view.verdict.lost, view.verdict.lost_at_most, view.flow.lag) == (90, True, 0)
    assert text(words.group_sentence(view, watched.now)) == "Lost data: up to 90 unread messages have been deleted."
    (row,) = watched.tracked.partitions()
    assert (row.verdict.reason, row.verdict.lost) == (Reason.LOST_ALL, 90)


def test_young_messages_do_not_hide_that_older_ones_were_deleted_unread() -> None:
    watched = Watched()
    view = watched.each(4, lambda n: columns(positions([10], [100 + n], lag=[40 + n], start=[60]), deleted=[50]))
    assert (view.verdict.status, view.verdict.lost) == (Status.WILL_LOSE_DATA, 50)


def test_a_deleted_transaction_marker_is_no_loss() -> None:
    watched = Watched()
    view = watched.each(4, lambda _: columns(positions([5], [6], lag=[0], start=[6]), deleted=[0], first_unread=[6]))
    assert (view.verdict.status, view.verdict.lost) == (Status.OK, None)
    view = watched.each(4, lambda _: columns(positions([5], [9], lag=[3], start=[6]), deleted=[0], first_unread=[6]))
    assert view.verdict.lost is None


def test_the_first_message_after_a_transaction_marker_is_as_old_as_it_was_written() -> None:
    watched = Watched()
    watched.each(60, lambda _: columns(positions([5], [6], lag=[0]), first_unread=[6]))
    view = watched.read(columns(positions([5], [7], lag=[1]), first_unread=[6]))
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.method is TimeLagMethod.INTERPOLATED
    assert view.flow.time_lag.seconds <= 5
    assert view.verdict.status is Status.OK


def test_a_time_that_is_a_lower_bound_makes_the_time_lag_at_least_this() -> None:
    watched = Watched(destinations={"orders": topic([0], retention=RetentionLimits(age_s=7200.0, policy="delete"))})
    watched.each(2, lambda _: group(positions([5], [50])))
    unread = OldestUnread(destination="orders", partition=0, at=watched.now - 3600, exact=False, at_least=True)
    watched.tracked.add_oldest_unread([unread], watched.now)
    view = watched.each(2, lambda _: group(positions([5], [50])))
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.method is TimeLagMethod.AT_LEAST
    assert view.flow.time_lag.seconds == pytest.approx(3600, abs=15)


def test_a_time_ahead_of_our_clock_is_ignored() -> None:
    watched = Watched()
    watched.each(4, lambda _: group(positions([5], [50])))
    unread = OldestUnread(destination="orders", partition=0, at=watched.now + 1, exact=True)
    watched.tracked.add_oldest_unread([unread], watched.now)
    view = watched.read(group(positions([5], [50])))
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.method is TimeLagMethod.AT_LEAST


def test_a_time_belongs_to_the_position_that_was_requested() -> None:
    watched = Watched()
    watched.each(4, lambda n: group(positions([5 + n], [50])))
    unread = OldestUnread(destination="orders", partition=0, at=watched.now - 3600, exact=True, position=7)
    watched.tracked.add_oldest_unread([unread], watched.now)
    view = watched.read(group(positions([8], [50])), after_s=16)
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.method is TimeLagMethod.AT_LEAST, "the position moved and the time is old"


@pytest.mark.parametrize("far", [FAR_OFFSET, 2**53 + 1, 51])
def test_a_commit_past_the_end_and_back_is_neither_progress_nor_a_rewind(far: int) -> None:
    watched = Watched()
    watched.each(4, lambda n: group(positions([5 + n] * 3, [50] * 3)))

    def jumped(_: int) -> Group:
        at = positions([far, far, 9], [50] * 3, lag=[UNKNOWN, UNKNOWN, 41])
        return columns(replace(at, why=(Why.BEYOND_END, Why.BEYOND_END, Why.KNOWN)), first_unread=[UNKNOWN, UNKNOWN, 9])

    view = watched.each(3, jumped)
    assert view.verdict.status is Status.PAST_END
    assert view.flow.rate_out is not None
    assert view.flow.rate_out < 1
    rows = {row.partition: row for row in watched.tracked.partitions()}
    assert (rows[0].flow.rate_out, rows[0].flow.time_lag, rows[0].settled) == (None, None, far)
    assert watched.tracked.window.totals()[1] == 5 * 3 + 3 * 3 + 1
    view = watched.each(3, lambda _: group(positions([9] * 3, [50] * 3)))
    assert view.verdict.status is not Status.REWOUND
    assert view.flow.rate_out is not None
    assert view.flow.rate_out < 1
