"""What was tried and was wrong, counted over all replicas."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from app.security.accounts.tables import AttemptRow


async def add(connection: AsyncConnection, buckets: Sequence[bytes], name: str | None, at: float) -> list[int]:
    """Insert one attempt in each bucket; return their ids."""
    ids = []
    for index, bucket in enumerate(buckets):
        values = {"bucket": bucket, "name": name if index == 0 else None, "at": at}
        made = await connection.execute(insert(AttemptRow).values(**values).returning(col(AttemptRow.id)))
        ids.append(made.scalar_one() or 0)
    return ids


async def place(connection: AsyncConnection, bucket: bytes, id_: int, since: float) -> tuple[int, float]:
    """Return the how manieth attempt of its bucket this is since a time, and when the first of them was."""
    query = select(func.count(), func.min(col(AttemptRow.at))).where(
        col(AttemptRow.bucket) == bucket, col(AttemptRow.at) > since, col(AttemptRow.id) <= id_
    )
    number, first = (await connection.execute(query)).one()
    return number, first


async def remove(connection: AsyncConnection, ids: Sequence[int]) -> None:
    await connection.execute(delete(AttemptRow).where(col(AttemptRow.id).in_(ids)))


async def forget(connection: AsyncConnection, before: float) -> None:
    await connection.execute(delete(AttemptRow).where(col(AttemptRow.at) <= before))


async def forget_name(connection: AsyncConnection, name: str) -> None:
    await connection.execute(delete(AttemptRow).where(col(AttemptRow.name) == name))


async def locked(connection: AsyncConnection, since: float, most: int) -> Mapping[str, float]:
    """Return the names that are locked for one address at least, with the time of the first attempt that counts."""
    name, at = col(AttemptRow.name), col(AttemptRow.at)
    query = (
        select(name, func.min(at))
        .where(at > since, name.is_not(None))
        .group_by(name, col(AttemptRow.bucket))
        .having(func.count() >= most)
    )
    return {found: first for found, first in (await connection.execute(query)).tuples() if found is not None}
