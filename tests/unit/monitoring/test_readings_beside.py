"""What one kind of reading must leave as another one found it: watched groups, recreated topics, times of old positions."""

from dataclasses import replace

import pytest

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.model import Fault, Group, GroupState, OldestUnread, Scope, Snapshot, Why
from signalbox.monitoring.errors import ReadingFailed
from signalbox.monitoring.model import Status, TimeLagMethod
from tests.unit.monitoring.readings import Watched, group, positions, snapshot, topic
from tests.unit.monitoring.test_monitor import NAME, Bench, existing, idle

DENIED = Fault(resource="group payout", why=Why.NOT_PERMITTED, detail="DESCRIBE is missing", group="payout")


def oldest(watched: Watched, age_s: float) -> None:
    """Tell that the oldest unread message has that age."""
    at = watched.now - age_s
    watched.tracked.add_oldest_unread([OldestUnread(destination="orders", partition=0, at=at, exact=True)], watched.now)


async def test_a_reading_of_watched_groups_leaves_what_only_a_sweep_tells() -> None:
    bench = Bench()
    bench.now += 5
    full = replace(snapshot(bench.now, [idle()], [topic([100] * 2)]), faults=(DENIED,), excluded=4)
    await bench.monitor.apply(NAME, full, interval_s=5.0)
    bench.now += 1
    await bench.monitor.apply(NAME, snapshot(bench.now, [idle(at=150)], scope=Scope.WATCHED), interval_s=1.0)
    view = existing(bench.monitor.connection(NAME))
    assert (view.faults, view.excluded) == ((DENIED,), 4)
    assert (view.interval_s, view.watch_interval_s) == (5.0, 1.0)
    assert existing(bench.monitor.group(NAME, "billing")).interval_s == 1.0
    bench.now += 4
    await bench.monitor.apply(NAME, snapshot(bench.now, [idle(at=170)]), interval_s=5.0)
    assert existing(bench.monitor.connection(NAME)).faults == ()


async def test_the_first_reading_of_a_recreated_topic_is_believed_and_is_no_rewind() -> None:
    bench = Bench()

    def reading(at: int, identity: str) -> Snapshot:
        bench.now += 5
        groups = [group(positions([at], [at + 10]))]
        return snapshot(bench.now, groups, [topic([at + 10], identity=identity)])

    for step in range(6):
        await bench.monitor.apply(NAME, reading(100_000 + 50 * step, "id-1"), interval_s=5.0)
    await bench.monitor.apply(NAME, reading(20, "id-2"), interval_s=5.0)
    assert existing(bench.monitor.group(NAME, "billing")).group.positions.arrived[0] == 30
    for step in range(1, 4):
        await bench.monitor.apply(NAME, reading(20 + 50 * step, "id-2"), interval_s=5.0)
    view = existing(bench.monitor.group(NAME, "billing"))
    assert view.verdict.status is Status.OK
    assert view.flow.rate_in == pytest.approx(10)


def test_a_timestamp_younger_than_our_readings_prove_is_not_measured() -> None:
    """A producer's clock ahead: its message was written 295 s ago, and says that it is 10 s old."""
    watched = Watched()
    watched.each(61, lambda step: group(positions([1000], [1000 + 10 * step])))
    oldest(watched, 10)
    view = watched.read(group(positions([1000], [1610])))
    assert view.flow.time_lag is not None
    assert view.flow.time_lag.method is TimeLagMethod.INTERPOLATED
    assert view.flow.time_lag.seconds == pytest.approx(300, abs=5)


def test_a_measured_time_counts_for_a_while_after_the_group_moved_and_no_longer() -> None:
    watched = Watched()

    def reading(step: int) -> Group:
        return group(positions([1000 + step], [90_000 + 10 * step]))

    watched.each(12, reading)
    oldest(watched, 7200)
    methods = []
    for step in range(12, 18):
        view = watched.read(reading(step))
        assert view.flow.time_lag is not None
        methods.append(view.flow.time_lag.method)
        if view.flow.time_lag.method is TimeLagMethod.MEASURED:
            assert view.flow.time_lag.seconds == pytest.approx(7200)
    assert methods == [TimeLagMethod.MEASURED] * 3 + [TimeLagMethod.AT_LEAST] * 3


def test_an_old_offset_that_is_repeated_within_a_second_is_still_old() -> None:
    """After a pause, a server reports old commits for up to half a second."""
    watched = Watched()
    watched.flow(60, settled=1000, arrived=1000, out=10, into=10)
    for pause_s in (5.0, 0.3, 0.5):
        view = watched.read(group(positions([200], [1650])), after_s=pause_s)
        assert (view.flow.lag, view.verdict.status) == (0, Status.OK)
    assert watched.read(group(positions([200], [1650])), after_s=0.5).flow.lag == 1450
    assert watched.read(group(positions([200], [1650]))).verdict.status is Status.REWOUND


def test_an_error_of_the_broker_ends_the_error_id_of_our_own_fault() -> None:
    bench = Bench()
    bench.monitor.record_failure(NAME, ReadingFailed(NAME, "ab12cd"), down=True)
    assert existing(bench.monitor.connection(NAME)).fault == "ab12cd"
    bench.monitor.record_failure(NAME, BrokerUnavailable(NAME, "Connection refused."), down=True)
    view = existing(bench.monitor.connection(NAME))
    assert (view.fault, view.error) == ("", "Connection refused.")


async def test_a_change_is_told_with_the_time_of_the_first_reading_that_showed_it() -> None:
    bench = Bench()
    for _ in range(3):
        await bench.sweep(idle())
    empty = group(positions([100] * 2, [100] * 2), state=GroupState.EMPTY, members=0)
    await bench.sweep(empty)
    first = existing(bench.monitor.group(NAME, "billing")).read_at
    assert [change.group for change in bench.monitor.changes()] == [None]
    await bench.sweep(empty)
    newest = bench.monitor.changes()[0]
    assert (newest.before, newest.after, newest.at) == (Status.OK, Status.NO_MEMBERS, first)
