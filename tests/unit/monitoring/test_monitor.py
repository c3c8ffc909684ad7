"""What the read model keeps, forgets and tells: feed keys only for what a page would draw anew."""

import asyncio
import gc
import time

import pytest
from pydantic import SecretStr

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.model import BrokerKind, Capability, Group, GroupState, OldestUnread, RetentionLimits, Scope, Why
from signalbox.kernel.feed import Feed, Subscription
from signalbox.monitoring import keys
from signalbox.monitoring.connection_state import ConnectionFacts
from signalbox.monitoring.model import LinkState, Reason, Status, TimeLagMethod
from signalbox.monitoring.series import Series, destination_key
from signalbox.monitoring.service import CHANGES_MAX, Monitor
from signalbox.monitoring.settings import GroupThresholds
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from tests.unit.monitoring.readings import T0, group, positions, snapshot, topic

NAME = "kafka-prod"


class Bench:
    """A monitor with a clock that the test moves, and everything it published since last asked."""

    def __init__(self, **overrides: object) -> None:
        self.now = T0
        self.feed = Feed(epoch=1)
        database = Database(DatabaseSettings(url=SecretStr("sqlite+aiosqlite:///never-opened.db")))
        self.series = Series(database, lambda: self.now, 2**20)
        limits = (GroupThresholds(groups=("kafka-prod/slow-*",), ok_below_s=500, stalled_after_s=900),)
        self.monitor = Monitor(feed=self.feed, clock=lambda: self.now, series=self.series, thresholds=limits)
        facts: dict[str, object] = {"name": NAME, "kind": BrokerKind.KAFKA, "interval_s": 5.0, "batch": ("nightly-*",)}
        self.monitor.add_connection(ConnectionFacts(**(facts | overrides)))  # type: ignore[arg-type]  # any fact by its name

    async def sweep(self, *groups: Group, ends: int | None = None, after_s: float = 5.0, **facts: object) -> None:
        self.now += after_s
        destinations = [] if ends is None else [topic([ends] * 2)]
        told = snapshot(self.now, groups, destinations, **facts)  # type: ignore[arg-type]  # any fact by its name
        await self.monitor.apply(NAME, told, interval_s=5.0)

    def watch(self, *wanted: str) -> Subscription:
        return self.feed.subscribe(wanted)


async def told(subscription: Subscription) -> set[str]:
    """Return which keys were published; empty if none was."""
    try:
        async with asyncio.timeout(0.01):
            return set(await subscription.changes())
    except TimeoutError:
        return set()


def idle(name: str = "billing", at: int = 100) -> Group:
    return group(positions([at] * 2, [at] * 2), name=name)


async def test_what_was_read_is_there_and_nothing_of_the_unknown() -> None:
    bench = Bench()
    assert bench.monitor.connection(NAME) is not None
    assert bench.monitor.groups() == ()
    await bench.sweep(idle(), ends=100)
    view = bench.monitor.group(NAME, "billing")
    assert view is not None
    assert view.flow.lag == 0
    assert len(bench.monitor.partitions(NAME, "billing")) == 2
    destination = bench.monitor.destination(NAME, "orders")
    assert destination is not None
    assert destination.consumer_groups == ("billing",)
    connection = bench.monitor.connection(NAME)
    assert connection is not None
    assert (connection.groups, connection.groups_ok, connection.destinations) == (1, 1, 1)
    for nothing in (bench.monitor.group(NAME, "x"), bench.monitor.group("x", "billing"), bench.monitor.connection("x")):
        assert nothing is None
    assert bench.monitor.partitions("x", "y") == ()
    assert bench.monitor.groups("x") == ()


async def test_absent_is_not_gone_and_gone_leaves_memory() -> None:
    bench = Bench()
    await bench.sweep(idle(), idle("mail"), ends=100)
    await bench.sweep(idle())
    view = bench.monitor.group(NAME, "mail")
    assert view is not None
    assert view.read_at < bench.now - 4
    lists = bench.watch(keys.GROUPS, keys.DESTINATIONS, keys.group(NAME, "mail"))
    await bench.sweep(idle(), gone_groups=("mail",), gone_destinations=("orders",))
    assert await told(lists) == {keys.GROUPS, keys.DESTINATIONS, keys.group(NAME, "mail")}
    assert bench.monitor.group(NAME, "mail") is None
    assert bench.monitor.destination(NAME, "orders") is None
    assert bench.feed.version(keys.group(NAME, "mail")).counter == 0
    connection = bench.monitor.connection(NAME)
    assert connection is not None
    assert (connection.groups, connection.groups_ok) == (1, 1)


async def test_an_idle_group_is_told_of_only_for_its_age() -> None:
    bench = Bench()
    for _ in range(16):
        await bench.sweep(idle())
    watched = bench.watch(keys.group(NAME, "billing"), keys.GROUPS)
    published = []
    for _ in range(12):
        await bench.sweep(idle())
        published.append(await told(watched))
    assert sum(keys.group(NAME, "billing") in each for each in published) == 6
    assert all(keys.GROUPS not in each for each in published)


async def test_a_group_that_moves_is_told_of_at_once_and_the_list_only_when_its_order_changes() -> None:
    bench = Bench()
    for step in range(20):
        await bench.sweep(idle(at=100 + step * 50))
    watched = bench.watch(keys.group(NAME, "billing"), keys.GROUPS, keys.OVERVIEW)
    await bench.sweep(idle(at=1100))
    assert await told(watched) == {keys.group(NAME, "billing"), keys.OVERVIEW}
    gone = group(positions([1100] * 2, [1100] * 2), state=GroupState.EMPTY, members=0)
    for _ in range(15):
        await bench.sweep(gone)
    assert keys.GROUPS in await told(watched)
    view = bench.monitor.group(NAME, "billing")
    assert view is not None
    assert view.verdict.status is Status.NO_MEMBERS


async def test_what_changed_is_listed_newest_first_and_bounded() -> None:
    bench = Bench()
    for _ in range(20):
        await bench.sweep(idle())
    before = len(bench.monitor.changes())
    reading, empty = idle(), group(positions([100] * 2, [100] * 2), state=GroupState.EMPTY, members=0)
    for _ in range(CHANGES_MAX):
        for told_group in (empty, empty, reading, reading):
            await bench.sweep(told_group)
    changes = bench.monitor.changes()
    assert before == 1
    assert len(changes) == CHANGES_MAX
    assert changes[0].at > changes[-1].at
    assert changes[0].after is Status.OK
    assert changes[0].before == Status.NO_MEMBERS
    assert len(bench.monitor.changes(3)) == 3


async def test_the_first_verdicts_are_no_changes() -> None:
    bench = Bench()
    late = group(positions([0] * 2, [9000] * 2), name="late")
    for step in range(20):
        await bench.sweep(idle(), group(positions([step] * 2, [9000 + step * 50] * 2), name="late"))
    assert late.name in {view.name for view in bench.monitor.groups()}
    view = bench.monitor.group(NAME, "late")
    assert view is not None
    assert view.verdict.status is Status.BEHIND
    assert [change.after for change in bench.monitor.changes()] == [LinkState.CONNECTED]


async def test_a_connection_that_fails_keeps_its_figures_and_says_why() -> None:
    bench = Bench()
    for _ in range(3):
        await bench.sweep(idle(), ends=100)
    figures = bench.monitor.group(NAME, "billing")
    links = bench.watch(keys.connection(NAME), keys.CONNECTIONS, keys.OVERVIEW)
    error = BrokerUnavailable(NAME, "Connection refused by kafka-1:9092.", "Start it.")
    bench.monitor.record_failure(NAME, error, down=True, next_attempt_at=bench.now + 2)
    bench.monitor.record_failure(NAME, error, down=True, next_attempt_at=bench.now + 4)
    view = bench.monitor.connection(NAME)
    assert view is not None
    assert (view.link, view.error, view.hint, view.attempts) == (LinkState.DOWN, error.problem, "Start it.", 2)
    assert view.groups_ok == 0
    assert view.groups == 1
    assert bench.monitor.group(NAME, "billing") is figures
    assert await told(links) == {keys.connection(NAME), keys.CONNECTIONS, keys.OVERVIEW}
    await bench.sweep(idle())
    view = bench.monitor.connection(NAME)
    assert view is not None
    assert (view.link, view.error, view.attempts, view.groups_ok) == (LinkState.CONNECTED, "", 0, 1)
    assert [change.after for change in bench.monitor.changes()] == [
        LinkState.CONNECTED,
        LinkState.DOWN,
        LinkState.CONNECTED,
    ]


async def test_an_answer_older_than_three_intervals_is_stale() -> None:
    bench = Bench()
    await bench.sweep(idle())
    bench.now += 14
    bench.monitor.update_staleness(NAME)
    view = bench.monitor.connection(NAME)
    assert view is not None
    assert view.link is LinkState.CONNECTED
    bench.now += 2
    bench.monitor.update_staleness(NAME)
    view = bench.monitor.connection(NAME)
    assert view is not None
    assert view.link is LinkState.STALE
    assert view.since == bench.now


async def test_the_watch_tier_is_a_reading_like_any_other_and_an_older_sweep_does_not_undo_it() -> None:
    bench = Bench()
    await bench.sweep(idle(at=100))
    newer = group(positions([140] * 2, [150] * 2))
    await bench.sweep(newer, after_s=1.0, scope=Scope.WATCHED)
    older = snapshot(bench.now - 0.5, [idle(at=120)])
    await bench.monitor.apply(NAME, older, interval_s=5.0)
    view = bench.monitor.group(NAME, "billing")
    assert view is not None
    assert view.flow.lag == 20


async def test_patterns_of_the_configuration_are_followed() -> None:
    bench = Bench()
    for step in range(70):
        settled, end = [1000] * 2, [1000 + step * 10] * 2
        await bench.sweep(
            group(positions(settled, end), name="slow-export"),
            group(positions(settled, end), name="fast"),
            group(positions(settled, end), name="nightly-1", state=GroupState.EMPTY, members=0),
        )
    statuses = {view.name: view.verdict.status for view in bench.monitor.groups()}
    assert statuses == {"slow-export": Status.OK, "fast": Status.STALLED, "nightly-1": Status.NO_MEMBERS}


async def test_a_destination_says_who_loses_first() -> None:
    bench = Bench(capabilities=frozenset((Capability.TIME_LAG,)))
    kept = RetentionLimits(age_s=43_200.0, policy="delete")
    for step in range(20):
        bench.now += 5
        ends = [600_000 + step * 100] * 2
        stalled = group(positions([10, 10], ends), name="payments")
        fine = group(positions(ends, ends), name="tax")
        told_now = snapshot(bench.now, [stalled, fine], [topic(ends, retention=kept)])
        await bench.monitor.apply(NAME, told_now, interval_s=5.0)
        oldest = OldestUnread(destination="orders", partition=1, at=bench.now - 40_000, exact=True)
        bench.monitor.add_oldest_unread(NAME, {"payments": [oldest], "unknown": [oldest]})
    view = bench.monitor.destination(NAME, "orders")
    assert view is not None
    assert view.verdict.status is Status.WILL_LOSE_DATA
    assert view.loses_at == pytest.approx(bench.now + 3200, abs=60)
    assert view.consumer_groups == ("payments", "tax")
    assert view.rate_in == pytest.approx(40, rel=0.1)
    assert bench.monitor.partition_rates(NAME, "orders") == {
        0: pytest.approx(20, rel=0.1),
        1: pytest.approx(20, rel=0.1),
    }
    reader = bench.monitor.group(NAME, "payments")
    assert reader is not None
    assert reader.verdict.reason is Reason.BY_AGE
    assert reader.flow.time_lag is not None
    assert reader.flow.time_lag.method is TimeLagMethod.MEASURED


@pytest.mark.parametrize(
    ("ends", "facts", "reason"),
    [
        ([100, 100], {"in_sync": 2}, Reason.UNDER_REPLICATED),
        ([100, 100], {"why": (Why.NO_LEADER, Why.KNOWN)}, Reason.NO_LEADER),
        ([100, 100], {}, None),
    ],
)
async def test_a_destination_that_is_not_well(ends: list[int], facts: dict[str, object], reason: Reason | None) -> None:
    bench = Bench()
    for _ in range(3):
        bench.now += 5
        told_now = snapshot(bench.now, [], [topic(ends, **facts)])  # type: ignore[arg-type]  # any fact by its name
        await bench.monitor.apply(NAME, told_now, interval_s=5.0)
    view = bench.monitor.destination(NAME, "orders")
    assert view is not None
    assert view.verdict.reason is reason
    assert view.verdict.status is (Status.OK if reason is None else Status.BEHIND)


async def test_one_partition_that_takes_most_is_hot() -> None:
    bench = Bench()
    for step in range(10):
        bench.now += 5
        ends = [100 * step, 100 * step, 1000 * step]
        await bench.monitor.apply(NAME, snapshot(bench.now, [], [topic(ends)]), interval_s=5.0)
    view = bench.monitor.destination(NAME, "orders")
    assert view is not None
    assert (view.verdict.reason, view.verdict.partition) == (Reason.HOT, 2)


async def test_readings_reach_the_history() -> None:
    bench = Bench()
    for step in range(4):
        await bench.sweep(group(positions([step * 10] * 2, [step * 10 + 5] * 2)), ends=step * 10 + 5)
    kept = bench.series.recent(NAME, "billing")
    assert kept is not None
    assert list(kept.lag)[-4:] == [10, 10, 10, 10]  # before them stands the gap of the start
    assert list(kept.settled)[-4:] == [0, 20, 40, 60]
    assert list(kept.arrived)[-4:] == [10, 30, 50, 70]
    topic_kept = bench.series.recent(NAME, destination_key("orders"))
    assert topic_kept is not None
    assert list(topic_kept.arrived)[-4:] == [10, 30, 50, 70]


async def test_a_reading_of_a_connection_that_is_not_open_is_dropped() -> None:
    bench = Bench()
    await bench.monitor.apply("elsewhere", snapshot(bench.now, [idle()]), interval_s=5.0)
    assert bench.monitor.groups() == ()


async def test_a_clock_that_is_set_back_freezes_nothing() -> None:
    bench = Bench()
    subscription = bench.watch(keys.group(NAME, "billing"), keys.destination(NAME, "orders"))
    for step in range(8):
        if step == 4:
            await told(subscription)
            bench.now -= 3600
        await bench.sweep(group(positions([step * 10], [step * 10 + 5])), ends=step * 10 + 5)
    view, destination = bench.monitor.group(NAME, "billing"), bench.monitor.destination(NAME, "orders")
    assert view is not None
    assert destination is not None
    assert view.read_at == destination.read_at == pytest.approx(bench.now, abs=1)
    assert (view.flow.rate_in, destination.rate_in) == pytest.approx((2, 4), rel=0.1)
    assert await told(subscription) == subscription.keys
    assert bench.monitor.connections()[0].groups_ok == 1
    bench.now += 16
    bench.monitor.update_staleness(NAME)
    assert bench.monitor.connections()[0].link is LinkState.STALE


async def test_a_large_reading_is_taken_in_slices() -> None:
    bench = Bench()
    groups = [group(positions([n] * 50, [n + 3] * 50), name=f"g{n}") for n in range(400)]
    longest, last, running = 0.0, time.thread_time(), True

    async def beat() -> None:
        nonlocal longest, last
        while running:
            await asyncio.sleep(0)
            now = time.thread_time()  # of this thread: a busy machine is not our stall
            longest, last = max(longest, now - last), now

    gc.disable()  # a collection of all that the test run holds takes 50 ms by itself
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(beat())
            for _ in range(3):
                await bench.sweep(*groups)
            running = False
    finally:
        gc.enable()
    assert len(bench.monitor.groups()) == 400
    assert longest < 0.03
