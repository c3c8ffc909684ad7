"""The audit log: written by the door, read by pages and commands."""

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
NAME_LENGTH_MAX: Final = 200  # of indexed columns: PostgreSQL indexes at most 2,700 bytes
ROWS_AT_ONCE: Final = 500  # takes a few milliseconds, then other tasks run
ENTRIES_PER_PAGE: Final = 50


class AuditLog:
    """Methods that write have committed when they return, or raise StorageError and have written nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._store = AuditStore(database)
        self._entries = EntryStore(database)
        self._clock = clock
        self._running: set[int] = set()  # rows of actions that run in this process
        self._verifying = asyncio.Lock()
        self.last_verification: TimedVerification | None = None  # since this process started

    async def record_intent(self, actor: Actor, action: Action) -> int:
        """Write that an action is about to start; return the row's number."""
        row = await self._store.append([self._record(RowKind.INTENT, actor, action)])
        self._running.add(row)
        return row

    async def record_refusal(self, actor: Actor, action: Action, detail: str) -> int:
        """Write that an action was not permitted."""
        return await self._store.append(
            [self._record(RowKind.REFUSED, actor, action, outcome=Outcome.REFUSED, detail=detail)]
        )

    async def record_outcome(
        self, about: int, actor: Actor, action: Action, outcome: Outcome, *, detail: str, took_s: float
    ) -> int:
        """Write how the action in row `about` ended."""
        self._running.discard(about)
        took_us = round(took_s * 1e6)
        entry = self._record(
            RowKind.OUTCOME, actor, action, about=about, outcome=outcome, detail=detail, took_us=took_us
        )
        return await self._store.append([entry])

    def is_running(self, row: int) -> bool:
        """Return whether the action in this row runs in this process. Other processes are not visible."""
        return row in self._running

    async def page(
        self, query: AuditFilter, older: AuditCursor | None = None, limit: int = ENTRIES_PER_PAGE
    ) -> AuditPage:
        """Return the newest entries that match, or those older than the cursor."""
        return await self._entries.page(query, older, limit)

    async def count(self, query: AuditFilter) -> EntryCount:
        return await self._entries.count(query)

    async def entry(self, row: int) -> AuditEntry | None:
        """Return the entry of a row, which may be its intent or its outcome; None if it does not exist or is sealed."""
        return await self._entries.entry(row)

    async def actors(self) -> list[str]:
        return await self._entries.choices("actor")

    async def actions(self) -> list[str]:
        return await self._entries.choices("action")

    async def resources(self) -> list[str]:
        return await self._entries.choices("resource")

    async def rows(self, query: AuditFilter) -> AsyncIterator[Sequence[ChainRow]]:
        """Yield the rows of matching entries by number, in batches. A filter by time only yields a chain without gaps."""
        state = await self._store.state()
        first, last = state.sealed.row, state.head.row
        if query.since_us is not None:
            since = await self._store.first_at(query.since_us)
            first = last if since is None else max(first, since - 1)
        if query.until_us is not None and (until := await self._store.first_at(query.until_us)) is not None:
            last = until - 1
        for after in range(first, last, ROWS_AT_ONCE):
            yield await self._entries.rows(query, after, min(after + ROWS_AT_ONCE, last))

    async def state(self) -> LogState:
        """Return the end of the log and its last seal."""
        return await self._store.state()

    async def verify_and_record(self, public_key: bytes) -> TimedVerification:
        """Verify the log and keep the result as `last_verification`. Raises RequestRejected if a verification runs."""
        if self._verifying.locked():
            raise RequestRejected("A verification of the audit log is already running. Wait for its result.")
        async with self._verifying:
            at, started = self._clock(), time.perf_counter()
            verification = await self.verify(public_key)
            self.last_verification = TimedVerification(
                verification=verification, at=at, took_s=time.perf_counter() - started
            )
            return self.last_verification

    async def head(self, key: Ed25519PrivateKey) -> SignedHead:
        """Return the signed head of the log. Stored elsewhere it later proves that rows were removed or rewritten."""
        state = await self._store.state()
        at = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")
        head = state.head
        return documents.sign(SignedHead(log=state.log_id, row=head.row, hash=head.hash.hex(), at=at), key)

    async def verify(self, public_key: bytes | None, signed_head: SignedHead | None = None) -> Verification:
        """Verify every row that is not sealed, its place, and the end of the log.

        Args:
            public_key: Of the installation; required once there is a seal.
            signed_head: A head that was stored elsewhere, to compare with.

        Raises:
            DocumentNotTrusted: the head is not signed by this key or is of another log, or the key is missing.
            RequestRejected: the head's row is sealed: its file has it.
        """
        state = await self._store.state()
        if public_key is None and (signed_head is not None or state.seal_document):
            raise DocumentNotTrusted(
                "Verifying a seal or signed head requires the public key. Give --public-key (copy it from a signed head stored elsewhere) or set [security] key_file."
            )
        if public_key is not None and signed_head is not None:
            documents.verify_signature(signed_head, public_key)
            _require_comparable(signed_head, state)
        verifier = Verifier(state.sealed, signed_head.position if signed_head else None)
        async for rows in self._read_rows(state):
            for row in rows:
                verifier.add(row)
        verification = verifier.finish(state.head)
        if not verification.is_intact and (await self._store.state()).sealed != state.sealed:
            return await self.verify(public_key, signed_head)  # rows were sealed and deleted while they were read
        return _check_seal(verification, state, public_key)

    async def _read_rows(self, state: LogState) -> AsyncIterator[Sequence[ChainRow]]:
        after = state.sealed.row
        while rows := await self._store.rows(after, state.last_row, ROWS_AT_ONCE):
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


def _require_comparable(signed_head: SignedHead, state: LogState) -> None:
    if signed_head.log != state.log_id:
        raise DocumentNotTrusted(
            f"The head belongs to the audit log {signed_head.log}, but this is {state.log_id}. Use a head of this log."
        )
    if signed_head.row < state.sealed.row:
        raise RequestRejected(
            f"The head is of row {signed_head.row}, but rows up to {state.sealed.row} were sealed to a file. "
            "Verify that file with --export, or use a later head."
        )


def _check_seal(verification: Verification, state: LogState, public_key: bytes | None) -> Verification:
    """Add a finding if the last seal is not signed by this key, or contradicts the signed head."""
    if not state.seal_document or public_key is None:
        return verification
    sealed, signed_head = state.sealed, verification.signed_head
    try:
        document = documents.parse(state.seal_document, f"The seal of row {sealed.row}")
        documents.verify_signature(document, public_key)
        proved = document.position == sealed and document.log == state.log_id
    except DocumentNotTrusted:
        proved = False
    if proved and (signed_head is None or signed_head.row != sealed.row or signed_head == sealed):
        return verification
    finding = Finding(kind=FindingKind.NOT_AS_SIGNED, first=sealed.row, last=sealed.row, found=sealed.hash)
    return replace(verification, findings=(finding, *verification.findings))
