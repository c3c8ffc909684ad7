"""Alembic on a connection of ours: which revisions there are, where a database stands, and the way up and down."""

import functools

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from signalbox.resources import MIGRATIONS


def upgrade(connection: Connection, revision: str) -> None:
    """Bring the tables up to `revision`, within the connection's transaction."""
    command.upgrade(_config(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    """Take the tables back to `revision`, within the connection's transaction."""
    command.downgrade(_config(connection), revision)


def current(connection: Connection) -> frozenset[str]:
    """Return the revisions that this database is at; empty for one without tables of ours."""
    return frozenset(MigrationContext.configure(connection).get_current_heads())


@functools.cache
def heads() -> frozenset[str]:
    """Return the newest revisions that this version knows."""
    return frozenset(ScriptDirectory(str(MIGRATIONS)).get_heads())


@functools.cache
def known() -> frozenset[str]:
    """Return every revision that this version knows."""
    return frozenset(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # else "%" in a path is interpolated
    return config
