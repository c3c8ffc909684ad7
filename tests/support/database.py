"""Signalbox's own database for tests, SQLite and PostgreSQL: empty, or migrated by copying one that was migrated once."""

import functools
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from signalbox.storage import migrate
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings

BOTH = ["sqlite", "postgresql"]


@pytest.fixture(params=BOTH)
def empty_database_settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    """The address of an empty database; a test that takes this runs on both kinds."""
    if request.param == "sqlite":
        return settings(sqlite_url(tmp_path))
    return settings(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=BOTH)
def database_settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    """The address of a migrated database; a test that takes this runs on both kinds."""
    if request.param == "sqlite":
        return settings(migrated_sqlite(tmp_path))
    return settings(request.getfixturevalue("migrated_postgres_url"))


@pytest.fixture
async def database(database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    """A migrated database."""
    opened = Database(database_settings)
    yield opened
    await opened.close()


def settings(url: str) -> DatabaseSettings:
    return DatabaseSettings(url=SecretStr(url))


def sqlite_url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/signalbox.db"


def migrated_sqlite(folder: Path) -> str:
    """Return the address of the SQLite file in this folder; a new one is migrated."""
    file = folder / "signalbox.db"
    if not file.exists():
        file.write_bytes(_migrated())
    return sqlite_url(folder)


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/signalbox.db")
        with engine.begin() as connection:
            migrate.upgrade(connection, "head")
        with engine.connect() as connection:
            connection.execute(text("PRAGMA journal_mode=WAL"))
        engine.dispose()
        return Path(folder, "signalbox.db").read_bytes()
