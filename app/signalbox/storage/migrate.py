"""Runs Alembic on an open connection: upgrade, downgrade, current and known revisions."""

import functools

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from signalbox.resources import MIGRATIONS


def upgrade(connection: Connection, revision: str) -> None:
    """Migrate the tables up to `revision` within the connection's transaction."""
    command.upgrade(_config(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    """Migrate the tables down to `revision` within the connection's transaction."""
    command.downgrade(_config(connection), revision)


def current(connection: Connection) -> frozenset[str]:
    """Return the revisions of this database; empty if it has no tables of Signalbox."""
    return frozenset(MigrationContext.configure(connection).get_current_heads())


@functools.cache
def heads() -> frozenset[str]:
    """Return the newest revisions of this version of Signalbox."""
    return frozenset(ScriptDirectory(str(MIGRATIONS)).get_heads())


@functools.cache
def known() -> frozenset[str]:
    """Return every revision of this version of Signalbox."""
    return frozenset(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # configparser interpolates "%"
    return config
