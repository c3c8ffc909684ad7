"""Alembic inside this process: which revisions there are, where a database stands, and the way up."""

import asyncio
import functools
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from asyncpg import PostgresError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.storage import dialect
from app.storage.settings import DatabaseSettings

SCRIPTS = Path(__file__).parents[2] / "migrations"


async def upgrade(settings: DatabaseSettings, revision: str = "head") -> None:
    """Bring the tables up to `revision`. Does nothing when they are there; safe to call again after a crash.

    Raises:
        StorageError: the database could not be reached, read or written.
    """
    await _run(functools.partial(command.upgrade, _config(settings), revision), settings)


async def downgrade(settings: DatabaseSettings, revision: str) -> None:
    """Take the tables back to `revision` ("base": none left). What the newer ones held is lost.

    Raises:
        StorageError: the database could not be reached, read or written.
    """
    await _run(functools.partial(command.downgrade, _config(settings), revision), settings)


def current(connection: Connection) -> frozenset[str]:
    """Return the revisions that this database is at; empty for one without tables of ours."""
    return frozenset(MigrationContext.configure(connection).get_current_heads())


@functools.cache
def heads() -> frozenset[str]:
    """Return the newest revisions that this version knows."""
    return frozenset(ScriptDirectory(str(SCRIPTS)).get_heads())


@functools.cache
def known() -> frozenset[str]:
    """Return every revision that this version knows."""
    return frozenset(script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions())


def _config(settings: DatabaseSettings) -> Config:
    config = Config(attributes={"settings": settings})  # an address in an option would be shown, and "%" interpolated
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


async def _run(step: functools.partial[None], settings: DatabaseSettings) -> None:
    """Alembic is synchronous and its environment runs a loop of its own: both in a thread."""
    try:
        await asyncio.to_thread(step)
    except (SQLAlchemyError, PostgresError, OSError, *dialect.SQLITE_ERRORS) as error:
        raise dialect.translate(error, settings.shown()) from None
