"""Users and their grants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.security.accounts.model import EVERYWHERE, SignInMethod, User, grant_rows, rights_from_grants
from signalbox.security.accounts.tables import GrantRow, LinkRow, SessionRow, TokenRow, UserRow
from signalbox.security.model import Rights, Role

USERS_MAX = 10_000  # listed at once


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is verified against."""

    user_id: int
    password_hash: str | None
    subject: str | None


async def any_exist(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(col(UserRow.id)).limit(1))).first() is not None


async def count(connection: AsyncConnection) -> int:
    return (await connection.execute(select(func.count()).select_from(UserRow))).scalar_one()


async def add(
    connection: AsyncConnection,
    name: str,
    rights: Rights,
    *,
    made_by: str,
    at: float,
    password_hash: str | None = None,
    subject: str | None = None,
) -> int:
    """Insert a user with grants; return the ID."""
    values = {
        "name": name,
        "password_hash": password_hash,
        "password_at": at if password_hash else None,
        "subject": subject,
        "made_at": at,
        "made_by": made_by,
    }
    user_id = (await connection.execute(insert(UserRow).values(**values).returning(col(UserRow.id)))).scalar_one()
    assert user_id is not None  # noqa: S101 - a primary key
    await set_rights(connection, user_id, rights)
    return user_id


async def set_rights(connection: AsyncConnection, user_id: int, rights: Rights) -> None:
    await connection.execute(delete(GrantRow).where(col(GrantRow.user_id) == user_id))
    rows = [{"user_id": user_id, "resource": r, "role": role, "payloads": p} for r, role, p in grant_rows(rights)]
    await connection.execute(insert(GrantRow), rows)


async def set_password(connection: AsyncConnection, user_id: int, password_hash: str, at: float) -> None:
    changed = {"password_hash": password_hash, "password_at": at}
    await connection.execute(update(UserRow).where(col(UserRow.id) == user_id).values(**changed))


async def rehash(connection: AsyncConnection, user_id: int, password_hash: str) -> None:
    await connection.execute(update(UserRow).where(col(UserRow.id) == user_id).values(password_hash=password_hash))


async def set_last_seen(connection: AsyncConnection, user_id: int, at: float) -> None:
    await connection.execute(update(UserRow).where(col(UserRow.id) == user_id).values(seen_at=at))


async def remove(connection: AsyncConnection, user_id: int) -> None:
    """Delete a user with sessions, tokens, links and grants."""
    await connection.execute(delete(UserRow).where(col(UserRow.id) == user_id))


async def find_credentials(connection: AsyncConnection, name: str) -> Credentials | None:
    query = select(col(UserRow.id), col(UserRow.password_hash), col(UserRow.subject)).where(col(UserRow.name) == name)
    row: Row[*tuple[Any, ...]] | None = (await connection.execute(query)).first()
    return Credentials(row.id, row.password_hash, row.subject) if row is not None else None


async def id_by_subject(connection: AsyncConnection, subject: str) -> int | None:
    query = select(col(UserRow.id)).where(col(UserRow.subject) == subject)
    return (await connection.execute(query)).scalar_one_or_none()


async def admin_ids(connection: AsyncConnection) -> frozenset[int]:
    """Return the users who are admin everywhere and can sign in, with a password or single sign-on."""
    query = (
        select(col(UserRow.id))
        .join(GrantRow, col(GrantRow.user_id) == col(UserRow.id))
        .where(col(GrantRow.resource) == EVERYWHERE, col(GrantRow.role) == int(Role.ADMIN))
        .where(col(UserRow.password_hash).is_not(None) | col(UserRow.subject).is_not(None))
    )
    return frozenset(id_ for id_ in (await connection.execute(query)).scalars() if id_ is not None)


async def find(connection: AsyncConnection, *, user_id: int | None = None, name: str | None = None) -> User | None:
    """Return a user by ID or by name."""
    where = col(UserRow.id) == user_id if user_id is not None else col(UserRow.name) == name
    rows = await _read(connection, where)
    return rows[0] if rows else None


async def list_all(connection: AsyncConnection) -> list[User]:
    """Return all users, ordered by name."""
    return await _read(connection, col(UserRow.id) > 0)


async def read_rights(connection: AsyncConnection, user_id: int) -> Rights:
    query = select(col(GrantRow.resource), col(GrantRow.role), col(GrantRow.payloads))
    return rights_from_grants(await connection.execute(query.where(col(GrantRow.user_id) == user_id)))


async def _read(connection: AsyncConnection, where: ColumnElement[bool]) -> list[User]:
    ids = select(col(UserRow.id)).where(where)
    grants: dict[int, list[tuple[str, int, bool]]] = {}
    query = select(col(GrantRow.user_id), col(GrantRow.resource), col(GrantRow.role), col(GrantRow.payloads))
    for user_id, resource, role, payloads in await connection.execute(query.where(col(GrantRow.user_id).in_(ids))):
        grants.setdefault(user_id, []).append((resource, role, payloads))
    sessions = await _count(connection, SessionRow, ids)
    tokens = await _count(connection, TokenRow, ids)
    links = await _links(connection, ids)
    rows = await connection.execute(_USERS.where(where).order_by(col(UserRow.name)).limit(USERS_MAX))
    return [
        User(
            id=row.id,
            name=row.name,
            rights=rights_from_grants(grants.get(row.id, ())),
            sign_in_method=_sign_in_method(row.password_hash, row.subject, links.get(row.id)),
            password_set_at=row.password_at,
            created_at=row.made_at,
            created_by=row.made_by,
            last_seen_at=row.seen_at,
            sessions=sessions.get(row.id, 0),
            tokens=tokens.get(row.id, 0),
            link_expires_at=links.get(row.id),
        )
        for row in rows
    ]


def _sign_in_method(password_hash: str | None, subject: str | None, link_expires_at: float | None) -> SignInMethod:
    if subject is not None:
        return SignInMethod.SSO
    if password_hash is not None:
        return SignInMethod.PASSWORD
    return SignInMethod.LINK if link_expires_at is not None else SignInMethod.TOKEN


async def _count(
    connection: AsyncConnection, table: type[SessionRow] | type[TokenRow], ids: Select[Any]
) -> Mapping[int, int]:
    query = select(col(table.user_id), func.count()).where(col(table.user_id).in_(ids))
    return dict((await connection.execute(query.group_by(col(table.user_id)))).all())


async def _links(connection: AsyncConnection, ids: Select[Any]) -> Mapping[int, float]:
    query = select(col(LinkRow.user_id), func.max(col(LinkRow.ends_at))).where(col(LinkRow.user_id).in_(ids))
    expiry = await connection.execute(query.group_by(col(LinkRow.user_id)))
    return {user_id: ends for user_id, ends in expiry if user_id is not None}


_USERS = select(
    col(UserRow.id),
    col(UserRow.name),
    col(UserRow.password_hash),
    col(UserRow.subject),
    col(UserRow.password_at),
    col(UserRow.made_at),
    col(UserRow.made_by),
    col(UserRow.seen_at),
)
