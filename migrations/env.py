"""Alembic's environment: uses the connection of `signalbox migrate`, or signalbox.toml for a new revision."""

import asyncio

from alembic import context
from sqlalchemy.engine import Connection

import signalbox.monitoring.tables
import signalbox.security.accounts.tables
import signalbox.security.audit.tables
import signalbox.security.changes.tables
import signalbox.security.masking.tables  # noqa: F401 - registers the tables
from signalbox.config import load
from signalbox.storage.engine import make_engine
from signalbox.storage.schema import Table
from signalbox.storage.settings import DatabaseSettings


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_migrate() -> None:
    engine = make_engine(load().one(DatabaseSettings))
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


given = context.config.attributes.get("connection")
if isinstance(given, Connection):
    migrate(given)
else:
    asyncio.run(connect_and_migrate())
