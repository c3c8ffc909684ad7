"""One-time links."""

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.security.accounts.model import OneTimeLink
from signalbox.security.accounts.tables import LinkRow, UserRow


async def add(
    connection: AsyncConnection, hashed: bytes, user_id: int | None, *, made_by: str, at: float, ends_at: float
) -> None:
    """Insert a link and delete older links for the same user, or for the first admin."""
    await remove_for_user(connection, user_id)
    values = {"hash": hashed, "user_id": user_id, "made_at": at, "made_by": made_by, "ends_at": ends_at}
    await connection.execute(insert(LinkRow).values(**values))


async def find(connection: AsyncConnection, hashed: bytes, now: float) -> OneTimeLink | None:
    """Return the link with this hashed secret if it has not expired."""
    query = (
        select(col(LinkRow.id), col(LinkRow.user_id), col(UserRow.name), col(LinkRow.made_by), col(LinkRow.ends_at))
        .outerjoin(UserRow, col(UserRow.id) == col(LinkRow.user_id))
        .where(col(LinkRow.hash) == hashed, col(LinkRow.ends_at) > now)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    return OneTimeLink(id=row[0] or 0, user=row[1], user_name=row[2], created_by=row[3], expires_at=row[4])


async def remove_for_user(connection: AsyncConnection, user_id: int | None) -> bool:
    """Delete the links of a user, or of the first admin; return whether any existed."""
    owner = col(LinkRow.user_id) == user_id if user_id is not None else col(LinkRow.user_id).is_(None)
    return bool((await connection.execute(delete(LinkRow).where(owner))).rowcount)
