"""History on real databases: what was read comes back, and what was not read stays a gap."""

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

Begin = Callable[[], Awaitable[Series]]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def begin(database: Database, time: Time) -> AsyncIterator[Begin]:
    """Starts a `Series` that saves and packs everything at each turn; a second call is a restart."""
    begun: list[Series] = []

    async def start() -> Series:
        for one in begun:
            await one.stop()
        begun.append(Series(database, time, BUDGET, flush_s=0.02, pack_s=0.02))
        await begun[-1].start()
        assert await begun[-1].wait_restored(10)
        return begun[-1]

    yield start
    for one in begun:
        await one.stop()


async def test_what_was_read_is_there_after_a_restart_and_the_stop_between_is_a_gap(begin: Begin, time: Time) -> None:
    series = await begin()
    feed(series, time, 2400)
    await saved(series, time)
    before, spark = await series.points("prod", "payments", 3600), series.spark("prod", "payments")
    assert len(known(before)) == 480

    series = await begin()
    again = await series.points("prod", "payments", 3600)
    assert known(again) == known(before)
    assert set(again.rate_in) == {None, 20.0}
    assert set(again.rate_out) == {None, 15.0}
    assert known(series.spark("prod", "payments"))[:-2] == known(spark)[:-2]
    time.now += 200
    feed(series, time, 300)
    drawn = await series.points("prod", "payments", 3600)
    hole = [row for row, at in enumerate(drawn.at) if START + 2401 < at < START + 2600]
    assert hole
    assert all(drawn.lag[row] is None and drawn.rate_in[row] is None for row in hole)
    assert drawn.rate_in[hole[-1] + 1] is None
    assert set(drawn.rate_in) == {None, 20.0}
    assert None in series.spark("prod", "payments").lag[1:]


async def test_the_last_minutes_are_there_as_read_after_a_restart(database: Database, time: Time) -> None:
    series = Series(database, time, BUDGET, flush_s=0.02)  # packed once in ten minutes: what counts is the journal
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


async def test_long_windows_come_from_disk_with_the_same_totals(begin: Begin, time: Time) -> None:
    series = await begin()
    for _ in range(10):
        feed(series, time, 3600)
        await saved(series, time)
    feed(series, time, 60)
    assert len(series.recent("prod", "payments") or ()) < 200  # memory holds a quarter of an hour
    for window, rows in (
        (900, 180),
        (3600, 720),
        (6 * 3600, 1080),
        (12 * 3600, 601),
        (30 * 3600, 400),
        (28 * 86400, 18),
    ):
        drawn = await series.points("prod", "payments", window)
        assert rows * 0.9 <= len(known(drawn)) <= rows * 1.1 + 1, window
        assert {rate and round(rate, 6) for rate in drawn.rate_in} == {None, 20.0}, window
        assert drawn.lag[-1] == 100_000 + 5 * 36_060
        assert max(drawn.at) == pytest.approx(time.now, abs=1)
        assert drawn.at[0] >= time.now - window - drawn.step_s


async def test_a_chart_goes_on_from_where_it_was(begin: Begin, time: Time) -> None:
    series = await begin()
    feed(series, time, 600)
    drawn = await series.points("prod", "payments", 900)
    feed(series, time, 30)
    more = await series.points("prod", "payments", 900, since=drawn.at[-1])
    assert [round(at - START) for at in more.at] == [605, 610, 615, 620, 625, 630]
    assert set(more.rate_in) == {20.0}
    assert more.step_s == drawn.step_s
    assert (await series.points("prod", "payments", 900, since=more.at[-1])).at == []


async def test_unknown_figures_and_a_reset_stay_gaps_on_disk(begin: Begin, time: Time) -> None:
    series = await begin()
    feed(series, time, 1200)
    for _ in range(60):
        time.now += 5
        series.add("prod", "payments", time.now, lag=None, arrived=None, settled=None, interval_s=5)
    middle = time.now
    for count in range(240):  # the topic was made anew
        time.now += 5
        series.add("prod", "payments", time.now, lag=3, arrived=10 * count, settled=10 * count, interval_s=5)
    await saved(series, time)
    series = await begin()
    for window in (3600, 12 * 3600, 36 * 3600):
        drawn = await series.points("prod", "payments", window)
        gap = [lag for at, lag in zip(drawn.at, drawn.lag, strict=True) if middle - 270 < at < middle]
        assert gap or window > 3600
        assert not any(gap)
        assert {rate and round(rate, 6) for rate in drawn.rate_in} == {None, 20.0, 2.0}


async def test_partitions_and_hostile_names_have_histories_of_their_own(begin: Begin, time: Time) -> None:
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
    series = await begin()
    for tick in range(3):
        time.now += 5
        for number, (name, partition) in enumerate(subjects):
            lag = number * 10 + tick
            series.add("prod", name, time.now, lag=lag, arrived=None, settled=None, interval_s=5, partition=partition)
    await saved(series, time)
    series = await begin()
    for number, (name, partition) in enumerate(subjects):
        drawn = await series.points("prod", name, 900, partition)
        assert [lag for _, lag in known(drawn)] == [number * 10 + tick for tick in range(3)], (name[:20], partition)
    assert series.usage().series == 2 * len(names)  # partitions come back when they are read


async def test_a_clock_that_is_set_back_neither_stops_history_nor_mixes_it(begin: Begin, time: Time) -> None:
    series = await begin()
    feed(series, time, 2400)
    await saved(series, time)
    time.now -= 1000
    wrong = time.now
    for count in range(120):
        time.now += 5
        series.add("prod", "payments", time.now, lag=7, arrived=9_000_000 + count, settled=None, interval_s=5)
    await saved(series, time)
    for one in (series, await begin()):
        drawn = await one.points("prod", "payments", 3600)
        assert drawn.at == sorted(set(drawn.at))
        assert drawn.at[-1] == pytest.approx(time.now, abs=1)
        assert {lag for at, lag in known(drawn) if at >= wrong + 5} == {7}
        assert {rate and round(rate, 6) for rate in drawn.rate_in} == {None, 20.0, 0.2}


async def test_a_damaged_hour_is_left_out_told_once_and_counted(
    begin: Begin, time: Time, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    series = await begin()
    for _ in range(6):
        feed(series, time, 1800)
        await saved(series, time)
    await series.stop()
    hour = int(START // 3600) + 1
    async with database.begin() as connection:
        await connection.execute(
            text("UPDATE history SET data = :data WHERE hour = :hour"), {"data": b"\x01rubbish", "hour": hour}
        )
    series = await begin()
    with caplog.at_level(logging.WARNING):
        await series.points("prod", "payments", 4 * 3600)
        drawn = await series.points("prod", "payments", 4 * 3600)
    inside = [lag for at, lag in zip(drawn.at, drawn.lag, strict=True) if at // 3600 == hour]
    assert not any(inside)
    assert len(known(drawn)) > 100
    assert series.usage().unreadable == len([m for m in caplog.messages if "left out" in m]) > 0


async def test_over_the_budget_the_finest_and_oldest_go_first(database: Database, time: Time) -> None:
    wide = Series(database, time, BUDGET, flush_s=0.02, pack_s=0.02)
    await wide.start()
    for _ in range(8):
        feed(wide, time, 3600)
        await saved(wide, time)
    await wide.stop()
    kept = await _kept(database)
    assert {resolution for resolution, _ in kept} == {0, 30, 60}

    hour = int(time.now // 3600)
    coarse = sum(size for (resolution, then), size in kept.items() if resolution > 0 or then == hour)
    budget = coarse - 1  # nothing as read, and one hour of 30 s less
    tight = Series(database, time, budget, flush_s=0.02, pack_s=0.02)
    await tight.start()
    await until(lambda: 0 < (tight.usage().bytes or 0) <= budget)
    await tight.stop()
    left = set(await _kept(database))
    oldest = min(then for resolution, then in kept if resolution == 30)
    assert left == {one for one in kept if one[0] > 0 or one[1] == hour} - {(30, oldest)}


async def test_what_is_past_its_time_goes(
    begin: Begin, time: Time, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRUNE_S", 0.1)
    series = await begin()
    feed(series, time, 3600)
    await saved(series, time)
    time.now += 8 * 3600
    await begin()
    await resolutions_become(database, {30, 60})
    time.now += 7 * 86400
    await begin()
    await resolutions_become(database, {60})
    time.now += 28 * 86400
    await begin()
    await resolutions_become(database, set())


async def test_a_group_that_is_gone_leaves_memory_and_keeps_its_past(begin: Begin, time: Time) -> None:
    series = await begin()
    feed(series, time, 600)
    feed(series, time, 600, name="orders")
    series.forget("prod", {"payments"})
    await until(lambda: series.usage().series == 1)
    assert series.spark("prod", "payments").at == []
    assert len(known(await series.points("prod", "payments", 3600))) == 120
    feed(series, time, 60)
    drawn = await series.points("prod", "payments", 3600)
    assert len(known(drawn)) == 132
    assert set(drawn.rate_in) == {None, 20.0}


async def test_series_beyond_what_memory_may_hold_are_refused_and_counted(
    begin: Begin, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SERIES_MAX", 10)
    monkeypatch.setattr(module, "PARTITION_SERIES_MAX", 4)
    series = await begin()
    subjects: list[tuple[str, tuple[str, int] | None]] = [("group", ("orders", index)) for index in range(7)]
    for name, partition in [*subjects, *((f"group {index}", None) for index in range(9))]:
        series.add("prod", name, time.now, lag=1, arrived=2, settled=1, interval_s=5, partition=partition)
    usage = series.usage()
    assert (usage.series, usage.refused) == (10, 6)


async def _kept(database: Database) -> dict[tuple[int, int], int]:
    return await HistoryStore(database).byte_totals()


async def resolutions_become(database: Database, expected: set[int]) -> None:
    async def check() -> None:
        assert {resolution for resolution, _ in await _kept(database)} == expected

    await eventually(check)


async def test_wild_figures_are_unknown_and_not_an_error(begin: Begin, time: Time) -> None:
    series = await begin()
    for lag in (-5, 2**63, 2**200):
        time.now += 5
        series.add("prod", "payments", time.now, lag=lag, arrived=-1, settled=None, interval_s=5)
    await saved(series, time)
    assert not known(await series.points("prod", "payments", 900))
