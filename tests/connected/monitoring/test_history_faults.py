"""History while the database is locked, missing or late, and after the process was killed."""

import asyncio
import logging
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from signalbox.kernel.clock import system_clock
from signalbox.monitoring.packing import unpack
from signalbox.monitoring.samples import Samples, merge
from signalbox.monitoring.series import Series
from signalbox.monitoring.store import HistoryStore, SeriesKey
from signalbox.servers.postgres import postgres_server
from signalbox.storage.engine import Database
from signalbox.storage.errors import StorageError
from signalbox.storage.settings import DatabaseSettings
from tests.support.database import settings
from tests.support.history import BUDGET, Time, feed, known, saved, until

FLUSH_S = 0.25


async def test_a_kill_loses_at_most_the_last_interval(database_settings: DatabaseSettings, database: Database) -> None:
    url = database_settings.url.get_secret_value()
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.history_writer", url, str(FLUSH_S), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    written = 0
    while written < 200:
        written = int(await asyncio.wait_for(writer.stdout.readline(), 30))
    writer.kill()
    rest = (await writer.stdout.read()).split()
    await writer.wait()
    written = int(rest[-1]) if rest else written

    series = Series(database, system_clock, BUDGET)
    await series.start()
    assert await series.wait_restored(10)
    await series.stop()
    samples = await _on_disk(database)
    samples = merge(samples, series.recent("prod", "payments") or Samples())
    lags = [lag for lag in samples.lag if lag >= 0]
    assert lags == list(range(lags[0], lags[-1] + 1))
    assert lags[0] == 1
    assert [7 * lag for lag in lags] == [arrived for arrived in samples.arrived if arrived >= 0]
    assert written - lags[-1] <= (FLUSH_S + 0.5) / 0.01  # the interval, and a write on a busy machine


async def _on_disk(database: Database) -> Samples:
    store, now = HistoryStore(database), int(system_clock() // 3600)
    series_id = await store.find_id(SeriesKey("prod", "payments"))
    assert series_id is not None
    samples = Samples()
    for hour in await store.hours([series_id], 0, now - 1, now):
        if hour.resolution == 0:
            samples.extend(unpack(hour.data))
    return samples


async def test_a_locked_database_delays_saving_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("signalbox.storage.dialect.BUSY_TIMEOUT_MS", 20)
    database = Database(settings(f"sqlite+aiosqlite:///{tmp_path}/a.db"))
    await database.upgrade()
    time = Time()
    series = Series(database, time, BUDGET, flush_s=0.02, pack_s=0.02)
    await series.start()
    feed(series, time, 300)
    await saved(series, time)
    with caplog.at_level(logging.WARNING):
        async with database.begin():
            feed(series, time, 300)
            await until(lambda: "stayed locked" in series.usage().error)
            assert len(known(await series.points("prod", "payments", 900))) == 120  # pages still work
    await saved(series, time)
    assert series.usage().error == ""
    assert [message for message in caplog.messages if "stayed locked" in message][1:] == []
    await series.stop()

    again = Series(database, time, BUDGET)
    await again.start()
    assert await again.wait_restored(10)
    chart = await again.points("prod", "payments", 900)
    assert len(known(chart)) == 120
    assert set(chart.rate_in) == {None, 20.0}
    assert again.usage().dropped == 0
    await again.stop()
    await database.close()


async def test_a_database_error_during_the_start_loses_nothing_of_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(settings(f"sqlite+aiosqlite:///{tmp_path}/a.db"))
    await database.upgrade()
    time = Time()
    series = Series(database, time, BUDGET)
    await series.start()
    await until(lambda: series.usage().saved_at is not None)
    feed(series, time, 300)
    await series.stop()  # all samples are in the journal, none are packed

    read, refusals = HistoryStore.groups_since, [StorageError("a.db", "is away.", "Wait.")]

    async def interrupted(store: HistoryStore, resolution: int, hour: int) -> dict[int, SeriesKey]:
        if refusals:
            raise refusals.pop()
        return await read(store, resolution, hour)

    monkeypatch.setattr(HistoryStore, "groups_since", interrupted)
    again = Series(database, time, BUDGET, flush_s=0.02)
    await again.start()
    assert await again.wait_restored(10)
    assert refusals == []
    assert len(known(await again.points("prod", "payments", 900))) == 60
    await again.stop()
    await database.close()


async def test_a_database_outage_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with postgres_server({"fsync": "off"}) as server:
        database = Database(settings(server.url))
        await database.upgrade()
        time = Time()
        series = Series(database, time, BUDGET, flush_s=0.02, pack_s=0.02)
        await series.start()
        feed(series, time, 3000)
        await saved(series, time)
        await server.kill()
        feed(series, time, 1200)
        await until(lambda: "cannot be reached" in series.usage().error)
        assert len(known(await series.points("prod", "payments", 900))) == 181
        with pytest.raises(StorageError, match="cannot be reached"):
            await series.points("prod", "payments", 3600 * 24)
        assert series.healthy()

        await server.start()
        await saved(series, time)
        chart = await series.points("prod", "payments", 2 * 3600)
        assert len(known(chart)) == 421
        assert set(chart.rate_in) == {None, 20.0}
        assert series.usage().dropped == 0
        await series.stop()
        await database.close()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_samples_older_than_an_hour_are_dropped_while_the_database_is_missing(tmp_path: Path) -> None:
    """The database does not exist at the start; it is created three hours later."""
    folder = tmp_path / "later"
    database = Database(settings(f"sqlite+aiosqlite:///{folder}/a.db"))
    time = Time()
    series = Series(database, time, BUDGET, flush_s=0.02, pack_s=0.02)
    await series.start()
    await until(lambda: "cannot be opened" in series.usage().error)
    feed(series, time, 3 * 3600)
    assert 1400 <= series.usage().dropped <= 1460
    assert len(series.recent("prod", "payments") or ()) <= 740

    folder.mkdir()
    await database.upgrade()
    await saved(series, time)
    chart = await series.points("prod", "payments", 3600)
    assert len(known(chart)) == 721
    await series.stop()
    await database.close()


async def test_the_journal_stays_bounded(database: Database) -> None:
    time = Time()
    series = Series(database, time, BUDGET, flush_s=0.02, pack_s=0.1)
    await series.start()
    for _ in range(60):
        feed(series, time, 60)
        await saved(series, time)
    async with database.read() as connection:
        rows = (await connection.execute(text("SELECT count(*) FROM history_journal"))).scalar_one()
    assert rows <= 15
    await series.stop()
