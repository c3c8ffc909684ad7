"""The only SQL of history. Every method raises StorageError when the database does not do what is asked."""

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

IDS_AT_ONCE = 500  # values in one statement; PostgreSQL and old SQLite stop at 32,767 and 999
JOURNALS_AT_ONCE = 20
ROW_BYTES = 48  # what a row costs beside its data, roughly: header, key, index entry


Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What a series is about: a group (or destination), or one partition of one: (destination, index)."""

    connection: str
    group: str
    partition: tuple[str, int] | None = None

    def key(self) -> bytes:
        """Return what stands for it in an index: names may be longer than an index takes."""
        destination, index = self.partition or ("", -1)
        parts = [_bytes(self.connection), _bytes(self.group), _bytes(destination), str(index).encode()]
        lengths = ",".join(str(len(part)) for part in parts)  # so that ("a", "bc") is not ("ab", "c")
        return hashlib.sha256(b"\0".join([lengths.encode(), *parts])).digest()


@dataclass(frozen=True, slots=True)
class PackedHour:
    """One packed hour of one series; `resolution` in seconds, 0 = as read; `hour` since the epoch."""

    series: int
    resolution: int
    hour: int
    data: bytes


class HistoryStore:
    """Rows in and out; knows nothing of what is packed in them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def identify(self, subjects: Sequence[SeriesKey], hour: int) -> dict[SeriesKey, int]:
        """Return the id of each; those never seen get one."""
        wanted = {subject.key(): subject for subject in subjects}
        found: dict[SeriesKey, int] = {}
        async with self._database.begin() as connection:
            for keys in _slices(list(wanted)):
                rows = [_series_row(key, wanted[key], hour) for key in keys]
                await connection.execute(insert(connection, SeriesRow).on_conflict_do_nothing(), rows)
                query = select(col(SeriesRow.key), col(SeriesRow.id)).where(col(SeriesRow.key).in_(keys))
                found.update((wanted[row.key], row.id) for row in await connection.execute(query))
        return found

    async def find(self, subject: SeriesKey) -> int | None:
        """Return its id, or None if it has no history."""
        query = select(col(SeriesRow.id)).where(col(SeriesRow.key) == subject.key())
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def subjects(self, ids: Collection[int]) -> dict[int, SeriesKey]:
        """Return what these ids stand for; those that are gone are left out."""
        found: dict[int, SeriesKey] = {}
        async with self._database.read() as connection:
            for some in _slices(list(ids)):
                rows = await connection.execute(_SERIES.where(col(SeriesRow.id).in_(some)))
                found.update((row.id, _subject(row)) for row in rows)
        return found

    async def save(self, journals: Sequence[bytes], hours: Sequence[PackedHour], forget_to: int | None) -> int | None:
        """Append to the journal, replace packed hours and drop journal rows up to an id: all or nothing.

        Returns:
            The id of the last journal row; None if none was given.
        """
        last = None
        async with self._database.begin() as connection:
            for journal in journals:
                made = insert(connection, JournalRow).values(data=journal).returning(col(JournalRow.id))
                last = (await connection.execute(made)).scalar_one()
            await _replace(connection, hours)
            if forget_to is not None:
                await connection.execute(delete(JournalRow).where(col(JournalRow.id) <= forget_to))
        return last

    async def journal(self, after: int) -> list[tuple[int, bytes]]:
        """Return the next journal rows after an id, in the order in which they were written; [] at the end."""
        query = select(col(JournalRow.id), col(JournalRow.data)).where(col(JournalRow.id) > after)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(col(JournalRow.id)).limit(JOURNALS_AT_ONCE))
            return [(row.id, row.data) for row in rows]

    async def hours(self, series: Collection[int], coarser_than: int, first: int, last: int) -> list[PackedHour]:
        """Return packed hours of at least that resolution from hour `first` to `last`, in order of series and hour."""
        found: list[PackedHour] = []
        when = col(HistoryRow.hour).between(first, last), col(HistoryRow.resolution) >= coarser_than
        async with self._database.read() as connection:
            for some in _slices(list(series)):
                query = _HOURS.where(col(HistoryRow.series_id).in_(some), *when)
                order = col(HistoryRow.series_id), col(HistoryRow.hour), col(HistoryRow.resolution)
                found += [PackedHour(*row) for row in await connection.execute(query.order_by(*order))]
        return found

    async def groups_since(self, resolution: int, hour: int) -> dict[int, SeriesKey]:
        """Return the groups, without their partitions, that have history at that resolution since that hour."""
        recent: ColumnElement[bool] = exists().where(
            col(HistoryRow.series_id) == col(SeriesRow.id),
            col(HistoryRow.resolution) == resolution,
            col(HistoryRow.hour) >= hour,
        )
        async with self._database.read() as connection:
            rows = await connection.execute(_SERIES.where(col(SeriesRow.destination).is_(None), recent))
            return {row.id: _subject(row) for row in rows}

    async def totals(self) -> dict[tuple[int, int], int]:
        """Return the bytes kept per (resolution, hour)."""
        kept = col(HistoryRow.resolution), col(HistoryRow.hour)
        size = func.sum(col(HistoryRow.size) + ROW_BYTES)
        async with self._database.read() as connection:
            rows = await connection.execute(select(*kept, size).group_by(*kept))
            return {(resolution, hour): int(bytes_) for resolution, hour, bytes_ in rows}

    async def prune(self, resolution: int, hour: int) -> None:
        """Drop one hour of one resolution, of all series."""
        doomed = col(HistoryRow.resolution) == resolution, col(HistoryRow.hour) == hour
        async with self._database.begin() as connection:
            await connection.execute(delete(HistoryRow).where(*doomed))

    async def drop_empty(self, made_before_hour: int) -> None:
        """Drop series that have no history left and were not made lately."""
        kept: ColumnElement[bool] = exists().where(col(HistoryRow.series_id) == col(SeriesRow.id))
        old = col(SeriesRow.made_hour) < made_before_hour
        async with self._database.begin() as connection:
            await connection.execute(delete(SeriesRow).where(old, ~kept))


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


def _series_row(key: bytes, subject: SeriesKey, hour: int) -> Mapping[str, object]:
    destination, index = subject.partition or (None, None)
    return {
        "key": key,
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


def _slices(things: Sequence[Thing]) -> Iterator[Sequence[Thing]]:
    for begin in range(0, len(things), IDS_AT_ONCE):
        yield things[begin : begin + IDS_AT_ONCE]
