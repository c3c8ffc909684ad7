"""Sessions."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.security.accounts.model import Session
from signalbox.security.accounts.tables import SessionRow, UserRow


async def add(
    connection: AsyncConnection, hashed: bytes, user_id: int, *, at: float, ends_at: float, address: str, agent: str
) -> int:
    values = {"hash": hashed, "user_id": user_id, "made_at": at, "used_at": at, "ends_at": ends_at}
    query = insert(SessionRow).values(**values, address=address, agent=agent).returning(col(SessionRow.id))
    session_id = (await connection.execute(query)).scalar_one()
    assert session_id is not None  # noqa: S101 - a primary key
    return session_id


async def find(connection: AsyncConnection, hashed: bytes) -> tuple[Session, str] | None:
    """Return the session with this hashed secret, and its user's name."""
    query = _SESSIONS.add_columns(col(UserRow.name).label("user_name")).join(
        UserRow, col(UserRow.id) == col(SessionRow.user_id)
    )
    row = (await connection.execute(query.where(col(SessionRow.hash) == hashed))).first()
    return (_session(row), row.user_name) if row is not None else None


async def list_for_user(connection: AsyncConnection, user_id: int) -> list[Session]:
    """Return a user's sessions, newest first."""
    query = _SESSIONS.where(col(SessionRow.user_id) == user_id).order_by(col(SessionRow.made_at).desc())
    return [_session(row) for row in await connection.execute(query)]


async def still_valid_ids(
    connection: AsyncConnection, ids: Collection[int], *, now: float, idle_s: float
) -> frozenset[int]:
    """Return which of these sessions are still active."""
    alive = col(SessionRow.ends_at) > now, col(SessionRow.used_at) > now - idle_s
    query = select(col(SessionRow.id)).where(col(SessionRow.id).in_(ids), *alive)
    return frozenset(id_ for id_ in (await connection.execute(query)).scalars() if id_ is not None)


async def set_last_used(connection: AsyncConnection, session_id: int, at: float) -> None:
    await connection.execute(update(SessionRow).where(col(SessionRow.id) == session_id).values(used_at=at))


async def remove(connection: AsyncConnection, session_id: int, user_id: int) -> None:
    """Delete a session if it belongs to this user."""
    await connection.execute(
        delete(SessionRow).where(col(SessionRow.id) == session_id, col(SessionRow.user_id) == user_id)
    )


async def remove_for_user(connection: AsyncConnection, user_id: int, *, keep: int | None = None) -> int:
    """Delete a user's sessions except `keep`; return how many."""
    query = delete(SessionRow).where(col(SessionRow.user_id) == user_id)
    if keep is not None:
        query = query.where(col(SessionRow.id) != keep)
    return (await connection.execute(query)).rowcount


async def remove_expired(connection: AsyncConnection, *, now: float, idle_s: float) -> None:
    ended = (col(SessionRow.ends_at) <= now) | (col(SessionRow.used_at) <= now - idle_s)
    await connection.execute(delete(SessionRow).where(ended))


_SESSIONS: Select[*tuple[Any, ...]] = select(
    col(SessionRow.id),
    col(SessionRow.user_id),
    col(SessionRow.made_at),
    col(SessionRow.used_at),
    col(SessionRow.ends_at),
    col(SessionRow.address),
    col(SessionRow.agent),
)


def _session(row: Row[*tuple[Any, ...]]) -> Session:
    return Session(
        id=row.id,
        user=row.user_id,
        created_at=row.made_at,
        last_used_at=row.used_at,
        expires_at=row.ends_at,
        address=row.address,
        agent=row.agent,
    )
