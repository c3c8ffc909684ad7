"""The read model: what it keeps, what it forgets, and which feed keys it publishes."""

import asyncio
import gc
import time
from typing import TypeVar

import pytest
from pydantic import SecretStr

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.model import BrokerKind, Capability, Group, GroupState, OldestUnread, RetentionLimits, Scope, Why
from signalbox.kernel.feed import Feed, Subscription
from signalbox.monitoring import keys, read_model
from signalbox.monitoring.connection_state import ConnectionFacts
from signalbox.monitoring.model import LinkState, Reason, Status, TimeLagMethod
from signalbox.monitoring.series import Series, destination_key
from signalbox.monitoring.service import CHANGES_MAX, Monitor
from signalbox.monitoring.settings import GroupThresholds
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from tests.unit.monitoring.readings import T0, group, positions, snapshot, topic

NAME = "kafka-prod"
T = TypeVar("T")


class Bench:
    """A monitor with a clock that the test sets."""

    def __init__(self, **overrides: object) -> None:
        self.now = T0
        self.feed = Feed(epoch=1)
        database = Database(DatabaseSettings(url=SecretStr("sqlite+aiosqlite:///never-opened.db")))
        self.series = Series(database, lambda: self.now, 2**20)
        limits = (GroupThresholds(groups=("kafka-prod/slow-*",), ok_below_s=500, stalled_after_s=900),)
        self.monitor = Monitor(feed=self.feed, clock=lambda: self.now, series=self.series, thresholds=limits)
        facts: dict[str, object] = {"name": NAME, "kind": BrokerKind.KAFKA, "interval_s": 5.0, "batch": ("nightly-*",)}
        self.monitor.add_connection(ConnectionFacts(**(facts | overrides)))  # type: ignore[arg-type]  # any field by its name

    async def sweep(self, *groups: Group, ends: int | None = None, after_s: float = 5.0, **facts: object) -> None:
        self.now += after_s
        destinations = [] if ends is None else [topic([ends] * 2)]
        reading = snapshot(self.now, groups, destinations, **facts)  # type: ignore[arg-type]  # any field by its name
        await self.monitor.apply(NAME, reading, interval_s=5.0)

    def watch(self, *feed_keys: str) -> Subscription:
        return self.feed.subscribe(feed_keys)


def existing(view: T | None) -> T:
    assert view is not None
    return view


async def published_keys(subscription: Subscription) -> set[str]:
    """Return the keys published since the last call."""
    try:
        async with asyncio.timeout(0.01):
            return set(await subscription.changes())
    except TimeoutError:
        return set()


def idle(name: str = "billing", at: int = 100) -> Group:
    return group(positions([at] * 2, [at] * 2), name=name)


async def test_a_snapshot_fills_the_views_and_unknown_names_have_none() -> None:
    bench = Bench()
    assert bench.monitor.connection(NAME) is not None
    assert bench.monitor.groups() == ()
    await bench.sweep(idle(), ends=100)
    view = existing(bench.monitor.group(NAME, "billing"))
    assert view.flow.lag == 0
    assert len(bench.monitor.partitions(NAME, "billing")) == 2
    destination = existing(bench.monitor.destination(NAME, "orders"))
    assert destination.consumer_groups == ("billing",)
    connection = existing(bench.monitor.connection(NAME))
    assert (connection.groups, connection.groups_ok, connection.destinations) == (1, 1, 1)
    for nothing in (bench.monitor.group(NAME, "x"), bench.monitor.group("x", "billing"), bench.monitor.connection("x")):
        assert nothing is None
    assert bench.monitor.partitions("x", "y") == ()
    assert bench.monitor.groups("x") == ()


async def test_absent_groups_stay_and_deleted_groups_leave_memory() -> None:
    bench = Bench()
    await bench.sweep(idle(), idle("mail"), ends=100)
    await bench.sweep(idle())
    view = existing(bench.monitor.group(NAME, "mail"))
    assert view.read_at < bench.now - 4
    lists = bench.watch(keys.GROUPS, keys.DESTINATIONS, keys.group(NAME, "mail"))
    await bench.sweep(idle(), gone_groups=("mail",), gone_destinations=("orders",))
    assert await published_keys(lists) == {keys.GROUPS, keys.DESTINATIONS, keys.group(NAME, "mail")}
    assert bench.monitor.group(NAME, "mail") is None
    assert bench.monitor.destination(NAME, "orders") is None
    assert bench.feed.version(keys.group(NAME, "mail")) == bench.feed.latest(), "a page that was away is out of date"
    connection = existing(bench.monitor.connection(NAME))
    assert (connection.groups, connection.groups_ok) == (1, 1)


async def test_an_idle_group_is_published_only_for_its_age() -> None:
    bench = Bench()
    for _ in range(16):
        await bench.sweep(idle())
    watched = bench.watch(keys.group(NAME, "billing"), keys.GROUPS)
    published = []
    for _ in range(12):
        await bench.sweep(idle())
        published.append(await published_keys(watched))
    assert sum(keys.group(NAME, "billing") in each for each in published) == 6
    assert all(keys.GROUPS not in each for each in published)


async def test_a_changed_group_is_published_at_once_and_the_list_only_if_a_status_changes() -> None:
    bench = Bench()
    for step in range(20):
        await bench.sweep(idle(at=100 + step * 50))
    watched = bench.watch(keys.group(NAME, "billing"), keys.GROUPS, keys.OVERVIEW)
    await bench.sweep(idle(at=1100))
    assert await published_keys(watched) == {keys.group(NAME, "billing"), keys.OVERVIEW}
    gone = group(positions([1100] * 2, [1100] * 2), state=GroupState.EMPTY, members=0)
    for _ in range(15):
        await bench.sweep(gone)
    assert keys.GROUPS in await published_keys(watched)
    view = existing(bench.monitor.group(NAME, "billing"))
    assert view.verdict.status is Status.NO_MEMBERS


async def test_changes_are_listed_newest_first_and_bounded() -> None:
    bench = Bench()
    for _ in range(20):
        await bench.sweep(idle())
    before = len(bench.monitor.changes())
    reading, empty = idle(), group(positions([100] * 2, [100] * 2), state=GroupState.EMPTY, members=0)
    for _ in range(CHANGES_MAX):
        for next_group in (empty, empty, reading, reading):
            await bench.sweep(next_group)
    changes = bench.monitor.changes()
    assert before == 1
    assert len(changes) == CHANGES_MAX
    assert changes[0].at > changes[-1].at
    assert changes[0].after is Status.OK
    assert changes[0].before == Status.NO_MEMBERS
    assert len(bench.monitor.changes(3)) == 3


async def test_first_verdicts_are_no_changes() -> None:
    bench = Bench()
    late = group(positions([0] * 2, [9000] * 2), name="late")
    for step in range(20):
        await bench.sweep(idle(), group(positions([step] * 2, [9000 + step * 50] * 2), name="late"))
    assert late.name in {view.name for view in bench.monitor.groups()}
    view = existing(bench.monitor.group(NAME, "late"))
    assert view.verdict.status is Status.BEHIND
    assert [change.after for change in bench.monitor.changes()] == [LinkState.CONNECTED]


async def test_a_failed_connection_keeps_its_figures_and_has_the_error() -> None:
    bench = Bench()
    for _ in range(3):
        await bench.sweep(idle(), ends=100)
    figures = bench.monitor.group(NAME, "billing")
    links = bench.watch(keys.connection(NAME), keys.CONNECTIONS, keys.OVERVIEW)
    error = BrokerUnavailable(NAME, "Connection refused by kafka-1:9092.", "Start it.")
    bench.monitor.record_failure(NAME, error, down=True, next_attempt_at=bench.now + 2)
    bench.monitor.record_failure(NAME, error, down=True, next_attempt_at=bench.now + 4)
    view = existing(bench.monitor.connection(NAME))
    assert (view.link, view.error, view.hint, view.attempts) == (LinkState.DOWN, error.problem, "Start it.", 2)
    assert view.groups_ok == 0
    assert view.groups == 1
    assert bench.monitor.group(NAME, "billing") is figures
    assert await published_keys(links) == {keys.connection(NAME), keys.CONNECTIONS, keys.OVERVIEW}
    await bench.sweep(idle())
    view = existing(bench.monitor.connection(NAME))
    assert (view.link, view.error, view.attempts, view.groups_ok) == (LinkState.CONNECTED, "", 0, 1)
    states = [change.after for change in bench.monitor.changes()]
    assert states == [LinkState.CONNECTED, LinkState.DOWN, LinkState.CONNECTED]


async def test_a_connection_without_an_answer_for_three_intervals_is_stale() -> None:
    bench = Bench()
    await bench.sweep(idle())
    bench.now += 14
    bench.monitor.update_staleness(NAME)
    view = existing(bench.monitor.connection(NAME))
    assert view.link is LinkState.CONNECTED
    bench.now += 2
    bench.monitor.update_staleness(NAME)
    view = existing(bench.monitor.connection(NAME))
    assert view.link is LinkState.STALE
    assert view.since == bench.now


async def test_an_older_sweep_does_not_overwrite_a_newer_watched_reading() -> None:
    bench = Bench()
    await bench.sweep(idle(at=100))
    newer = group(positions([140] * 2, [150] * 2))
    await bench.sweep(newer, after_s=1.0, scope=Scope.WATCHED)
    older = snapshot(bench.now - 0.5, [idle(at=120)])
    await bench.monitor.apply(NAME, older, interval_s=5.0)
    view = existing(bench.monitor.group(NAME, "billing"))
    assert view.flow.lag == 20


async def test_patterns_of_the_configuration_apply() -> None:
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


async def test_a_destination_has_the_time_of_the_first_data_loss() -> None:
    bench = Bench(capabilities=frozenset((Capability.TIME_LAG,)))
    samples = RetentionLimits(age_s=43_200.0, policy="delete")
    for step in range(20):
        bench.now += 5
        ends = [600_000 + step * 100] * 2
        stalled = group(positions([10, 10], ends), name="payments")
        fine = group(positions(ends, ends), name="tax")
        reading = snapshot(bench.now, [stalled, fine], [topic(ends, retention=samples)])
        await bench.monitor.apply(NAME, reading, interval_s=5.0)
        oldest = OldestUnread(destination="orders", partition=1, at=bench.now - 40_000, exact=True)
        younger = OldestUnread(destination="orders", partition=0, at=bench.now - 30_000, exact=True)
        bench.monitor.add_oldest_unread(NAME, {"payments": [younger, oldest], "unknown": [oldest]})
    view = existing(bench.monitor.destination(NAME, "orders"))
    assert view.verdict.status is Status.WILL_LOSE_DATA
    assert view.loses_at == pytest.approx(bench.now + 3200, abs=60)
    assert view.consumer_groups == ("payments", "tax")
    assert view.rate_in == pytest.approx(40, rel=0.1)
    assert bench.monitor.partition_rates(NAME, "orders") == pytest.approx({0: 20, 1: 20}, rel=0.1)
    reader = existing(bench.monitor.group(NAME, "payments"))
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
async def test_the_problems_of_a_destination(ends: list[int], facts: dict[str, object], reason: Reason | None) -> None:
    bench = Bench()
    for _ in range(3):
        bench.now += 5
        reading = snapshot(bench.now, [], [topic(ends, **facts)])  # type: ignore[arg-type]  # any field by its name
        await bench.monitor.apply(NAME, reading, interval_s=5.0)
    view = existing(bench.monitor.destination(NAME, "orders"))
    assert view.verdict.reason is reason
    assert view.verdict.status is (Status.OK if reason is None else Status.BEHIND)


async def test_a_partition_with_most_of_the_messages_is_hot() -> None:
    bench = Bench()
    for step in range(10):
        bench.now += 5
        ends = [100 * step, 100 * step, 1000 * step]
        await bench.monitor.apply(NAME, snapshot(bench.now, [], [topic(ends)]), interval_s=5.0)
    view = existing(bench.monitor.destination(NAME, "orders"))
    assert (view.verdict.reason, view.verdict.partition) == (Reason.HOT, 2)


async def test_readings_are_added_to_history() -> None:
    bench = Bench()
    for step in range(4):
        await bench.sweep(group(positions([step * 10] * 2, [step * 10 + 5] * 2)), ends=step * 10 + 5)
    samples = bench.series.recent(NAME, "billing")
    assert samples is not None
    assert list(samples.lag)[-4:] == [10, 10, 10, 10]  # after the gap of the start
    assert list(samples.settled)[-4:] == [0, 20, 40, 60]
    assert list(samples.arrived)[-4:] == [10, 30, 50, 70]
    topic_samples = bench.series.recent(NAME, destination_key("orders"))
    assert topic_samples is not None
    assert list(topic_samples.arrived)[-4:] == [10, 30, 50, 70]


async def test_a_snapshot_of_an_unknown_connection_is_dropped() -> None:
    bench = Bench()
    await bench.monitor.apply("elsewhere", snapshot(bench.now, [idle()]), interval_s=5.0)
    assert bench.monitor.groups() == ()


async def test_monitoring_goes_on_after_the_clock_was_set_back() -> None:
    bench = Bench()
    subscription = bench.watch(keys.group(NAME, "billing"), keys.destination(NAME, "orders"))
    for step in range(8):
        if step == 4:
            await published_keys(subscription)
            bench.now -= 3600
        await bench.sweep(group(positions([step * 10], [step * 10 + 5])), ends=step * 10 + 5)
    view, destination = (
        existing(bench.monitor.group(NAME, "billing")),
        existing(bench.monitor.destination(NAME, "orders")),
    )
    assert view.read_at == destination.read_at == pytest.approx(bench.now, abs=1)
    assert (view.flow.rate_in, destination.rate_in) == pytest.approx((2, 4), rel=0.1)
    assert await published_keys(subscription) == subscription.keys
    assert bench.monitor.connections()[0].groups_ok == 1
    bench.now += 16
    bench.monitor.update_staleness(NAME)
    assert bench.monitor.connections()[0].link is LinkState.STALE


async def test_what_changed_in_every_slice_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_model, "SLICE_S", 0.0)
    bench = Bench()
    names = [f"g{number}" for number in range(30)]
    watched = bench.watch(keys.GROUPS, keys.OVERVIEW, keys.DESTINATIONS, *(keys.group(NAME, name) for name in names))
    await bench.sweep(*(idle(name) for name in names), ends=100)
    assert await published_keys(watched) == watched.keys


async def test_a_large_snapshot_is_applied_in_slices() -> None:
    bench = Bench()
    groups = [group(positions([n] * 50, [n + 3] * 50), name=f"g{n}") for n in range(400)]
    longest, last, running = 0.0, time.thread_time(), True

    async def beat() -> None:
        nonlocal longest, last
        while running:
            await asyncio.sleep(0)
            now = time.thread_time()  # of this thread: other processes do not count
            longest, last = max(longest, now - last), now

    gc.disable()  # a full collection in a test run takes 50 ms
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
