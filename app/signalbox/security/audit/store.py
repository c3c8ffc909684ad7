"""The SQL of the chain: appending, reading, sealing. Every method raises StorageError if it fails."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import LargeBinary, cast, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from signalbox.security.audit.model import CHAIN_START, FIELDS, AuditRecord, ChainPosition, ChainRow, LogState, row_hash
from signalbox.security.audit.tables import IS_ENTRY, AuditHeadRow, AuditRow, AuditSealRow
from signalbox.security.errors import RequestRejected
from signalbox.storage.engine import Database

HEAD: Final = 1
COLUMNS: Final = [
    col(AuditRow.row),
    # SQLite returns values of any type: verification has to see them, the driver must not fail on them
    *(cast(column, LargeBinary) for column in (col(AuditRow.previous), col(AuditRow.hash))),
    *(getattr(AuditRow, name) for name in FIELDS),
]


class AuditStore:
    """Appends to the chain, and reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entries: Sequence[AuditRecord]) -> int:
        """Append rows in one transaction; return the number of the first."""
        async with self._database.begin() as connection:
            head = select(col(AuditHeadRow.row), col(AuditHeadRow.hash)).where(col(AuditHeadRow.id) == HEAD)
            number, last = (await connection.execute(head.with_for_update())).one()
            first = number + 1
            rows = []
            for number, entry in enumerate(entries, start=first):
                previous, last = last, row_hash(number, last, entry)
                rows.append({"row": number, "previous": previous, "hash": last, **asdict(entry)})
            await connection.execute(insert(AuditRow), rows)
            await connection.execute(
                update(AuditHeadRow).where(col(AuditHeadRow.id) == HEAD).values(row=number, hash=last)
            )
        return first

    async def state(self) -> LogState:
        async with self._database.read() as connection:
            return await _read_state(connection)

    async def rows(self, after: int, to: int, limit: int) -> list[ChainRow]:
        """Return at most `limit` rows after `after` up to `to`, by number."""
        number = col(AuditRow.row)
        query = select(*COLUMNS).where(number > after, number <= to).order_by(number).limit(limit)
        async with self._database.read() as connection:
            rows = await connection.execute(query)
        return [as_row(row) for row in rows]

    async def first_at(self, at_us: int) -> int | None:
        """Return the first intent or refusal at this time or later."""
        query = (
            select(col(AuditRow.row))
            .where(IS_ENTRY, col(AuditRow.at_us) >= at_us)
            .order_by(col(AuditRow.at_us), col(AuditRow.row))
            .limit(1)
        )
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def record_seal(self, seal: ChainPosition, document: str, after: ChainPosition) -> None:
        """Write that all rows up to `seal` are in a file; from then on they are not read and may be deleted.

        Raises:
            RequestRejected: `after` is not the last seal: another process sealed meanwhile.
        """
        async with self._database.begin() as connection:
            await connection.execute(select(col(AuditHeadRow.row)).with_for_update())  # one at a time
            if (await _read_state(connection)).sealed != after:
                raise RequestRejected(
                    "Another process sealed the audit log at the same time. This command sealed nothing. Verify the other file: signalbox audit verify --export FILE."
                )
            await connection.execute(insert(AuditSealRow).values(row=seal.row, hash=seal.hash, document=document))

    async def delete_sealed(self, limit: int) -> int:
        """Delete the oldest sealed rows, at most `limit`; return how many."""
        number, sealed = col(AuditRow.row), select(func.max(col(AuditSealRow.row))).scalar_subquery()
        oldest = select(number).where(number <= sealed).order_by(number).limit(limit)
        async with self._database.begin() as connection:
            return (await connection.execute(delete(AuditRow).where(number.in_(oldest)))).rowcount


def as_row(values: Iterable[Any]) -> ChainRow:
    """Return a row of COLUMNS."""
    number, previous, hash_, *fields = values
    return ChainRow(number, previous, hash_, AuditRecord(**dict(zip(FIELDS, fields, strict=True))))


async def _read_state(connection: AsyncConnection) -> LogState:
    """Read it in one statement, so that all of it is of one moment."""
    seal = select(col(AuditSealRow.row)).order_by(col(AuditSealRow.row).desc()).limit(1).scalar_subquery()
    last = select(func.max(col(AuditRow.row))).scalar_subquery()
    head, of_seal = AuditHeadRow, (AuditSealRow.row, AuditSealRow.hash, AuditSealRow.document)
    columns: list[Any] = [head.log, head.row, head.hash, *of_seal, last]
    query = (
        select(*columns)
        .select_from(head)
        .outerjoin(AuditSealRow, col(AuditSealRow.row) == seal)
        .where(col(head.id) == HEAD)
    )
    log, row, hash_, sealed, sealed_hash, document, last_row = (await connection.execute(query)).one()
    return LogState(
        log_id=log,
        head=ChainPosition(row, hash_),
        sealed=CHAIN_START if sealed is None else ChainPosition(sealed, sealed_hash),
        seal_document=document or "",
        last_row=row if last_row is None else last_row,
    )
