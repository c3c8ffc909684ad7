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
from signalbox.security.audit.chain import Checked, Fault, Finding, Verdict, Verifier
from signalbox.security.audit.documents import Head, NotProved
from signalbox.security.audit.lines.store import LineStore
from signalbox.security.audit.model import (
    Count,
    Cursor,
    Entry,
    Kind,
    Line,
    LineFilter,
    LinePage,
    Outcome,
    Row,
    Standing,
    kept,
)
from signalbox.security.audit.store import AuditStore
from signalbox.security.errors import RequestRejected
from signalbox.security.model import PARAMETERS_BYTES_MAX, REASON_LENGTH_MAX, Action, Actor, JsonValue
from signalbox.storage.engine import Database

TEXT_LENGTH_MAX: Final = 1000
NAME_LENGTH_MAX: Final = 200  # of what has an index, which takes 2,700 bytes at PostgreSQL
ROWS_AT_ONCE: Final = 500  # read, checked or exported before others have their turn: some milliseconds
LINES_AT_ONCE: Final = 50


class AuditLog:
    """Every method that writes has written before it returns, or raises StorageError and has written nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._store = AuditStore(database)
        self._lines = LineStore(database)
        self._clock = clock
        self._running: set[int] = set()  # rows of this process's intents that have not ended
        self._checks = asyncio.Lock()
        self.checked: Checked | None = None  # the last check, since the start of this process

    async def intent(self, actor: Actor, action: Action) -> int:
        """Write that this is about to be done; return the row's number."""
        row = await self._store.append([self._entry(Kind.INTENT, actor, action)])
        self._running.add(row)
        return row

    async def refused(self, actor: Actor, action: Action, detail: str) -> int:
        """Write that this was asked for and not allowed."""
        return await self._store.append(
            [self._entry(Kind.REFUSED, actor, action, outcome=Outcome.REFUSED, detail=detail)]
        )

    async def outcome(
        self, about: int, actor: Actor, action: Action, outcome: Outcome, *, detail: str, took_s: float
    ) -> int:
        """Write how the intent in row `about` ended."""
        self._running.discard(about)
        took_us = round(took_s * 1e6)
        entry = self._entry(Kind.OUTCOME, actor, action, about=about, outcome=outcome, detail=detail, took_us=took_us)
        return await self._store.append([entry])

    def is_running(self, row: int) -> bool:
        """Say whether what was asked for in this row runs in this process now. What others run cannot be known."""
        return row in self._running

    async def page(self, wanted: LineFilter, older: Cursor | None = None, limit: int = LINES_AT_ONCE) -> LinePage:
        """Return the newest lines of a filter, or those that follow on the last of a page."""
        return await self._lines.page(wanted, older, limit)

    async def count(self, wanted: LineFilter) -> Count:
        return await self._lines.count(wanted)

    async def line(self, row: int) -> Line | None:
        """Return the line of a row, be it what was asked for or the outcome; None where there is none, or it is sealed."""
        return await self._lines.line(row)

    async def actors(self) -> list[str]:
        return await self._lines.choices("actor")

    async def actions(self) -> list[str]:
        return await self._lines.choices("action")

    async def resources(self) -> list[str]:
        return await self._lines.choices("resource")

    async def rows(self, wanted: LineFilter) -> AsyncIterator[Sequence[Row]]:
        """Yield the rows of a filter's lines by number, some at a time; of times alone they are a chain without a gap."""
        standing = await self._store.standing()
        first, last = standing.sealed.row, standing.head.row
        if wanted.since_us is not None:
            since = await self._store.first_at(wanted.since_us)
            first = last if since is None else max(first, since - 1)
        if wanted.until_us is not None and (until := await self._store.first_at(wanted.until_us)) is not None:
            last = until - 1
        for after in range(first, last, ROWS_AT_ONCE):
            yield await self._lines.rows(wanted, after, min(after + ROWS_AT_ONCE, last))

    async def standing(self) -> Standing:
        """Return how far the log goes, and from where on it is here."""
        return await self._store.standing()

    async def check(self, public_key: bytes) -> Checked:
        """Verify as `verify` does, and keep what was found as `checked`.

        Raises:
            Refused: another check runs.
        """
        if self._checks.locked():
            raise RequestRejected("The log is being verified already. Wait for what that check finds.")
        async with self._checks:
            at, started = self._clock(), time.perf_counter()
            verdict = await self.verify(public_key)
            self.checked = Checked(verdict=verdict, at=at, took_s=time.perf_counter() - started)
            return self.checked

    async def head(self, key: Ed25519PrivateKey) -> Head:
        """Return how far the log goes now, signed. Kept elsewhere it shows later that the end was cut off, or all written anew."""
        standing = await self._store.standing()
        at = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")
        head = standing.head
        return documents.sign(Head(log=standing.log, row=head.row, hash=head.hash.hex(), at=at), key)

    async def verify(self, public_key: bytes | None, signed: Head | None = None) -> Verdict:
        """Check every row that is not sealed, its place, and how far the log should go.

        Args:
            public_key: Of the installation that wrote it; needed once there is a seal, which must be signed by it.
            signed: A head that was kept elsewhere, to compare with.

        Raises:
            NotProved: `signed` is not signed by that key, or of another log; or the key is needed and not given.
            Refused: `signed` is of a row that is sealed: its file has it.
        """
        standing = await self._store.standing()
        if public_key is None and (signed is not None or standing.seal):
            raise NotProved("A seal or a signed head can be proved with the public key only. Give it, or the key file.")
        if public_key is not None and signed is not None:
            documents.prove(signed, public_key)
            _comparable(signed, standing)
        verifier = Verifier(standing.sealed, signed.place if signed else None)
        async for rows in self._stored(standing):
            for row in rows:
                verifier.add(row)
        verdict = verifier.end(standing.head)
        if not verdict.is_whole and (await self._store.standing()).sealed != standing.sealed:
            return await self.verify(public_key, signed)  # rows were sealed and deleted while they were read
        return _with_seal(verdict, standing, public_key)

    async def _stored(self, standing: Standing) -> AsyncIterator[Sequence[Row]]:
        after = standing.sealed.row
        while rows := await self._store.rows(after, standing.last, ROWS_AT_ONCE):
            yield rows
            after = rows[-1].number

    def _entry(
        self,
        kind: Kind,
        actor: Actor,
        action: Action,
        *,
        about: int | None = None,
        outcome: str = "",
        detail: str = "",
        took_us: int | None = None,
    ) -> Entry:
        return Entry(
            at_us=round(self._clock() * 1e6),
            kind=kind,
            about=about,
            actor=_text(actor.name, NAME_LENGTH_MAX),
            via=actor.via,
            address=_text(actor.address),
            agent=_text(actor.agent),
            request=_text(actor.request),
            action=_text(action.name, NAME_LENGTH_MAX),
            resource=_text(action.resource or "", NAME_LENGTH_MAX),
            target=_text(action.target),
            parameters=_parameters(action.parameters),
            reason=_text(action.reason, REASON_LENGTH_MAX),
            outcome=outcome,
            detail=_text(detail),
            took_us=took_us,
        )


def _text(text: str, most: int = TEXT_LENGTH_MAX) -> str:
    return kept(text[:most])


def _parameters(parameters: Mapping[str, JsonValue]) -> str:
    encoded = msgspec.json.encode(parameters)
    if len(encoded) > PARAMETERS_BYTES_MAX:
        encoded = msgspec.json.encode({"left_out": f"{len(encoded)} bytes, over {PARAMETERS_BYTES_MAX}"})
    return _text(encoded.decode("utf-8", "replace"), PARAMETERS_BYTES_MAX)


def _comparable(signed: Head, standing: Standing) -> None:
    if signed.log != standing.log:
        raise NotProved(f"The head is of the log {signed.log}, and this is {standing.log}: it proves nothing here.")
    if signed.row < standing.sealed.row:
        sealed = f"Rows to {standing.sealed.row} are sealed and lie in a file of their own"
        raise RequestRejected(
            f"The head is of row {signed.row}. {sealed}: verify that one with --export, or take a later head."
        )


def _with_seal(verdict: Verdict, standing: Standing, public_key: bytes | None) -> Verdict:
    """Return the verdict, with a finding where the seal on which all hangs was not signed, or a signed head is not it."""
    if not standing.seal or public_key is None:
        return verdict
    sealed, signed = standing.sealed, verdict.signed
    try:
        document = documents.read(standing.seal, f"The seal of row {sealed.row}")
        documents.prove(document, public_key)
        proved = document.place == sealed and document.log == standing.log
    except NotProved:
        proved = False
    if proved and (signed is None or signed.row != sealed.row or signed == sealed):
        return verdict
    finding = Finding(fault=Fault.NOT_SIGNED, first=sealed.row, last=sealed.row, found=sealed.hash)
    return replace(verdict, findings=(finding, *verdict.findings))
