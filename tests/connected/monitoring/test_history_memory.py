"""Which series stay in memory, and which leave it once they are on disk."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from signalbox.brokers.model import BrokerKind
from signalbox.kernel.feed import Feed
from signalbox.monitoring import series as module
from signalbox.monitoring.archive import IDLE_MS
from signalbox.monitoring.connection_state import ConnectionFacts
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.storage.engine import Database
from tests.support.database import migrated_sqlite, settings
from tests.support.history import BUDGET, Time, feed, saved, until
from tests.support.snapshots import group, snapshot, topic


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def series(tmp_path: Path, time: Time) -> AsyncIterator[Series]:
    """History that saves and packs everything at each turn."""
    database = Database(settings(migrated_sqlite(tmp_path)))
    started = Series(database, time, BUDGET, flush_s=0.02, pack_s=0.02)
    await started.start()
    assert await started.wait_restored(10)
    yield started
    await started.stop()
    await database.close()


async def test_a_gone_group_and_its_destination_leave_memory(series: Series, time: Time) -> None:
    monitor = Monitor(feed=Feed(epoch=1), clock=time, series=series)
    monitor.add_connection(ConnectionFacts(name="prod", kind=BrokerKind.KAFKA, interval_s=5.0))
    for _ in range(3):
        time.now += 5
        groups = [group("billing", (0,), ends=(1000,)), group("mail", (0,), ends=(1000,), destination="mails")]
        await monitor.apply("prod", snapshot(time.now, groups, [topic("orders"), topic("mails")]), interval_s=5.0)
    assert series.usage().series == 4
    time.now += 5
    left = snapshot(time.now, [group("billing", (0,), ends=(1000,))], [topic("orders")])
    left = replace(left, gone_groups=frozenset({"mail"}), gone_destinations=frozenset({"mails"}))
    await monitor.apply("prod", left, interval_s=5.0)
    await until(lambda: series.usage().series == 2)
    assert series.spark("prod", "billing").at


async def test_a_group_that_returns_before_the_save_stays(series: Series, time: Time) -> None:
    feed(series, time, 60)
    series.forget("prod", {"payments"})
    feed(series, time, 60)
    await saved(series, time)
    await saved(series, time)
    assert len(series.spark("prod", "payments").at) > 2


async def test_a_series_that_is_no_longer_read_leaves_memory_after_an_hour(series: Series, time: Time) -> None:
    feed(series, time, 60, name="left")
    await saved(series, time)
    time.now += IDLE_MS / 1000 - 10
    feed(series, time, 5)
    await saved(series, time)
    assert series.usage().series == 2
    feed(series, time, 20)
    await until(lambda: series.usage().series == 1)
    assert series.spark("prod", "payments").at


async def test_partitions_that_left_make_room_for_others(
    series: Series, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PARTITION_SERIES_MAX", 4)
    for name in ("first", "second", "third"):
        for index in range(4):
            partition = ("orders", index)
            series.add("prod", name, time.now, lag=1, arrived=2, settled=1, interval_s=5, partition=partition)
        assert (series.usage().series, series.usage().refused) == (4, 0)
        series.forget("prod", {name})
        await until(lambda: series.usage().series == 0)
        time.now += 5


async def test_a_sparkline_has_an_hour_however_long_history_is(series: Series, time: Time) -> None:
    for _ in range(3):
        feed(series, time, 1800)
        await saved(series, time)
    spark = series.spark("prod", "payments")
    assert 3540 <= spark.at[-1] - spark.at[0] <= 3700
