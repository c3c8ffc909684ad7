"""The one row that tells whether anything about users, rights, sessions, tokens or masking rules changed."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.security.changes.tables import SecurityStateRow

STATE_ID = 1


async def read_version(connection: AsyncConnection) -> int:
    """Return how often anything was changed."""
    return (
        await connection.execute(select(col(SecurityStateRow.version)).where(col(SecurityStateRow.id) == STATE_ID))
    ).scalar_one()


async def raise_version(connection: AsyncConnection) -> int:
    """Raise the version and return it, and wait by that for every other change: to be called first in its transaction."""
    raised = (
        update(SecurityStateRow)
        .where(col(SecurityStateRow.id) == STATE_ID)
        .values(version=col(SecurityStateRow.version) + 1)
    )
    return (await connection.execute(raised.returning(col(SecurityStateRow.version)))).scalar_one()
