"""Migrations on real databases, and the errors for databases that cannot be used."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

import signalbox.monitoring.tables
import signalbox.security.accounts.tables
import signalbox.security.audit.tables  # noqa: F401 - registers the tables
from signalbox.servers.process import free_port
from signalbox.storage import errors
from signalbox.storage.engine import Database
from signalbox.storage.schema import Table
from signalbox.storage.settings import DatabaseSettings
from tests.support.database import settings

TABLES = {"series", "history", "history_journal", "user", "audit", "audit_head", "audit_seal", "masking_rule"}


async def test_upgrade_downgrade_and_upgrade_give_the_tables_of_the_code(
    empty_database_settings: DatabaseSettings,
) -> None:
    database = Database(empty_database_settings)
    assert not await database.at_head()
    await database.upgrade()
    assert await database.at_head()
    assert set(await _tables(database)) >= TABLES

    await database.downgrade("base")
    assert not await database.at_head()
    assert set(await _tables(database)) & TABLES == set()

    await database.upgrade()
    await database.upgrade()
    await database.require_head()
    async with database.read() as connection:
        assert await connection.run_sync(_differences) == []
    await database.close()


async def test_a_schema_difference_is_detected(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE history ADD COLUMN planted INTEGER"))
    async with database.read() as connection:
        assert "planted" in str(await connection.run_sync(_differences))


async def test_a_wrong_schema_names_the_command_or_the_reason(empty_database_settings: DatabaseSettings) -> None:
    database = Database(empty_database_settings)
    with pytest.raises(errors.SchemaOutdated, match=r"no tables of Signalbox yet\. Run: signalbox migrate"):
        await database.require_head()
    with pytest.raises(errors.SchemaOutdated, match="signalbox migrate"):
        async with database.read() as connection:
            await connection.execute(text("SELECT id FROM series"))
    await database.upgrade()
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'from-2031'"))
    for attempt in (database.require_head(), database.upgrade()):
        with pytest.raises(errors.SchemaOutdated, match="newer version"):
            await attempt
    await database.close()


async def test_a_failed_transaction_is_rolled_back(database: Database) -> None:
    async def fails() -> None:
        async with database.begin() as connection:
            await connection.execute(text("INSERT INTO history_journal (data) VALUES ('x')"))
            assert (await connection.execute(text("SELECT count(*) FROM history_journal"))).scalar_one() == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM history_journal"))).scalar_one() == 0


async def test_sqlite_is_configured_for_one_writer_and_many_readers(tmp_path: Path) -> None:
    database = Database(settings(f"sqlite+aiosqlite:///{tmp_path}/a.db"))
    async with database.read() as connection:
        values = [(await connection.execute(text(f"PRAGMA {name}"))).scalar_one() for name in PRAGMAS]
    assert values == ["wal", 5000, 1, 1]
    await database.close()


PRAGMAS = ("journal_mode", "busy_timeout", "synchronous", "foreign_keys")


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("sqlite+aiosqlite:////nowhere/at/all/signalbox.db", errors.DatabaseUnreachable, "Its folder must exist"),
        ("sqlite+aiosqlite:///{tmp}", errors.DatabaseUnreachable, "cannot be opened"),
        ("sqlite+aiosqlite:///{tmp}/text", errors.DatabaseDamaged, "is not an SQLite file"),
        ("postgresql+asyncpg://me:CANARY@127.0.0.1:{port}/x", errors.DatabaseUnreachable, "cannot be reached"),
        ("postgresql+asyncpg://me:CANARY@signalbox.invalid/x", errors.DatabaseUnreachable, "cannot be reached"),
    ],
)
async def test_a_wrong_url_says_what_to_do(
    tmp_path: Path, url: str, error: type[errors.StorageError], message: str
) -> None:
    (tmp_path / "text").write_text("these are words, not a database, " * 50)
    await _assert_refused(url.format(tmp=tmp_path, port=free_port()), error, message)


async def test_wrong_credentials_and_a_missing_database_raise_refused(postgres_url: str) -> None:
    server, _, _ = postgres_url.rpartition("/")
    host = server.rpartition("@")[2]
    await _assert_refused(f"postgresql+asyncpg://postgres:CANARY@{host}/postgres", errors.DatabaseRefused, "password")
    await _assert_refused(f"{server}/not_there", errors.DatabaseRefused, "CREATE DATABASE")


async def test_a_read_only_database_raises_read_only(tmp_path: Path, postgres_url: str) -> None:
    file = tmp_path / "a.db"
    owner = Database(settings(f"sqlite+aiosqlite:///{file}"))
    await owner.upgrade()
    await owner.close()
    await _assert_read_only(f"sqlite+aiosqlite:///file:{file}?mode=ro&uri=true")

    owner = Database(settings(postgres_url))
    await owner.upgrade()
    async with owner.begin() as connection:
        await connection.execute(
            text(f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET default_transaction_read_only = on")
        )
    await owner.close()
    await _assert_read_only(postgres_url)


async def _assert_read_only(url: str) -> None:
    database = Database(settings(url))
    with pytest.raises(errors.DatabaseReadOnly):
        async with database.begin() as connection:
            await connection.execute(text("DELETE FROM history"))
    await database.close()


async def test_a_locked_database_raises_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.storage.dialect.BUSY_TIMEOUT_MS", 50)
    database = Database(settings(f"sqlite+aiosqlite:///{tmp_path}/a.db"))
    async with database.begin():
        with pytest.raises(errors.DatabaseBusy, match="stayed locked"):
            async with database.begin():
                pass
        async with database.read() as connection:  # readers are not blocked
            assert (await connection.execute(text("SELECT 41 + 1"))).scalar_one() == 42
    async with database.begin():
        pass
    await database.close()


async def test_a_full_disk_raises_full(tmp_path: Path) -> None:
    database = Database(settings(f"sqlite+aiosqlite:///{tmp_path}/a.db"))

    async def fill() -> None:
        async with database.begin() as connection:
            await connection.execute(text("PRAGMA max_page_count = 10"))
            await connection.execute(text("CREATE TABLE big (data BLOB)"))
            await connection.execute(text("INSERT INTO big VALUES (zeroblob(1000000))"))

    with pytest.raises(errors.DatabaseFull, match="no space left"):
        await fill()
    await database.close()


async def _assert_refused(url: str, error: type[errors.StorageError], message: str) -> None:
    """Check the error of both operations; neither the error nor its cause shows the password."""
    database = Database(settings(url))
    for attempt in (database.upgrade(), database.at_head()):
        with pytest.raises(error, match=message) as caught:
            await attempt
        assert "CANARY" not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"
    await database.close()


async def _tables(database: Database) -> list[str]:
    async with database.read() as connection:
        return await connection.run_sync(lambda sync: inspect(sync).get_table_names())


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Table.metadata))
