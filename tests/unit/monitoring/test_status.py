"""Every status, from readings that prove it and from readings that only resemble it."""

import pytest

from signalbox.brokers.model import UNKNOWN, Destination, Group, GroupState, OldestUnread, RetentionLimits, Why
from signalbox.monitoring.judge import Thresholds
from signalbox.monitoring.model import Reason, Status, TimeLag, TimeLagMethod
from tests.unit.monitoring.readings import T0, Watched, group, positions, topic

HOUR_S = 3600.0


def with_retention(age_s: float) -> dict[str, Destination]:
    return {"orders": topic([0], retention=RetentionLimits(age_s=age_s, policy="delete"))}


def steady() -> Watched:
    """Return a group that kept up for a minute: 10 messages/s in and out."""
    watched = Watched()
    watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
    return watched


def test_a_group_that_keeps_up_is_ok() -> None:
    view = Watched().flow(60, settled=90, arrived=100, out=50, into=50)
    assert view.verdict.status is Status.OK
    assert view.flow.rate_in == pytest.approx(50)
    assert view.flow.rate_out == pytest.approx(50)
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.method is TimeLagMethod.INTERPOLATED
    assert view.flow.time_lag.seconds == pytest.approx(0.2, abs=0.1)


def test_a_group_whose_lag_shrinks_is_catching_up_until_a_known_time() -> None:
    watched = Watched()
    view = watched.flow(120, settled=0, arrived=50_000, out=300, into=100)
    assert view.verdict.status is Status.CATCHING_UP
    left = (50_000 - 200 * 120) / 200
    assert view.verdict.until == pytest.approx(watched.now + left, abs=5)
    assert view.flow.caught_up_at == pytest.approx(watched.now + left, abs=5)


def test_a_group_whose_lag_grows_is_behind() -> None:
    view = Watched().flow(120, settled=0, arrived=50_000, out=90, into=100)
    assert view.verdict.status is Status.BEHIND
    assert view.verdict.until is None
    assert view.flow.caught_up_at is None


def test_a_group_with_members_and_no_commit_for_a_minute_is_stalled() -> None:
    watched = steady()
    settled = 1600
    last_moved = watched.now
    view = watched.flow(55, settled=settled, arrived=1600, out=0, into=10)
    assert view.verdict.status is not Status.STALLED
    view = watched.flow(20, settled=settled, arrived=2150, out=0, into=10)
    assert view.verdict.status is Status.STALLED
    assert view.verdict.since == pytest.approx(last_moved + 5, abs=5)
    assert view.verdict.since_exact


def test_the_first_message_after_an_idle_time_does_not_make_a_group_stalled() -> None:
    watched = Watched()
    watched.flow(600, settled=1000, arrived=1000, out=0, into=0)
    view = watched.flow(40, settled=1000, arrived=1001, out=0, into=0)
    assert view.verdict.status is not Status.STALLED


def test_thresholds_change_both_limits_of_a_group() -> None:
    slow = Watched(limits=Thresholds(ok_below_s=600, stalled_after_s=900))
    slow.flow(30, settled=1000, arrived=1000, out=10, into=10)
    view = slow.flow(300, settled=1300, arrived=1300, out=0, into=10)
    assert view.verdict.status is Status.OK
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.seconds > 250


def test_a_group_without_members_is_stopped_while_messages_wait() -> None:
    watched = steady()
    view = watched.flow(120, settled=1600, arrived=1600, out=0, into=10, state=GroupState.EMPTY, members=0)
    assert view.verdict.status is Status.STOPPED
    assert view.verdict.since_exact


def test_recent_commits_prove_a_consumer_of_an_empty_group() -> None:
    """Kafka reports a consumer that uses assign() as Empty."""
    view = Watched().flow(180, settled=0, arrived=50_000, out=100, into=200, state=GroupState.EMPTY, members=0)
    assert view.verdict.status is Status.BEHIND


def test_a_group_without_members_and_backlog_has_no_members() -> None:
    view = Watched().flow(120, settled=70, arrived=70, out=0, into=0, state=GroupState.EMPTY, members=0)
    assert view.verdict.status is Status.NO_MEMBERS


def test_a_batch_group_without_members_is_not_stopped() -> None:
    view = Watched(batch=True).flow(300, settled=1000, arrived=2000, out=0, into=10, state=GroupState.EMPTY, members=0)
    assert (view.verdict.status, view.verdict.reason) == (Status.NO_MEMBERS, Reason.BATCH)
    assert view.flow.lag == 4000


def test_a_paused_consumer_is_stopped_because_it_is_paused() -> None:
    view = Watched().flow(120, settled=10, arrived=500, out=0, into=5, state=GroupState.PAUSED, members=None)
    assert (view.verdict.status, view.verdict.reason) == (Status.STOPPED, Reason.PAUSED)


def test_a_rewind_is_confirmed_by_the_second_reading_and_shown_for_ten_minutes() -> None:
    watched = steady()
    once = watched.read(group(positions([200], [1650])))
    assert once.verdict.status is Status.OK
    assert once.flow.lag == 0, "one reading proves nothing"
    view = watched.each(3, lambda _: group(positions([200], [1650])))
    assert view.verdict.status is Status.REWOUND
    assert view.flow.lag == 1450
    view = watched.flow(580, settled=1650, arrived=1650, out=1, into=1)
    assert view.verdict.status is Status.REWOUND
    view = watched.flow(30, settled=2230, arrived=2230, out=1, into=1)
    assert view.verdict.status is Status.OK


def test_a_single_reading_with_an_old_offset_is_ignored() -> None:
    """After a pause, a server reports old commits once, with error 0."""
    watched = steady()
    watched.read(group(positions([900], [1500])))
    view = watched.flow(60, settled=1650, arrived=1650, out=10, into=10)
    assert view.verdict.status is Status.OK
    assert view.flow.rate_in == pytest.approx(10, rel=0.2)


def test_an_end_offset_that_falls_starts_a_new_log_without_a_negative_rate() -> None:
    watched = Watched()
    watched.flow(60, settled=100_000, arrived=100_000, out=100, into=100)
    view = watched.each(3, lambda step: group(positions([50 + 10 * step], [50 + 10 * step])))
    assert view.verdict.status is not Status.REWOUND
    assert view.flow.rate_in is None or view.flow.rate_in >= 0
    view = watched.flow(120, settled=80, arrived=80, out=2, into=2)
    assert view.flow.rate_in == pytest.approx(2, rel=0.2)


def test_a_reset_counter_of_a_queue_is_no_rewind() -> None:
    watched = Watched(positional=False)
    watched.flow(60, settled=5000, arrived=5000, out=10, into=10)
    view = watched.each(4, lambda step: group(positions([50 * step], [50 * step], lag=[0])))
    assert view.verdict.status is Status.OK
    assert view.flow.rate_out == pytest.approx(10)


def test_data_loss_within_a_day_is_predicted_with_its_time() -> None:
    """8 h 50 min behind with 12 h of retention; the position advances 1 min in 20."""
    watched = Watched(destinations=with_retention(12 * HOUR_S))
    behind_s, rate_in = 8 * HOUR_S + 50 * 60, 20.2
    lag = int(behind_s * rate_in)
    watched.flow(110, settled=1000, arrived=1000 + lag, out=1.0, into=rate_in)
    watched.tracked.add_oldest_unread(
        [OldestUnread(destination="orders", partition=0, at=watched.now - behind_s, exact=True)], watched.now
    )
    view = watched.flow(10, settled=1110, arrived=1000 + lag + int(110 * rate_in), out=1.0, into=rate_in)
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.method is TimeLagMethod.MEASURED
    assert (view.verdict.status, view.verdict.reason) == (Status.WILL_LOSE_DATA, Reason.BY_AGE)
    assert view.verdict.until is not None
    assert view.verdict.until - watched.now == pytest.approx(3 * HOUR_S + 20 * 60, rel=0.02)


@pytest.mark.parametrize(
    ("age_h", "out", "loses"),
    [(12, 0.0, True), (12, 19.9, False), (12, 30.0, False), (72, 0.0, False), (30, 0.0, True)],
)
def test_data_is_lost_only_if_unread_messages_reach_the_retention_time_within_a_day(
    age_h: float, out: float, loses: bool
) -> None:
    watched = Watched(destinations=with_retention(age_h * HOUR_S))
    behind_s = 8 * HOUR_S
    lag = int(behind_s * 20)
    watched.flow(60, settled=0, arrived=lag, out=out, into=20)
    oldest = OldestUnread(destination="orders", partition=0, at=watched.now - behind_s, exact=True)
    watched.tracked.add_oldest_unread([oldest], watched.now)
    view = watched.flow(15, settled=int(60 * out), arrived=lag + 1200, out=out, into=20)
    assert (view.verdict.status is Status.WILL_LOSE_DATA) is loses


def test_retention_loses_no_dead_lettered_or_compacted_messages() -> None:
    for destination in (
        topic([0], retention=RetentionLimits(age_s=60.0, policy="compact")),
        Destination(
            name="orders",
            kind="classic queue",
            identity="orders",
            partitions=None,
            retention=RetentionLimits(age_s=600.0),
            dead_letters_to="orders.dead",
        ),
    ):
        watched = Watched(destinations={"orders": destination})
        watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
        view = watched.flow(300, settled=1600, arrived=1600, out=0, into=10)
        assert view.verdict.status is Status.STALLED


def test_an_offset_before_the_log_start_has_lost_a_known_number_of_messages() -> None:
    watched = Watched()
    view = watched.each(20, lambda step: group(positions([10], [100 + step], start=[60])))
    assert (view.verdict.status, view.verdict.reason) == (Status.WILL_LOSE_DATA, Reason.LOST_ALREADY)
    assert view.verdict.lost == 50
    assert view.verdict.until is None


def test_a_stream_at_its_limit_pushes_out_unread_messages() -> None:
    limits = {"orders": topic([0], retention=RetentionLimits(messages=10_000, policy="limits"))}
    watched = Watched(destinations=limits)

    def reading(step: int) -> Group:
        end = 20_000 + step * 500
        return group(positions([25_000 + step * 50], [end + 10_000], start=[end]))

    view = watched.each(9, reading)
    assert (view.verdict.status, view.verdict.reason) == (Status.WILL_LOSE_DATA, Reason.BY_COUNT)
    assert view.verdict.until is not None
    room = (25_000 + 8 * 50) - (20_000 + 8 * 500)
    assert view.verdict.until - watched.now == pytest.approx(room / 90, rel=0.05)


def test_an_open_transaction_holds_back_a_group_without_making_it_stalled() -> None:
    watched = Watched()
    view = watched.each(30, lambda step: group(positions([103], [105 + step], lag=[2 + step], stable=[103])))
    assert view.verdict.status is Status.HELD_BACK
    assert view.verdict.since == T0
    assert not view.verdict.since_exact, "the transaction was open at the first reading"


@pytest.mark.parametrize(
    ("why", "status"),
    [
        (Why.NEVER_COMMITTED, Status.NEVER_COMMITTED),
        (Why.BEYOND_END, Status.PAST_END),
        (Why.NOT_PERMITTED, Status.NOT_PERMITTED),
        (Why.NO_LEADER, Status.UNKNOWN),
        (Why.NO_ANSWER, Status.UNKNOWN),
        (Why.NOT_REPORTED, Status.UNKNOWN),
    ],
)
def test_an_unknown_partition_is_never_ok(why: Why, status: Status) -> None:
    watched = Watched()
    view = watched.each(3, lambda n: group(positions([n, UNKNOWN], [n, n], why=[Why.KNOWN, why])))
    assert view.verdict.status is status
    assert view.verdict.why is why
    assert view.verdict.partition == 1
    assert view.flow.lag_partial


def test_a_group_without_permission_is_not_permitted() -> None:
    view = Watched().read(group(positions([], []), why=Why.NOT_PERMITTED, members=None, state=GroupState.UNKNOWN))
    assert view.verdict.status is Status.NOT_PERMITTED
    assert view.flow.lag is None


def test_a_rebalance_is_a_status_with_its_beginning() -> None:
    watched = steady()
    began = watched.now + 5
    view = watched.flow(40, settled=1600, arrived=1600, out=0, into=10, state=GroupState.REBALANCING)
    assert view.verdict.status is Status.REBALANCING
    assert view.verdict.since == began


def test_a_rebalance_without_end_is_stalled() -> None:
    watched = steady()
    view = watched.flow(400, settled=1600, arrived=1600, out=0, into=10, state=GroupState.REBALANCING)
    assert view.verdict.status is Status.STALLED


def test_a_group_has_the_most_severe_status_of_its_partitions_and_counts_them() -> None:
    watched = Watched()
    view = watched.each(40, lambda n: group(positions([1000 + 50 * n, 500, 400, 1000 + 50 * n], [1000 + 50 * n] * 4)))
    assert view.verdict.status is Status.STALLED
    assert view.verdict.partition in (1, 2)
    assert view.verdict.partitions_affected == 2
    rows = watched.tracked.partitions()
    assert watched.tracked.partitions() is rows
    assert [row.verdict.status for row in rows] == [Status.STALLED, Status.STALLED, Status.OK, Status.OK]
    assert rows[0].flow.lag == 1000 + 50 * 39 - 400
    assert {row.partition: row.member for row in rows}[0] == "settle-0"


def test_transaction_markers_before_the_end_are_no_lag() -> None:
    watched = steady()
    view = watched.each(60, lambda _: group(positions([1600], [1601], lag=[0])))
    assert view.verdict.status is Status.OK
    assert view.flow.time_lag == TimeLag(seconds=0.0, method=TimeLagMethod.INTERPOLATED)
    (row,) = watched.tracked.partitions()
    assert (row.verdict.status, row.flow.time_lag) == (Status.OK, view.flow.time_lag)
