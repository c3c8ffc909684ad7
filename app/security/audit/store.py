"""The SQL of the audit log."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import insert, select, update
from sqlmodel import col

from app.security.audit.model import Entry, chained
from app.security.audit.tables import AuditHeadRow, AuditRow
from app.storage.engine import Database

HEAD = 1


class AuditStore:
    """Appends to the chain, and reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entries: Sequence[Entry]) -> int:
        """Write these rows, all or none; return the number of the first.

        Raises:
            StorageError: nothing was written.
        """
        async with self._database.begin() as connection:
            head = select(col(AuditHeadRow.row), col(AuditHeadRow.hash)).where(col(AuditHeadRow.id) == HEAD)
            number, last = (await connection.execute(head.with_for_update())).one()
            first = number + 1
            rows = []
            for number, entry in enumerate(entries, start=first):
                previous, last = last, chained(number, last, entry)
                rows.append({"row": number, "previous": previous, "hash": last, **asdict(entry)})
            await connection.execute(insert(AuditRow), rows)
            await connection.execute(
                update(AuditHeadRow).where(col(AuditHeadRow.id) == HEAD).values(row=number, hash=last)
            )
        return first
