"""Confirmation of readings: a second reading, different clocks, gaps, late answers, added partitions."""

import pytest

from signalbox.brokers.model import GroupState, OldestUnread
from signalbox.monitoring.model import Flow, Reason, Status, TimeLagMethod, Verdict
from signalbox.monitoring.steadiness import SteadyVerdict
from tests.unit.monitoring.readings import T0, Watched, group, positions


def test_the_verdict_after_a_too_short_history_is_accepted_at_once() -> None:
    watched = Watched()
    view = watched.read(group(positions([0], [5000])))
    assert view.verdict.status is Status.UNKNOWN
    assert view.verdict.reason is Reason.HISTORY_TOO_SHORT
    watched.tracked.add_oldest_unread([OldestUnread(destination="orders", partition=0, at=T0 - 400, exact=True)], T0)
    view = watched.read(group(positions([10], [5100])))
    assert view.verdict.status is Status.BEHIND
    assert not view.verdict.since_exact


def test_a_status_changes_on_the_second_reading() -> None:
    watched = Watched()
    watched.flow(60, settled=70, arrived=70, out=0, into=0)
    first = watched.read(group(positions([70], [70]), state=GroupState.EMPTY, members=0))
    assert first.verdict.status is Status.OK
    first_read_at = watched.now
    second = watched.read(group(positions([70], [70]), state=GroupState.EMPTY, members=0))
    assert second.verdict.status is Status.NO_MEMBERS
    assert second.verdict.since == first_read_at
    assert second.verdict.since_exact


def test_a_flickering_status_is_not_shown() -> None:
    watched = Watched()
    watched.flow(60, settled=70, arrived=70, out=0, into=0)
    for _ in range(5):
        status = watched.read(group(positions([70], [70]), state=GroupState.EMPTY, members=0)).verdict.status
        assert status is Status.OK
        assert watched.read(group(positions([70], [70]))).verdict.status is Status.OK


def test_a_timestamp_from_a_clock_ahead_of_ours_is_ignored() -> None:
    watched = Watched()
    watched.flow(60, settled=0, arrived=5000, out=10, into=100)
    before = watched.tracked.view
    watched.tracked.add_oldest_unread(
        [OldestUnread(destination="orders", partition=0, at=watched.now + 600, exact=True)], watched.now
    )
    view = watched.flow(5, settled=600, arrived=11_000, out=10, into=100)
    assert before is not None
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.method is TimeLagMethod.AT_LEAST
    assert view.flow.time_lag.seconds >= 60


def test_a_timestamp_that_our_own_readings_disprove_is_ignored() -> None:
    """A copied record has the timestamp of the original."""
    watched = Watched()
    watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
    watched.flow(40, settled=1600, arrived=1600, out=0, into=10)
    watched.tracked.add_oldest_unread(
        [OldestUnread(destination="orders", partition=0, at=watched.now - 86_400, exact=True)], watched.now
    )
    view = watched.flow(5, settled=1600, arrived=2000, out=0, into=10)
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.method is TimeLagMethod.INTERPOLATED
    assert view.flow.time_lag.seconds == pytest.approx(45, abs=6)


def test_a_timestamp_belongs_to_the_position_that_was_read_when_it_was_requested() -> None:
    """The group read on while the broker answered: the message that is a day old is read now."""
    watched = Watched()
    watched.read(group(positions([0], [5000])))
    watched.tracked.note_oldest_requested()
    watched.read(group(positions([4000], [5000])), after_s=2)
    watched.tracked.add_oldest_unread(
        [OldestUnread(destination="orders", partition=0, at=watched.now - 86_400, exact=True)], watched.now
    )
    view = watched.read(group(positions([4000], [5000])), after_s=20)
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.method is TimeLagMethod.AT_LEAST
    assert view.flow.time_lag.seconds < 30


def test_rates_are_unknown_after_a_gap() -> None:
    watched = Watched()
    watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
    view = watched.read(group(positions([1600], [9000])), after_s=600)
    assert view.flow.rate_in is None
    assert view.flow.rate_out is None


def test_a_late_answer_changes_nothing() -> None:
    watched = Watched()
    before = watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
    after = watched.read(group(positions([1200], [1300])), after_s=-20)
    assert after is before


def test_added_partitions_leave_the_history_of_the_others() -> None:
    watched = Watched()
    watched.each(12, lambda n: group(positions([1000 + 50 * n] * 2, [1000 + 50 * n] * 2)))
    view = watched.each(3, lambda n: group(positions([*[1600 + 50 * n] * 2, n], [*[1600 + 50 * n] * 2, n])))
    assert view.verdict.status is Status.OK
    rates = {row.partition: row.flow.rate_in for row in watched.tracked.partitions()}
    assert rates[0] == pytest.approx(10, rel=0.1)
    assert rates[2] == pytest.approx(0.2, rel=0.1)


def test_an_unconfirmed_reading_leaves_the_partitions_unchanged() -> None:
    watched = Watched()
    watched.each(12, lambda n: group(positions([1000 + 50 * n] * 2, [1000 + 50 * n] * 2)))
    unconfirmed = watched.read(group(positions([900, 1600, 5], [1600, 1600, 5])))
    assert [row.settled for row in watched.tracked.partitions()] == [1550, 1550]
    assert [row.partition for row in watched.tracked.partitions()] == list(unconfirmed.group.positions.partition)
    watched.read(group(positions([900, 1600, 5], [1600, 1600, 5])))
    assert {row.partition: row.settled for row in watched.tracked.partitions()} == {0: 900, 1: 1600, 2: 5}


def test_a_recreated_topic_is_not_compared_with_the_old_one() -> None:
    watched = Watched()
    watched.flow(60, settled=5000, arrived=5000, out=10, into=10)
    watched.tracked.window.forget_destination("orders")
    view = watched.flow(10, settled=0, arrived=3, out=0, into=1)
    assert view.verdict.status is not Status.REWOUND
    assert view.flow.rate_in is None or 0 <= view.flow.rate_in <= 1


@pytest.mark.parametrize("kept", [Status.BEHIND, Status.WILL_LOSE_DATA])
def test_without_lag_no_late_status_is_kept_for_the_second_reading(kept: Status) -> None:
    steady = SteadyVerdict(30.0)
    waiting, empty = Flow(lag=10, time_lag=None), Flow(lag=0, time_lag=None)
    for step in range(2):
        steady.take(Verdict(status=kept, since=T0), T0 + 5 * step, waiting)
    shown = steady.take(Verdict(status=Status.OK, since=T0 + 10), T0 + 10, empty)
    assert shown.status is Status.OK
    assert shown.before is not None
    assert shown.before.status is kept
    confirmed = steady.confirmed
    assert confirmed is not None
    assert confirmed.status is kept, "recent changes tell what two readings agree on"
