"""How Alembic reaches the database. Run by `signalbox migrate`, and by the command `alembic` for a new revision."""

import asyncio

from alembic import context
from sqlalchemy.engine import Connection

import app.monitoring.tables  # noqa: F401 - fills the metadata
from app.config import load
from app.storage.engine import make_engine
from app.storage.schema import Table
from app.storage.settings import DatabaseSettings


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def run() -> None:
    given = context.config.attributes.get("settings")
    settings = given if isinstance(given, DatabaseSettings) else load().database
    engine = make_engine(settings)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


asyncio.run(run())
