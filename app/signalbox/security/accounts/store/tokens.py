"""API tokens."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.security.accounts.model import EVERYWHERE, Token
from signalbox.security.accounts.tables import TokenRow, UserRow
from signalbox.security.model import Grant, Rights, Role


async def add(
    connection: AsyncConnection,
    hashed: bytes,
    user_id: int,
    *,
    name: str,
    hint: str,
    grant: Grant,
    resource: str,
    at: float,
    ends_at: float,
) -> int:
    values = {"hash": hashed, "hint": hint, "user_id": user_id, "name": name, "resource": resource}
    most = {"role": int(grant.role), "payloads": grant.payloads, "made_at": at, "ends_at": ends_at}
    query = insert(TokenRow).values(**values, **most).returning(col(TokenRow.id))
    token_id = (await connection.execute(query)).scalar_one()
    assert token_id is not None  # noqa: S101 - a primary key
    return token_id


async def find(connection: AsyncConnection, hashed: bytes) -> Token | None:
    row = (await connection.execute(_TOKENS.where(col(TokenRow.hash) == hashed))).first()
    return _token(row) if row is not None else None


async def list_all(connection: AsyncConnection, user_id: int | None = None) -> list[Token]:
    """Return the tokens of one user or of all, oldest first."""
    query = _TOKENS.order_by(col(TokenRow.id))
    if user_id is not None:
        query = query.where(col(TokenRow.user_id) == user_id)
    return [_token(row) for row in await connection.execute(query)]


async def still_valid_ids(connection: AsyncConnection, ids: Collection[int], *, now: float) -> frozenset[int]:
    """Return which of these tokens are still valid."""
    query = select(col(TokenRow.id)).where(col(TokenRow.id).in_(ids), col(TokenRow.ends_at) > now)
    return frozenset(id_ for id_ in (await connection.execute(query)).scalars() if id_ is not None)


async def set_last_used(connection: AsyncConnection, token_id: int, at: float) -> None:
    await connection.execute(update(TokenRow).where(col(TokenRow.id) == token_id).values(used_at=at))


async def remove(connection: AsyncConnection, token_id: int, user_id: int | None = None) -> bool:
    """Delete a token, with `user_id` only if it belongs to that user; return whether it existed."""
    query = delete(TokenRow).where(col(TokenRow.id) == token_id)
    if user_id is not None:
        query = query.where(col(TokenRow.user_id) == user_id)
    return bool((await connection.execute(query)).rowcount)


async def remove_expired(connection: AsyncConnection, now: float) -> None:
    await connection.execute(delete(TokenRow).where(col(TokenRow.ends_at) <= now))


_TOKENS: Select[*tuple[Any, ...]] = select(
    col(TokenRow.id),
    col(TokenRow.user_id),
    col(UserRow.name).label("user_name"),
    col(TokenRow.name),
    col(TokenRow.hint),
    col(TokenRow.role),
    col(TokenRow.payloads),
    col(TokenRow.resource),
    col(TokenRow.made_at),
    col(TokenRow.ends_at),
    col(TokenRow.used_at),
).join(UserRow, col(UserRow.id) == col(TokenRow.user_id))


def _token(row: Row[*tuple[Any, ...]]) -> Token:
    grant = Grant(Role(row.role), bool(row.payloads))
    most = Rights(grant) if row.resource == EVERYWHERE else Rights(Grant(), {row.resource: grant})
    return Token(
        id=row.id,
        user=row.user_id,
        user_name=row.user_name,
        name=row.name,
        hint=row.hint,
        max_rights=most,
        resource=row.resource,
        created_at=row.made_at,
        expires_at=row.ends_at,
        last_used_at=row.used_at,
    )
