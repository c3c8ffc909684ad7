"""Signalbox's own database for tests: each of the two kinds, new and empty, or with its tables."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings


@pytest.fixture(params=["sqlite", "postgresql"])
def database_settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    """The address of an empty database; a test that takes this runs on both kinds."""
    if request.param == "sqlite":
        return settings(f"sqlite+aiosqlite:///{tmp_path}/signalbox.db")
    return settings(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    """A database at head."""
    opened = Database(database_settings)
    await opened.upgrade()
    yield opened
    await opened.close()


def settings(url: str) -> DatabaseSettings:
    return DatabaseSettings(url=SecretStr(url))
