"""The only SQL of history. Every method raises StorageError if the database fails."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Row, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.monitoring.tables import HistoryRow, JournalRow, SeriesRow
from signalbox.storage.dialect import insert
from signalbox.storage.engine import Database

IDS_PER_STATEMENT = 500  # PostgreSQL allows 32,767 values, old SQLite 999
JOURNALS_PER_READ = 20
ROW_BYTES = 48  # the rough cost of a row besides its data: header, key, index entry

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """The subject of a series: a group (or destination), or one partition of it as (destination, index)."""

    connection: str
    group: str
    partition: tuple[str, int] | None = None

    def digest(self) -> bytes:
        """Return the SHA-256 that identifies it in an index: names may be too long for one."""
        destination, index = self.partition or ("", -1)
        parts = [_bytes(self.connection), _bytes(self.group), _bytes(destination), str(index).encode()]
        lengths = ",".join(str(len(part)) for part in parts)  # so that ("a", "bc") differs from ("ab", "c")
        return hashlib.sha256(b"\0".join([lengths.encode(), *parts])).digest()


@dataclass(frozen=True, slots=True)
class PackedHour:
    """One packed hour of one series; `resolution` in seconds, 0 = raw; `hour` since the epoch."""

    series: int
    resolution: int
    hour: int
    data: bytes


class HistoryStore:
    """Reads and writes rows; does not know what is packed in them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ensure_ids(self, subjects: Sequence[SeriesKey], hour: int) -> dict[SeriesKey, int]:
        """Return the id of each series, with new ids for new series."""
        by_digest = {subject.digest(): subject for subject in subjects}
        ids: dict[SeriesKey, int] = {}
        async with self._database.begin() as connection:
            for digests in _slices(list(by_digest)):
                rows = [_series_row(digest, by_digest[digest], hour) for digest in digests]
                await connection.execute(insert(connection, SeriesRow).on_conflict_do_nothing(), rows)
                query = select(col(SeriesRow.key), col(SeriesRow.id)).where(col(SeriesRow.key).in_(digests))
                ids.update((by_digest[row.key], row.id) for row in await connection.execute(query))
        return ids

    async def find_id(self, subject: SeriesKey) -> int | None:
        """Return the id of a series, or None if it has no history."""
        query = select(col(SeriesRow.id)).where(col(SeriesRow.key) == subject.digest())
        rows = await self._database.fetch(query)
        return rows[0].id if rows else None

    async def subjects(self, ids: Collection[int]) -> dict[int, SeriesKey]:
        """Return the subjects of these ids; deleted ones are left out."""
        subjects: dict[int, SeriesKey] = {}
        async with self._database.read() as connection:
            for chunk in _slices(list(ids)):
                rows = await connection.execute(_SERIES.where(col(SeriesRow.id).in_(chunk)))
                subjects.update((row.id, _subject(row)) for row in rows)
        return subjects

    async def save(self, journals: Sequence[bytes], hours: Sequence[PackedHour], delete_to: int | None) -> int | None:
        """Append to the journal, replace packed hours and delete journal rows up to an id: all or nothing.

        Returns:
            The id of the last journal row; None if `journals` is empty.
        """
        last = None
        async with self._database.begin() as connection:
            for journal in journals:
                statement = insert(connection, JournalRow).values(data=journal).returning(col(JournalRow.id))
                last = (await connection.execute(statement)).scalar_one()
            await _replace(connection, hours)
            if delete_to is not None:
                await connection.execute(delete(JournalRow).where(col(JournalRow.id) <= delete_to))
        return last

    async def journal(self, after: int) -> list[tuple[int, bytes]]:
        """Return the next journal rows after an id, in the order of writing; [] at the end."""
        query = select(col(JournalRow.id), col(JournalRow.data)).where(col(JournalRow.id) > after)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(col(JournalRow.id)).limit(JOURNALS_PER_READ))
            return [(row.id, row.data) for row in rows]

    async def hours(self, series: Collection[int], finest: int, first: int, last: int) -> list[PackedHour]:
        """Return packed hours with steps of at least `finest` seconds, from hour `first` to `last`, by series and hour."""
        when = col(HistoryRow.hour).between(first, last), col(HistoryRow.resolution) >= finest
        order = col(HistoryRow.series_id), col(HistoryRow.hour), col(HistoryRow.resolution)
        chunks = (_HOURS.where(col(HistoryRow.series_id).in_(chunk), *when) for chunk in _slices(list(series)))
        rows = await self._database.fetch(*(query.order_by(*order) for query in chunks))
        return [PackedHour(*row) for row in rows]

    async def groups_since(self, resolution: int, hour: int) -> dict[int, SeriesKey]:
        """Return the groups (no partitions) with history at that resolution since that hour."""
        recent: ColumnElement[bool] = exists().where(
            col(HistoryRow.series_id) == col(SeriesRow.id),
            col(HistoryRow.resolution) == resolution,
            col(HistoryRow.hour) >= hour,
        )
        async with self._database.read() as connection:
            rows = await connection.execute(_SERIES.where(col(SeriesRow.destination).is_(None), recent))
            return {row.id: _subject(row) for row in rows}

    async def byte_totals(self) -> dict[tuple[int, int], int]:
        """Return the bytes in the database by (resolution, hour)."""
        place = col(HistoryRow.resolution), col(HistoryRow.hour)
        size = func.sum(col(HistoryRow.size) + ROW_BYTES)
        async with self._database.read() as connection:
            rows = await connection.execute(select(*place, size).group_by(*place))
            return {(resolution, hour): int(bytes_) for resolution, hour, bytes_ in rows}

    async def delete_hour(self, resolution: int, hour: int) -> None:
        """Delete one hour of one resolution, of all series."""
        which = col(HistoryRow.resolution) == resolution, col(HistoryRow.hour) == hour
        async with self._database.begin() as connection:
            await connection.execute(delete(HistoryRow).where(*which))

    async def delete_empty_series(self, made_before_hour: int) -> None:
        """Delete series without history that were created before that hour."""
        has_history: ColumnElement[bool] = exists().where(col(HistoryRow.series_id) == col(SeriesRow.id))
        old = col(SeriesRow.made_hour) < made_before_hour
        async with self._database.begin() as connection:
            await connection.execute(delete(SeriesRow).where(old, ~has_history))


_HOURS = select(col(HistoryRow.series_id), col(HistoryRow.resolution), col(HistoryRow.hour), col(HistoryRow.data))
_SERIES = select(
    col(SeriesRow.id),
    col(SeriesRow.connection),
    col(SeriesRow.group_name),
    col(SeriesRow.destination),
    col(SeriesRow.partition),
)


async def _replace(connection: AsyncConnection, hours: Sequence[PackedHour]) -> None:
    if not hours:
        return
    statement = insert(connection, HistoryRow)
    new = {"size": statement.excluded.size, "data": statement.excluded.data}
    rows = [
        {"series_id": h.series, "resolution": h.resolution, "hour": h.hour, "size": len(h.data), "data": h.data}
        for h in hours
    ]
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["series_id", "resolution", "hour"], set_=new), rows
    )


def _series_row(digest: bytes, subject: SeriesKey, hour: int) -> Mapping[str, object]:
    destination, index = subject.partition or (None, None)
    return {
        "key": digest,
        "connection": _bytes(subject.connection),
        "group_name": _bytes(subject.group),
        "destination": None if destination is None else _bytes(destination),
        "partition": index,
        "made_hour": hour,
    }


def _subject(row: Row[*tuple[Any, ...]]) -> SeriesKey:
    partition = None if row.destination is None else (_text(row.destination), row.partition)
    return SeriesKey(_text(row.connection), _text(row.group_name), partition)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")


def _slices(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for begin in range(0, len(items), IDS_PER_STATEMENT):
        yield items[begin : begin + IDS_PER_STATEMENT]
