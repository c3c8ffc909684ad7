"""The one row that tells whether anything about users, rights, sessions, tokens or masking rules changed."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.security.changes.tables import StateRow

STATE = 1


async def version(connection: AsyncConnection) -> int:
    """Return how often anything was changed."""
    return (await connection.execute(select(col(StateRow.version)).where(col(StateRow.id) == STATE))).scalar_one()


async def change(connection: AsyncConnection) -> int:
    """Raise the version and return it, and wait by that for every other change: to be called first in its transaction."""
    raised = update(StateRow).where(col(StateRow.id) == STATE).values(version=col(StateRow.version) + 1)
    return (await connection.execute(raised.returning(col(StateRow.version)))).scalar_one()
