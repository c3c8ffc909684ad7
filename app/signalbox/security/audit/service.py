"""What the door writes down, and what pages and verbs read of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signalbox.kernel.clock import Clock
from signalbox.security.audit import documents
from signalbox.security.audit.chain import Finding, FindingKind, TimedVerification, Verification, Verifier
from signalbox.security.audit.documents import DocumentNotTrusted, SignedHead
from signalbox.security.audit.entries.store import EntryStore
from signalbox.security.audit.model import (
    AuditCursor,
    AuditEntry,
    AuditFilter,
    AuditPage,
    AuditRecord,
    ChainRow,
    EntryCount,
    LogState,
    Outcome,
    RowKind,
    sanitized,
)
from signalbox.security.audit.store import AuditStore
from signalbox.security.errors import RequestRejected
from signalbox.security.model import PARAMETERS_BYTES_MAX, REASON_LENGTH_MAX, Action, Actor, JsonValue
from signalbox.storage.engine import Database

TEXT_LENGTH_MAX: Final = 1000
NAME_LENGTH_MAX: Final = 200  # of what has an index, which takes 2,700 bytes at PostgreSQL
ROWS_AT_ONCE: Final = 500  # read, checked or exported before others have their turn: some milliseconds
ENTRIES_PER_PAGE: Final = 50


class AuditLog:
    """Every method that writes has written before it returns, or raises StorageError and has written nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._store = AuditStore(database)
        self._entries = EntryStore(database)
        self._clock = clock
        self._running: set[int] = set()  # rows of this process's intents that have not ended
        self._verifying = asyncio.Lock()
        self.last_verification: TimedVerification | None = None  # the last check, since the start of this process

    async def record_intent(self, actor: Actor, action: Action) -> int:
        """Write that this is about to be done; return the row's number."""
        row = await self._store.append([self._record(RowKind.INTENT, actor, action)])
        self._running.add(row)
        return row

    async def record_refusal(self, actor: Actor, action: Action, detail: str) -> int:
        """Write that this was asked for and not allowed."""
        return await self._store.append(
            [self._record(RowKind.REFUSED, actor, action, outcome=Outcome.REFUSED, detail=detail)]
        )

    async def record_outcome(
        self, about: int, actor: Actor, action: Action, outcome: Outcome, *, detail: str, took_s: float
    ) -> int:
        """Write how the intent in row `about` ended."""
        self._running.discard(about)
        took_us = round(took_s * 1e6)
        entry = self._record(
            RowKind.OUTCOME, actor, action, about=about, outcome=outcome, detail=detail, took_us=took_us
        )
        return await self._store.append([entry])

    def is_running(self, row: int) -> bool:
        """Say whether what was asked for in this row runs in this process now. What others run cannot be known."""
        return row in self._running

    async def page(
        self, wanted: AuditFilter, older: AuditCursor | None = None, limit: int = ENTRIES_PER_PAGE
    ) -> AuditPage:
        """Return the newest lines of a filter, or those that follow on the last of a page."""
        return await self._entries.page(wanted, older, limit)

    async def count(self, wanted: AuditFilter) -> EntryCount:
        return await self._entries.count(wanted)

    async def entry(self, row: int) -> AuditEntry | None:
        """Return the line of a row, be it what was asked for or the outcome; None where there is none, or it is sealed."""
        return await self._entries.entry(row)

    async def actors(self) -> list[str]:
        return await self._entries.choices("actor")

    async def actions(self) -> list[str]:
        return await self._entries.choices("action")

    async def resources(self) -> list[str]:
        return await self._entries.choices("resource")

    async def rows(self, wanted: AuditFilter) -> AsyncIterator[Sequence[ChainRow]]:
        """Yield the rows of a filter's lines by number, some at a time; of times alone they are a chain without a gap."""
        standing = await self._store.state()
        first, last = standing.sealed.row, standing.head.row
        if wanted.since_us is not None:
            since = await self._store.first_at(wanted.since_us)
            first = last if since is None else max(first, since - 1)
        if wanted.until_us is not None and (until := await self._store.first_at(wanted.until_us)) is not None:
            last = until - 1
        for after in range(first, last, ROWS_AT_ONCE):
            yield await self._entries.rows(wanted, after, min(after + ROWS_AT_ONCE, last))

    async def state(self) -> LogState:
        """Return how far the log goes, and from where on it is here."""
        return await self._store.state()

    async def verify_and_record(self, public_key: bytes) -> TimedVerification:
        """Verify as `verify` does, and keep what was found as `checked`.

        Raises:
            RequestRejected: another check runs.
        """
        if self._verifying.locked():
            raise RequestRejected("The log is being verified already. Wait for what that check finds.")
        async with self._verifying:
            at, started = self._clock(), time.perf_counter()
            verdict = await self.verify(public_key)
            self.last_verification = TimedVerification(
                verification=verdict, at=at, took_s=time.perf_counter() - started
            )
            return self.last_verification

    async def head(self, key: Ed25519PrivateKey) -> SignedHead:
        """Return how far the log goes now, signed. Kept elsewhere it shows later that the end was cut off, or all written anew."""
        standing = await self._store.state()
        at = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")
        head = standing.head
        return documents.sign(SignedHead(log=standing.log_id, row=head.row, hash=head.hash.hex(), at=at), key)

    async def verify(self, public_key: bytes | None, signed: SignedHead | None = None) -> Verification:
        """Check every row that is not sealed, its place, and how far the log should go.

        Args:
            public_key: Of the installation that wrote it; needed once there is a seal, which must be signed by it.
            signed: A head that was kept elsewhere, to compare with.

        Raises:
            DocumentNotTrusted: `signed` is not signed by that key, or of another log; or the key is needed and not given.
            RequestRejected: `signed` is of a row that is sealed: its file has it.
        """
        standing = await self._store.state()
        if public_key is None and (signed is not None or standing.seal_document):
            raise DocumentNotTrusted(
                "A seal or a signed head can be proved with the public key only. Give it, or the key file."
            )
        if public_key is not None and signed is not None:
            documents.verify_signature(signed, public_key)
            _require_comparable(signed, standing)
        verifier = Verifier(standing.sealed, signed.position if signed else None)
        async for rows in self._read_rows(standing):
            for row in rows:
                verifier.add(row)
        verdict = verifier.finish(standing.head)
        if not verdict.is_intact and (await self._store.state()).sealed != standing.sealed:
            return await self.verify(public_key, signed)  # rows were sealed and deleted while they were read
        return _check_seal(verdict, standing, public_key)

    async def _read_rows(self, standing: LogState) -> AsyncIterator[Sequence[ChainRow]]:
        after = standing.sealed.row
        while rows := await self._store.rows(after, standing.last_row, ROWS_AT_ONCE):
            yield rows
            after = rows[-1].number

    def _record(
        self,
        kind: RowKind,
        actor: Actor,
        action: Action,
        *,
        about: int | None = None,
        outcome: str = "",
        detail: str = "",
        took_us: int | None = None,
    ) -> AuditRecord:
        return AuditRecord(
            at_us=round(self._clock() * 1e6),
            kind=kind,
            about=about,
            actor=_bounded(actor.name, NAME_LENGTH_MAX),
            via=actor.via,
            address=_bounded(actor.address),
            agent=_bounded(actor.agent),
            request=_bounded(actor.request),
            action=_bounded(action.name, NAME_LENGTH_MAX),
            resource=_bounded(action.resource or "", NAME_LENGTH_MAX),
            target=_bounded(action.target),
            parameters=_parameters(action.parameters),
            reason=_bounded(action.reason, REASON_LENGTH_MAX),
            outcome=outcome,
            detail=_bounded(detail),
            took_us=took_us,
        )


def _bounded(text: str, most: int = TEXT_LENGTH_MAX) -> str:
    return sanitized(text[:most])


def _parameters(parameters: Mapping[str, JsonValue]) -> str:
    encoded = msgspec.json.encode(parameters)
    if len(encoded) > PARAMETERS_BYTES_MAX:
        encoded = msgspec.json.encode({"left_out": f"{len(encoded)} bytes, over {PARAMETERS_BYTES_MAX}"})
    return _bounded(encoded.decode("utf-8", "replace"), PARAMETERS_BYTES_MAX)


def _require_comparable(signed: SignedHead, standing: LogState) -> None:
    if signed.log != standing.log_id:
        raise DocumentNotTrusted(
            f"The head is of the log {signed.log}, and this is {standing.log_id}: it proves nothing here."
        )
    if signed.row < standing.sealed.row:
        sealed = f"Rows to {standing.sealed.row} are sealed and lie in a file of their own"
        raise RequestRejected(
            f"The head is of row {signed.row}. {sealed}: verify that one with --export, or take a later head."
        )


def _check_seal(verdict: Verification, standing: LogState, public_key: bytes | None) -> Verification:
    """Return the verdict, with a finding where the seal on which all hangs was not signed, or a signed head is not it."""
    if not standing.seal_document or public_key is None:
        return verdict
    sealed, signed = standing.sealed, verdict.signed_head
    try:
        document = documents.parse(standing.seal_document, f"The seal of row {sealed.row}")
        documents.verify_signature(document, public_key)
        proved = document.position == sealed and document.log == standing.log_id
    except DocumentNotTrusted:
        proved = False
    if proved and (signed is None or signed.row != sealed.row or signed == sealed):
        return verdict
    finding = Finding(kind=FindingKind.NOT_AS_SIGNED, first=sealed.row, last=sealed.row, found=sealed.hash)
    return replace(verdict, findings=(finding, *verdict.findings))
