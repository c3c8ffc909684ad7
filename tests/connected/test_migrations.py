"""The way up and down on real databases, and what is said when a database is not as it should be."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

import signalbox.monitoring.tables
import signalbox.security.accounts.tables
import signalbox.security.audit.tables  # noqa: F401 - they fill the metadata
from signalbox.servers.process import free_port
from signalbox.storage import errors
from signalbox.storage.engine import Database
from signalbox.storage.schema import Table
from signalbox.storage.settings import DatabaseSettings
from tests.support.database import settings

OURS = {"series", "history", "history_journal", "user", "audit", "audit_head", "audit_seal", "masking_rule"}


async def test_up_down_and_up_again_leave_the_tables_that_the_code_describes(
    database_settings: DatabaseSettings,
) -> None:
    database = Database(database_settings)
    assert not await database.at_head()
    await database.upgrade()
    assert await database.at_head()
    assert set(await _tables(database)) >= OURS

    await database.downgrade("base")
    assert not await database.at_head()
    assert set(await _tables(database)) & OURS == set()

    await database.upgrade()
    await database.upgrade()
    await database.require_head()
    async with database.read() as connection:
        assert await connection.run_sync(_differences) == []
    await database.close()


async def test_a_difference_would_be_seen(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE history ADD COLUMN planted INTEGER"))
    async with database.read() as connection:
        assert "planted" in str(await connection.run_sync(_differences))


async def test_a_schema_that_is_not_ours_names_the_command_or_the_reason(database_settings: DatabaseSettings) -> None:
    database = Database(database_settings)
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


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    async def fails() -> None:
        async with database.begin() as connection:
            await connection.execute(text("INSERT INTO history_journal (data) VALUES ('x')"))
            assert (await connection.execute(text("SELECT count(*) FROM history_journal"))).scalar_one() == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM history_journal"))).scalar_one() == 0


async def test_sqlite_is_set_up_for_one_writer_and_many_readers(tmp_path: Path) -> None:
    database = Database(settings(f"sqlite+aiosqlite:///{tmp_path}/a.db"))
    async with database.read() as connection:
        found = [(await connection.execute(text(f"PRAGMA {name}"))).scalar_one() for name in PRAGMAS]
    assert found == ["wal", 5000, 1, 1]
    await database.close()


PRAGMAS = ("journal_mode", "busy_timeout", "synchronous", "foreign_keys")


@pytest.mark.parametrize(
    ("url", "error", "says"),
    [
        ("sqlite+aiosqlite:////nowhere/at/all/signalbox.db", errors.DatabaseUnreachable, "Its folder must exist"),
        ("sqlite+aiosqlite:///{tmp}", errors.DatabaseUnreachable, "cannot be opened"),
        ("sqlite+aiosqlite:///{tmp}/text", errors.DatabaseDamaged, "is not an SQLite file"),
        ("postgresql+asyncpg://me:CANARY@127.0.0.1:{port}/x", errors.DatabaseUnreachable, "cannot be reached"),
        ("postgresql+asyncpg://me:CANARY@signalbox.invalid/x", errors.DatabaseUnreachable, "cannot be reached"),
    ],
)
async def test_a_wrong_address_says_what_to_do(
    tmp_path: Path, url: str, error: type[errors.StorageError], says: str
) -> None:
    (tmp_path / "text").write_text("these are words, not a database, " * 50)
    await _refuses(url.format(tmp=tmp_path, port=free_port()), error, says)


async def test_wrong_credentials_and_a_missing_database_say_so(postgres_url: str) -> None:
    server, _, _ = postgres_url.rpartition("/")
    place = server.rpartition("@")[2]
    await _refuses(f"postgresql+asyncpg://postgres:CANARY@{place}/postgres", errors.DatabaseRefused, "password")
    await _refuses(f"{server}/not_there", errors.DatabaseRefused, "CREATE DATABASE")


async def test_a_database_that_can_only_be_read_says_so(tmp_path: Path, postgres_url: str) -> None:
    file = tmp_path / "a.db"
    owner = Database(settings(f"sqlite+aiosqlite:///{file}"))
    await owner.upgrade()
    await owner.close()
    await _refuses_writing(f"sqlite+aiosqlite:///file:{file}?mode=ro&uri=true")

    owner = Database(settings(postgres_url))
    await owner.upgrade()
    async with owner.begin() as connection:
        await connection.execute(
            text(f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET default_transaction_read_only = on")
        )
    await owner.close()
    await _refuses_writing(postgres_url)


async def _refuses_writing(url: str) -> None:
    database = Database(settings(url))
    with pytest.raises(errors.DatabaseReadOnly):
        async with database.begin() as connection:
            await connection.execute(text("DELETE FROM history"))
    await database.close()


async def test_a_locked_database_is_busy_not_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.storage.dialect.BUSY_TIMEOUT_MS", 50)
    one = Database(settings(f"sqlite+aiosqlite:///{tmp_path}/a.db"))
    async with one.begin():
        with pytest.raises(errors.DatabaseBusy, match="stayed locked"):
            async with one.begin():
                pass
        async with one.read() as connection:  # readers go on
            assert (await connection.execute(text("SELECT 41 + 1"))).scalar_one() == 42
    async with one.begin():
        pass
    await one.close()


async def test_a_full_disk_says_so(tmp_path: Path) -> None:
    database = Database(settings(f"sqlite+aiosqlite:///{tmp_path}/a.db"))

    async def fill() -> None:
        async with database.begin() as connection:
            await connection.execute(text("PRAGMA max_page_count = 10"))
            await connection.execute(text("CREATE TABLE big (data BLOB)"))
            await connection.execute(text("INSERT INTO big VALUES (zeroblob(1000000))"))

    with pytest.raises(errors.DatabaseFull, match="no room left"):
        await fill()
    await database.close()


async def _refuses(url: str, error: type[errors.StorageError], says: str) -> None:
    """Neither the error nor what stands behind it shows the password, on both ways in."""
    database = Database(settings(url))
    for attempt in (database.upgrade(), database.at_head()):
        with pytest.raises(error, match=says) as caught:
            await attempt
        assert "CANARY" not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"
    await database.close()


async def _tables(database: Database) -> list[str]:
    async with database.read() as connection:
        return await connection.run_sync(lambda sync: inspect(sync).get_table_names())


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Table.metadata))
