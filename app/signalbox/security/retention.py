"""Keeps the audit log from growing for ever: what is old goes to a signed file, and only then out of the database.

File, seal beside it, record in the database, deletion, in this order: wherever it stops, nothing is lost, and the next time goes on.
"""

import asyncio
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signalbox.kernel.clock import Clock
from signalbox.security.audit import documents, ndjson
from signalbox.security.audit.chain import Verifier
from signalbox.security.audit.documents import SignedSeal
from signalbox.security.audit.model import ChainPosition, LogState
from signalbox.security.audit.store import AuditStore
from signalbox.security.door import Permit
from signalbox.security.errors import RequestRejected, SecurityError
from signalbox.storage.engine import Database

ROWS_AT_ONCE: Final = 500  # written, or deleted in one short transaction


class SealNotWritten(SecurityError):
    """The file could not be written; nothing was sealed and nothing deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRows:
    """What was taken out of the log."""

    first: int
    last: int
    file: Path  # the rows
    seal_file: Path  # the signed document beside it


class Retention:
    """Seals old rows of the audit log."""

    def __init__(self, database: Database, key: Ed25519PrivateKey, clock: Clock) -> None:
        self._store = AuditStore(database)
        self._key = key
        self._clock = clock

    async def seal(self, permit: Permit, before: float, folder: Path) -> SealedRows | None:
        """Move all rows of before this time (seconds since the epoch) into a file in this folder; None when there are none.

        Raises:
            RequestRejected: the rows are not whole, which has to be looked into while they are there; or somebody seals just now.
            SealNotWritten: the folder cannot be written.
            StorageError: the database did not do it. Do it again.
        """
        await self._delete()  # what was left the last time
        standing = await self._store.state()
        last = await self._last(before, standing)
        if last <= standing.sealed.row:
            permit.detail = "nothing is that old"
            return None
        name = f"audit-{standing.log_id}-{standing.sealed.row + 1}-{last}"
        file, beside = folder / f"{name}.ndjson", folder / f"{name}.seal.json"
        try:
            end, sha256 = await self._export(standing.sealed, last, file)
            document = documents.to_json(self._signed(standing, end, file.name, sha256))
            await asyncio.to_thread(_write, beside, document)
        except OSError as error:
            raise SealNotWritten(
                f"The audit log cannot be sealed: {error.filename or folder} cannot be written: {error.strerror}. "
                "Name a folder that is there and can be written."
            ) from None
        await self._store.record_seal(end, document.decode(), after=standing.sealed)
        permit.detail = f"rows {standing.sealed.row + 1} to {last} in {file.name}"
        await self._delete()
        return SealedRows(first=standing.sealed.row + 1, last=last, file=file, seal_file=beside)

    async def _last(self, before: float, standing: LogState) -> int:
        """Return the row up to which all were asked for before this time."""
        later = await self._store.first_at(round(before * 1e6))
        return standing.head.row if later is None else later - 1

    async def _export(self, start: ChainPosition, last: int, file: Path) -> tuple[ChainPosition, str]:
        """Write the rows after `start` to a file, checking them; return the place of the last and the file's SHA-256."""
        verifier, digest, after = Verifier(start), hashlib.sha256(), start
        part = file.with_suffix(".part")
        with await asyncio.to_thread(part.open, "wb") as opened:
            while after.row < last and (rows := await self._store.rows(after.row, last, ROWS_AT_ONCE)):
                for row in rows:
                    verifier.add(row)
                lines = b"".join(map(ndjson.to_line, rows))
                digest.update(lines)
                await asyncio.to_thread(opened.write, lines)
                after = ChainPosition(rows[-1].number, rows[-1].hash)
            await asyncio.to_thread(_to_disk, opened)
        if (verdict := verifier.finish(after)).findings or after.row != last:
            named = (
                f"row {verdict.findings[0].first} was {verdict.findings[0].kind}"
                if verdict.findings
                else "rows are missing"
            )
            part.unlink()
            raise RequestRejected(
                f"The audit log is not sealed, since it is not whole: {named}. See: signalbox audit verify"
            )
        await asyncio.to_thread(_rename, part, file)
        return after, digest.hexdigest()

    def _signed(self, standing: LogState, end: ChainPosition, file: str, sha256: str) -> SignedSeal:
        seal = SignedSeal(
            log=standing.log_id,
            row=end.row,
            hash=end.hash.hex(),
            at=datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds"),
            first=standing.sealed.row + 1,
            previous=standing.sealed.hash.hex(),
            file=file,
            sha256=sha256,
        )
        return documents.sign(seal, self._key)

    async def _delete(self) -> None:
        while await self._store.delete_sealed(ROWS_AT_ONCE):
            pass


def _write(file: Path, text: bytes) -> None:
    part = file.with_suffix(".part")
    with part.open("wb") as opened:
        opened.write(text)
        _to_disk(opened)
    _rename(part, file)


def _to_disk(opened: BinaryIO) -> None:
    opened.flush()
    os.fsync(opened.fileno())


def _rename(part: Path, file: Path) -> None:
    """Give the file its name, for good: the folder too has to reach the disk."""
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
