"""What a group has not read: lost messages, offsets without messages, impossible offsets, and bounds of a time lag."""

from array import array
from collections.abc import Mapping
from dataclasses import replace

import pytest

from signalbox.brokers.model import UNKNOWN, BrokerKind, Group, Member, OldestUnread, Positions, RetentionLimits, Why
from signalbox.commands.lag import _row
from signalbox.monitoring import words
from signalbox.monitoring.group_tracker import JUDGED_ROWS_MAX
from signalbox.monitoring.model import Reason, Status, TimeLag, TimeLagMethod
from signalbox.monitoring.time_lags import group_time_lag
from tests.unit.monitoring.readings import T0, Watched, group, positions, snapshot, topic
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


def assigned(view_group: Group, *members: Mapping[str, tuple[int, ...]] | None, at: float = 0.0) -> Group:
    """Return the group with these assignments, read at a time."""
    listed = tuple(Member(id=f"m{n}", client="c", host="h", assigned=held) for n, held in enumerate(members))
    return replace(view_group, members=listed, member_count=len(listed), members_at=at)


def test_a_partition_that_no_member_holds_is_judged_without_members() -> None:
    watched = Watched()
    view = watched.each(
        3,
        lambda n: assigned(group(positions([50 + n, 4], [50 + n, 16])), {"orders": (0,)}, {}, at=watched.now + 5),
    )
    assert (view.verdict.status, view.verdict.reason) == (Status.STOPPED, Reason.UNASSIGNED)
    assert (view.verdict.partition, view.verdict.partitions_affected) == (1, 1)
    sentence = text(words.group_sentence(view, watched.now))
    assert sentence.startswith("No member is assigned to partition 1 of orders, no progress for ")
    assert sentence.endswith(" 12 messages are waiting there.")
    rows = {row.partition: row for row in watched.tracked.partitions()}
    assert (rows[0].verdict.status, rows[1].verdict.status) == (Status.OK, Status.STOPPED)
    reason = text(words.partition_reason(rows[1], BrokerKind.KAFKA, watched.now))
    assert reason == "No member is assigned to this partition."


def test_the_first_reading_says_that_no_member_is_assigned() -> None:
    watched = Watched()
    view = watched.read(assigned(group(positions([4], [16])), {"new-topic": (0,)}, at=watched.now + 1))
    assert view.verdict.status is Status.NO_MEMBERS
    assert text(words.group_sentence(view, watched.now)) == (
        "No member is assigned to orders. 12 messages are waiting there."
    )


def test_an_unread_assignment_leaves_no_partition_without_a_member() -> None:
    watched = Watched()
    view = watched.each(
        4, lambda _: assigned(group(positions([9, 4], [9, 16])), {"orders": (0,)}, None, at=watched.now + 5)
    )
    assert view.verdict.status is not Status.STOPPED
    view = watched.each(4, lambda _: assigned(group(positions([9, 4], [9, 16])), {"orders": (0,)}, at=1.0))
    assert view.verdict.status is not Status.STOPPED, "the members were read before the partition stood still"


def test_commits_prove_a_consumer_of_a_partition_that_no_member_holds() -> None:
    watched = Watched()
    view = watched.each(
        20,
        lambda n: assigned(group(positions([50, 4 + n], [50, 900])), {"orders": (0,)}, at=watched.now + 6),
    )
    assert view.verdict.status is not Status.STOPPED


def lag_of(seconds: float, method: TimeLagMethod, at_least: float = 0.0) -> TimeLag:
    return TimeLag(seconds=seconds, method=method, at_least=at_least)


LEAST, MOST, MEASURED = TimeLagMethod.AT_LEAST, TimeLagMethod.AT_MOST, TimeLagMethod.MEASURED


@pytest.mark.parametrize(
    ("rows", "complete", "expected"),
    [
        ([lag_of(300, MEASURED), lag_of(10, MEASURED)], True, lag_of(300, MEASURED)),
        ([lag_of(300, MEASURED), lag_of(60, LEAST)], True, lag_of(300, LEAST)),
        ([lag_of(300, MEASURED)], False, lag_of(300, LEAST)),
        ([lag_of(300, MEASURED), lag_of(900, MOST)], True, lag_of(900, MOST, 300)),
        ([lag_of(300, MEASURED), lag_of(100, MOST)], True, lag_of(300, MEASURED)),
        ([lag_of(900, MOST), lag_of(60, LEAST)], True, lag_of(60, LEAST)),
        ([lag_of(900, MOST, 20)], False, lag_of(20, LEAST)),
        ([lag_of(900, MOST)], False, None),
        ([], False, None),
    ],
)
def test_the_time_lag_of_a_group_is_no_better_known_than_that_of_its_rows(
    rows: list[TimeLag], complete: bool, expected: TimeLag | None
) -> None:
    found = group_time_lag(rows, complete=complete)
    assert found == expected
    assert found is None or expected is None or found.at_least == expected.at_least


def test_one_partition_that_was_not_measured_makes_the_time_lag_at_least_this() -> None:
    watched = Watched()
    watched.each(4, lambda _: group(positions([5] * 6, [50] * 6)))
    times = [
        OldestUnread(destination="orders", partition=row, at=watched.now - 600, exact=True, position=5)
        for row in range(5)
    ]
    watched.tracked.add_oldest_unread(times, watched.now)
    view = watched.read(group(positions([5] * 6, [50] * 6)))
    assert view.flow.time_lag == TimeLag(seconds=605.0, method=TimeLagMethod.AT_LEAST)
    quiet = OldestUnread(destination="orders", partition=5, at=watched.now - 259_200, exact=True, position=5)
    watched.tracked.add_oldest_unread([quiet], watched.now)
    view = watched.read(group(positions([5] * 6, [50] * 6)))
    assert view.flow.time_lag == TimeLag(seconds=259_205.0, method=TimeLagMethod.MEASURED)


def test_an_old_message_on_a_quiet_partition_is_lost_soon_beside_many_busy_ones() -> None:
    rows = JUDGED_ROWS_MAX + 20
    retention = RetentionLimits(age_s=259_200.0 + 3600, policy="delete")
    watched = Watched(destinations={"orders": topic([0] * rows, retention=retention)})
    at = positions([5] * rows, [50] * (rows - 1) + [6])
    watched.each(8, lambda _: group(at))
    quiet = OldestUnread(destination="orders", partition=rows - 1, at=watched.now - 259_200, exact=True, position=5)
    watched.tracked.add_oldest_unread([quiet], watched.now)
    view = watched.each(2, lambda _: group(at))
    assert (view.verdict.status, view.verdict.partition) == (Status.WILL_LOSE_DATA, rows - 1)
    assert view.verdict.until == pytest.approx(watched.now + 3590, abs=15)


def test_an_unknown_row_beside_rows_without_lag_leaves_no_time_lag_of_zero() -> None:
    at = positions([FAR_OFFSET, 50], [50, 50], lag=[UNKNOWN, 0], why=[Why.BEYOND_END, Why.KNOWN])
    view = Watched().each(3, lambda _: columns(at, first_unread=[UNKNOWN, 50]))
    assert (view.flow.lag, view.flow.lag_partial, view.flow.time_lag) == (0, True, None)


def test_the_lag_command_has_no_rate_from_a_commit_past_the_end() -> None:
    before = group(positions([5, 5], [50, 50]))
    at = positions([FAR_OFFSET, 8], [56, 50], lag=[UNKNOWN, 42], why=[Why.BEYOND_END, Why.KNOWN])
    row = _row("kafka-prod", group(at), snapshot(T0 + 6, [group(at)]), snapshot(T0, [before]))
    assert (row.rate_in, row.rate_out, row.lag, row.lag_partial) == (1.0, 0.5, 42, True)


def measured_rows(watched: Watched, rows: int, age_s: float) -> None:
    """Take the time of the oldest unread message of the first rows, at position 5."""
    times = [
        OldestUnread(destination="orders", partition=row, at=watched.now - age_s, exact=True, position=5)
        for row in range(rows)
    ]
    watched.tracked.add_oldest_unread(times, watched.now)


def test_an_unknown_partition_makes_the_time_lag_at_least_that_of_the_others() -> None:
    at = positions([5, FAR_OFFSET], [50, 50], lag=[45, UNKNOWN], why=[Why.KNOWN, Why.BEYOND_END])
    reading, watched = columns(at, first_unread=[5, UNKNOWN]), Watched()
    watched.each(3, lambda _: reading)
    measured_rows(watched, 1, 600)
    assert watched.read(reading).flow.time_lag == TimeLag(seconds=605.0, method=TimeLagMethod.AT_LEAST)


def test_partitions_beyond_those_judged_count_for_how_well_the_time_lag_is_known() -> None:
    rows = JUDGED_ROWS_MAX + 20
    reading, watched = group(positions([5] * rows, [50] * JUDGED_ROWS_MAX + [6] * 20)), Watched()
    watched.each(3, lambda _: reading)
    measured_rows(watched, JUDGED_ROWS_MAX, 600)
    assert watched.read(reading).flow.time_lag == TimeLag(seconds=605.0, method=TimeLagMethod.AT_LEAST)
    measured_rows(watched, rows, 600)
    assert watched.read(reading).flow.time_lag == TimeLag(seconds=605.0, method=TimeLagMethod.MEASURED)
