"""Rows that are read in one visit to a thread: the same rows, the same errors, and one wait for the event loop."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from signalbox.kernel.clock import system_clock
from signalbox.monitoring.series import Series
from signalbox.monitoring.tables import HistoryRow, SeriesRow
from signalbox.storage.engine import Database
from signalbox.storage.errors import SchemaOutdated, StorageError
from tests.support.database import migrated_sqlite, settings
from tests.support.history import BUDGET

INSERT = "INSERT INTO series (key, connection, group_name, made_hour) VALUES (:key, :name, :name, 1)"
NAMES = select(col(SeriesRow.group_name)).order_by(col(SeriesRow.id))


async def add(database: Database, name: bytes) -> None:
    async with database.begin() as connection:
        await connection.execute(text(INSERT), {"key": name, "name": name})


async def names(database: Database) -> list[bytes]:
    return [row.group_name for row in await database.fetch(NAMES)]


async def test_rows_of_all_queries_are_returned_with_every_committed_change(database: Database) -> None:
    assert await names(database) == []
    for number in range(3):
        await add(database, b"%d" % number)
        assert await names(database) == [b"0", b"1", b"2"][: number + 1]
    rows = await database.fetch(NAMES.limit(1), select(col(HistoryRow.hour)), NAMES.limit(2))
    assert [row.group_name for row in rows] == [b"0", b"0", b"1"]
    several = await asyncio.gather(*(names(database) for _ in range(20)))
    assert several == [[b"0", b"1", b"2"]] * 20


async def test_errors_are_translated(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE series RENAME TO elsewhere"))
    with pytest.raises(SchemaOutdated):
        await names(database)
    await database.close()


async def test_a_missing_file_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    missing = Database(settings(f"sqlite+aiosqlite:///{tmp_path}/missing.db"))
    with pytest.raises(StorageError):
        await names(missing)
    assert not (tmp_path / "missing.db").exists()
    await missing.close()


async def test_the_history_of_a_group_waits_for_the_event_loop_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wait takes as long as a turn of a busy event loop, which during a sweep is many milliseconds."""
    database = Database(settings(migrated_sqlite(tmp_path)))
    series = Series(database, system_clock, BUDGET, flush_s=3600.0)
    await series.start()
    assert await series.wait_restored(10)
    series.add("prod", "payments", system_clock(), lag=7, arrived=10, settled=3, interval_s=5)
    await series.save()
    loop, wakes = asyncio.get_running_loop(), 0
    wake = loop.call_soon_threadsafe

    def counted(*arguments: Any, **fields: Any) -> Any:  # noqa: ANN401 - those of the event loop
        nonlocal wakes
        wakes += 1
        return wake(*arguments, **fields)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    points = await series.points("prod", "payments", 3600.0)
    assert points.lag[-1] == 7
    assert wakes == 1
    await series.stop()
    await database.close()
