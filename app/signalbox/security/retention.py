"""Moves old audit rows to a signed file.

The order is file, seal file, seal row, deletion: an interruption loses nothing, and the next run continues.
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
    """The file could not be written; nothing was sealed or deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRows:
    """Rows that were moved out of the log."""

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
        """Move all rows older than `before` (seconds since the epoch) to a file in `folder`. None if there are none.

        Raises:
            RequestRejected: the rows are not intact, so they stay for an investigation; or another seal runs.
            SealNotWritten: the folder cannot be written.
            StorageError: the database failed; run it again.
        """
        await self._delete()  # rows that an interrupted run left
        state = await self._store.state()
        last = await self._last(before, state)
        if last <= state.sealed.row:
            permit.detail = "no rows are that old"
            return None
        name = f"audit-{state.log_id}-{state.sealed.row + 1}-{last}"
        file, seal_file = folder / f"{name}.ndjson", folder / f"{name}.seal.json"
        try:
            end, sha256 = await self._export(state.sealed, last, file)
            document = documents.to_json(self._signed(state, end, file.name, sha256))
            await asyncio.to_thread(_write, seal_file, document)
        except OSError as error:
            raise SealNotWritten(
                f"Cannot seal the audit log: cannot write {error.filename or folder}: {error.strerror}. "
                "Choose an existing folder that Signalbox can write."
            ) from None
        await self._store.record_seal(end, document.decode(), after=state.sealed)
        permit.detail = f"rows {state.sealed.row + 1} to {last} in {file.name}"
        await self._delete()
        return SealedRows(first=state.sealed.row + 1, last=last, file=file, seal_file=seal_file)

    async def _last(self, before: float, state: LogState) -> int:
        """Return the last row of the actions requested before this time."""
        later = await self._store.first_at(round(before * 1e6))
        return state.head.row if later is None else later - 1

    async def _export(self, start: ChainPosition, last: int, file: Path) -> tuple[ChainPosition, str]:
        """Verify the rows after `start` and write them to a file; return the last position and the file's SHA-256."""
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
        if (verification := verifier.finish(after)).findings or after.row != last:
            problem = (
                f"row {verification.findings[0].first} was {verification.findings[0].kind}"
                if verification.findings
                else "rows are missing"
            )
            part.unlink()
            raise RequestRejected(
                f"Cannot seal the audit log: it is not intact: {problem}. Run: signalbox audit verify"
            )
        await asyncio.to_thread(_rename, part, file)
        return after, digest.hexdigest()

    def _signed(self, state: LogState, end: ChainPosition, file: str, sha256: str) -> SignedSeal:
        seal = SignedSeal(
            log=state.log_id,
            row=end.row,
            hash=end.hash.hex(),
            at=datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds"),
            first=state.sealed.row + 1,
            previous=state.sealed.hash.hex(),
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
    """Rename the file durably: the folder has to reach the disk too."""
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
