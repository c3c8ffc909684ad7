"""Failed attempts, counted over all replicas."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.security.accounts.tables import AttemptRow


async def add(connection: AsyncConnection, buckets: Sequence[bytes], name: str | None, at: float) -> list[int]:
    """Insert one attempt in each bucket; return the IDs."""
    rows = [{"bucket": bucket, "name": name, "at": at} for bucket in buckets]
    result = await connection.execute(insert(AttemptRow).returning(col(AttemptRow.id)), rows)
    return [id_ for id_ in result.scalars() if id_ is not None]


async def count(connection: AsyncConnection, bucket: bytes, since: float) -> tuple[int, float]:
    """Return the number of attempts in a bucket since a time, and the time of the first (or `since` if there is none)."""
    at = col(AttemptRow.at)
    query = select(func.count(), func.coalesce(func.min(at), since)).where(col(AttemptRow.bucket) == bucket, at > since)
    number, first = (await connection.execute(query)).one()
    return number, first


async def remove(connection: AsyncConnection, ids: Sequence[int]) -> None:
    await connection.execute(delete(AttemptRow).where(col(AttemptRow.id).in_(ids)))


async def remove_older(connection: AsyncConnection, before: float) -> None:
    await connection.execute(delete(AttemptRow).where(col(AttemptRow.at) <= before))


async def remove_by_name(connection: AsyncConnection, name: str) -> None:
    await connection.execute(delete(AttemptRow).where(col(AttemptRow.name) == name))


async def locked_names(connection: AsyncConnection, since: float, most: int) -> Mapping[str, float]:
    """Return the names locked for at least one address, with the time of the first attempt that still counts.

    For a name locked for several addresses, that of the latest lock.
    """
    name, at = col(AttemptRow.name), col(AttemptRow.at)
    query = (
        select(name, func.min(at))
        .where(at > since, name.is_not(None))
        .group_by(name, col(AttemptRow.bucket))
        .having(func.count() >= most)
        .order_by(func.min(at))
    )
    return {name_: first_at for name_, first_at in (await connection.execute(query)) if name_ is not None}
