"""The SQL of the security state's version."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.security.changes.tables import SecurityStateRow

STATE_ID = 1


async def read_version(connection: AsyncConnection) -> int:
    """Return the version."""
    return (
        await connection.execute(select(col(SecurityStateRow.version)).where(col(SecurityStateRow.id) == STATE_ID))
    ).scalar_one()


async def raise_version(connection: AsyncConnection) -> int:
    """Raise the version and return it. Call it first in a transaction: it locks the row, so changes never overlap."""
    raised = (
        update(SecurityStateRow)
        .where(col(SecurityStateRow.id) == STATE_ID)
        .values(version=col(SecurityStateRow.version) + 1)
    )
    return (await connection.execute(raised.returning(col(SecurityStateRow.version)))).scalar_one()
