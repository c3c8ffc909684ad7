"""History on real databases: samples come back, and times without samples stay gaps."""

import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import text

from signalbox.monitoring import series as module
from signalbox.monitoring.series import Series, destination_key
from signalbox.monitoring.store import HistoryStore
from signalbox.storage.engine import Database
from tests.support.history import BUDGET, START, Time, feed, known, saved, until
from tests.support.waiting import eventually

StartSeries = Callable[[], Awaitable[Series]]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def start_series(database: Database, time: Time) -> AsyncIterator[StartSeries]:
    """Starts a `Series` that saves and packs everything at each turn; a second call is a restart."""
    started: list[Series] = []

    async def start() -> Series:
        for series in started:
            await series.stop()
        started.append(Series(database, time, BUDGET, flush_s=0.02, pack_s=0.02))
        await started[-1].start()
        assert await started[-1].wait_restored(10)
        return started[-1]

    yield start
    for series in started:
        await series.stop()


async def test_samples_survive_a_restart_and_the_downtime_is_a_gap(start_series: StartSeries, time: Time) -> None:
    series = await start_series()
    feed(series, time, 2400)
    await saved(series, time)
    before, spark = await series.points("prod", "payments", 3600), series.spark("prod", "payments")
    assert len(known(before)) == 480

    series = await start_series()
    again = await series.points("prod", "payments", 3600)
    assert known(again) == known(before)
    assert set(again.rate_in) == {None, 20.0}
    assert set(again.rate_out) == {None, 15.0}
    assert known(series.spark("prod", "payments"))[:-2] == known(spark)[:-2]
    time.now += 200
    feed(series, time, 300)
    chart = await series.points("prod", "payments", 3600)
    gap = [row for row, at in enumerate(chart.at) if START + 2401 < at < START + 2600]
    assert gap
    assert all(chart.lag[row] is None and chart.rate_in[row] is None for row in gap)
    assert chart.rate_in[gap[-1] + 1] is None
    assert set(chart.rate_in) == {None, 20.0}
    assert None in series.spark("prod", "payments").lag[1:]


async def test_raw_samples_of_the_last_minutes_survive_a_restart(database: Database, time: Time) -> None:
    series = Series(database, time, BUDGET, flush_s=0.02)  # packed every ten minutes: this reads the journal
    await series.start()
    assert await series.wait_restored(10)
    feed(series, time, 1800)
    await series.stop()
    again = Series(database, time, BUDGET, flush_s=0.02)
    await again.start()
    assert await again.wait_restored(10)
    before, after = series.recent("prod", "payments"), again.recent("prod", "payments")
    assert before == after
    assert after is not None
    assert after.lag[-1] == 100_000 + 5 * 1800
    assert again.spark("prod", "payments") == series.spark("prod", "payments")
    await again.stop()


async def test_long_windows_come_from_disk_with_the_same_totals(start_series: StartSeries, time: Time) -> None:
    series = await start_series()
    for _ in range(10):
        feed(series, time, 3600)
        await saved(series, time)
    feed(series, time, 60)
    assert len(series.recent("prod", "payments") or ()) < 200  # memory has 15 minutes
    for window, rows in (
        (900, 180),
        (3600, 720),
        (6 * 3600, 1080),
        (12 * 3600, 601),
        (30 * 3600, 400),
        (28 * 86400, 18),
    ):
        chart = await series.points("prod", "payments", window)
        assert rows * 0.9 <= len(known(chart)) <= rows * 1.1 + 1, window
        assert {rate and round(rate, 6) for rate in chart.rate_in} == {None, 20.0}, window
        assert chart.lag[-1] == 100_000 + 5 * 36_060
        assert max(chart.at) == pytest.approx(time.now, abs=1)
        assert chart.at[0] >= time.now - window - chart.step_s


async def test_a_chart_gets_only_the_rows_it_lacks(start_series: StartSeries, time: Time) -> None:
    series = await start_series()
    feed(series, time, 600)
    chart = await series.points("prod", "payments", 900)
    feed(series, time, 30)
    more = await series.points("prod", "payments", 900, since=chart.at[-1])
    assert [round(at - START) for at in more.at] == [605, 610, 615, 620, 625, 630]
    assert set(more.rate_in) == {20.0}
    assert more.step_s == chart.step_s
    assert (await series.points("prod", "payments", 900, since=more.at[-1])).at == []


async def test_unknown_figures_and_a_reset_stay_gaps_on_disk(start_series: StartSeries, time: Time) -> None:
    series = await start_series()
    feed(series, time, 1200)
    for _ in range(60):
        time.now += 5
        series.add("prod", "payments", time.now, lag=None, arrived=None, settled=None, interval_s=5)
    middle = time.now
    for count in range(240):  # the topic was recreated
        time.now += 5
        series.add("prod", "payments", time.now, lag=3, arrived=10 * count, settled=10 * count, interval_s=5)
    await saved(series, time)
    series = await start_series()
    for window in (3600, 12 * 3600, 36 * 3600):
        chart = await series.points("prod", "payments", window)
        gap = [lag for at, lag in zip(chart.at, chart.lag, strict=True) if middle - 270 < at < middle]
        assert gap or window > 3600
        assert not any(gap)
        assert {rate and round(rate, 6) for rate in chart.rate_in} == {None, 20.0, 2.0}


async def test_partitions_and_hostile_names_have_separate_histories(start_series: StartSeries, time: Time) -> None:
    names = [
        "",
        "a/b",
        "a%2Fb",
        "'; DROP TABLE series; --",
        "<script>",
        "\u202eevil",
        "🚦" * 62,
        "x" * 32_000,
        "nul\0in",
        "\u00e9",
        "e\u0301",
    ]
    subjects: list[tuple[str, tuple[str, int] | None]] = [(name, None) for name in names]
    subjects += [(name, (other, index)) for name, other, index in itertools.product(names, names, (0, 1))]
    subjects += [(destination_key(name), None) for name in names]
    series = await start_series()
    for tick in range(3):
        time.now += 5
        for number, (name, partition) in enumerate(subjects):
            lag = number * 10 + tick
            series.add("prod", name, time.now, lag=lag, arrived=None, settled=None, interval_s=5, partition=partition)
    await saved(series, time)
    series = await start_series()
    for number, (name, partition) in enumerate(subjects):
        chart = await series.points("prod", name, 900, partition)
        assert [lag for _, lag in known(chart)] == [number * 10 + tick for tick in range(3)], (name[:20], partition)
    assert series.usage().series == 2 * len(names)  # partitions return when they are read again


async def test_a_clock_that_is_set_back_neither_stops_nor_mixes_history(start_series: StartSeries, time: Time) -> None:
    series = await start_series()
    feed(series, time, 2400)
    await saved(series, time)
    time.now -= 1000
    wrong = time.now
    for count in range(120):
        time.now += 5
        series.add("prod", "payments", time.now, lag=7, arrived=9_000_000 + count, settled=None, interval_s=5)
    await saved(series, time)
    for each in (series, await start_series()):
        chart = await each.points("prod", "payments", 3600)
        assert chart.at == sorted(set(chart.at))
        assert chart.at[-1] == pytest.approx(time.now, abs=1)
        assert {lag for at, lag in known(chart) if at >= wrong + 5} == {7}
        assert {rate and round(rate, 6) for rate in chart.rate_in} == {None, 20.0, 0.2}


async def test_a_damaged_hour_is_left_out_logged_once_and_counted(
    start_series: StartSeries, time: Time, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    series = await start_series()
    for _ in range(6):
        feed(series, time, 1800)
        await saved(series, time)
    await series.stop()
    hour = int(START // 3600) + 1
    async with database.begin() as connection:
        await connection.execute(
            text("UPDATE history SET data = :data WHERE hour = :hour"), {"data": b"\x01rubbish", "hour": hour}
        )
    series = await start_series()
    with caplog.at_level(logging.WARNING):
        await series.points("prod", "payments", 4 * 3600)
        chart = await series.points("prod", "payments", 4 * 3600)
    inside = [lag for at, lag in zip(chart.at, chart.lag, strict=True) if at // 3600 == hour]
    assert not any(inside)
    assert len(known(chart)) > 100
    assert series.usage().unreadable == len([m for m in caplog.messages if "left out" in m]) > 0


async def test_over_the_budget_the_finest_and_oldest_hours_are_deleted_first(database: Database, time: Time) -> None:
    wide = Series(database, time, BUDGET, flush_s=0.02, pack_s=0.02)
    await wide.start()
    for _ in range(8):
        feed(wide, time, 3600)
        await saved(wide, time)
    await wide.stop()
    before = await _bytes_by_hour(database)
    assert {resolution for resolution, _ in before} == {0, 30, 60}

    hour = int(time.now // 3600)
    coarse = sum(size for (resolution, then), size in before.items() if resolution > 0 or then == hour)
    budget = coarse - 1  # no raw samples, and one hour of 30 s less
    tight = Series(database, time, budget, flush_s=0.02, pack_s=0.02)
    await tight.start()
    await until(lambda: 0 < (tight.usage().bytes or 0) <= budget)
    await tight.stop()
    left = set(await _bytes_by_hour(database))
    oldest = min(then for resolution, then in before if resolution == 30)
    assert left == {place for place in before if place[0] > 0 or place[1] == hour} - {(30, oldest)}


async def test_expired_hours_are_deleted(
    start_series: StartSeries, time: Time, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRUNE_S", 0.1)
    series = await start_series()
    feed(series, time, 3600)
    await saved(series, time)
    time.now += 8 * 3600
    await start_series()
    await resolutions_become(database, {30, 60})
    time.now += 7 * 86400
    await start_series()
    await resolutions_become(database, {60})
    time.now += 28 * 86400
    await start_series()
    await resolutions_become(database, set())


async def test_a_deleted_group_leaves_memory_and_keeps_its_history(start_series: StartSeries, time: Time) -> None:
    series = await start_series()
    feed(series, time, 600)
    feed(series, time, 600, name="orders")
    series.forget("prod", {"payments"})
    await until(lambda: series.usage().series == 1)
    assert series.spark("prod", "payments").at == []
    assert len(known(await series.points("prod", "payments", 3600))) == 120
    feed(series, time, 60)
    chart = await series.points("prod", "payments", 3600)
    assert len(known(chart)) == 132
    assert set(chart.rate_in) == {None, 20.0}


async def test_series_above_the_memory_limit_are_refused_and_counted(
    start_series: StartSeries, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SERIES_MAX", 10)
    monkeypatch.setattr(module, "PARTITION_SERIES_MAX", 4)
    series = await start_series()
    subjects: list[tuple[str, tuple[str, int] | None]] = [("group", ("orders", index)) for index in range(7)]
    for name, partition in [*subjects, *((f"group {index}", None) for index in range(9))]:
        series.add("prod", name, time.now, lag=1, arrived=2, settled=1, interval_s=5, partition=partition)
    usage = series.usage()
    assert (usage.series, usage.refused) == (10, 6)


async def _bytes_by_hour(database: Database) -> dict[tuple[int, int], int]:
    return await HistoryStore(database).byte_totals()


async def resolutions_become(database: Database, expected: set[int]) -> None:
    async def check() -> None:
        assert {resolution for resolution, _ in await _bytes_by_hour(database)} == expected

    await eventually(check)


async def test_impossible_figures_are_unknown(start_series: StartSeries, time: Time) -> None:
    series = await start_series()
    for lag in (-5, 2**63, 2**200):
        time.now += 5
        series.add("prod", "payments", time.now, lag=lag, arrived=-1, settled=None, interval_s=5)
    await saved(series, time)
    assert not known(await series.points("prod", "payments", 900))
