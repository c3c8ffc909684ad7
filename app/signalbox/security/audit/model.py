"""One row of the audit log, and the chain of hashes that holds the rows together. Pure."""

import hashlib
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from typing import Final

import msgspec

FORMAT: Final = "signalbox-audit-1"
ZERO_HASH: Final = bytes(32)  # what the first row hangs on


class RowKind(StrEnum):
    """What a row says."""

    INTENT = "intent"  # about to be done
    OUTCOME = "outcome"  # of the intent in row `about`
    REFUSED = "refused"  # was not allowed, so was not begun


class Outcome(StrEnum):
    """How an action ended."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"  # Signalbox was stopped, or who asked left, before it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """What one row says, without its place in the chain. Times are whole microseconds, so that every database gives them back."""

    at_us: int  # since the epoch
    kind: RowKind
    about: int | None  # the row of the intent that an outcome belongs to
    actor: str
    via: str
    address: str
    agent: str
    request: str
    action: str
    resource: str
    target: str
    parameters: str  # JSON
    reason: str
    outcome: str
    detail: str
    took_us: int | None


FIELDS: Final = tuple(field.name for field in fields(AuditRecord))
_values = attrgetter(*FIELDS)


def sanitized(text: str) -> str:
    """Return a text as the log keeps it, and every database gives it back: without NUL and halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def row_hash(row: int, previous: bytes, entry: AuditRecord) -> bytes:
    """Return the SHA-256 of a row: of its number, of the hash of the row before it, and of every field."""
    return hashlib.sha256(msgspec.json.encode([FORMAT, row, previous.hex(), *_values(entry)])).digest()


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A row as it is found, which may not be as it was written. It names the row before it by hash, so it can be judged alone."""

    number: int
    previous: bytes
    hash: bytes
    record: AuditRecord


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """A place in the chain: a row's number and its hash."""

    row: int
    hash: bytes


CHAIN_START: Final = ChainPosition(0, ZERO_HASH)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """Where the log stands."""

    log_id: str
    head: ChainPosition
    sealed: ChainPosition  # the last seal's row; START where nothing was sealed
    seal_document: str  # its signed document, as it is kept
    last_row: int  # the last row that is there, which is the head's unless somebody went around us


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which lines of the log are wanted. What is None or empty is not asked for."""

    search: str = ""  # in who, what, target and reason, whatever the case (on SQLite of ASCII letters only)
    since_us: int | None = None  # asked at this time or later
    until_us: int | None = None  # asked before
    actor: str | None = None
    action: str | None = None
    resource: str | None = None
    outcome: Outcome | None = None
    no_outcome: bool = False  # only what has none: it runs, or was broken off with the process

    @property
    def is_time_range_only(self) -> bool:
        return self == AuditFilter(since_us=self.since_us, until_us=self.until_us)


@dataclass(frozen=True, slots=True)
class AuditCursor:
    """The place in the list after which a page goes on."""

    at_us: int
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One action: the row that says that it was asked for, and what the row of its outcome adds when there is one."""

    row: int
    hash: bytes
    previous: bytes
    at_us: int
    actor: str
    via: str
    address: str
    agent: str
    request: str
    action: str
    resource: str
    target: str
    parameters: str  # JSON
    reason: str
    outcome: str  # an Outcome; "" for none yet
    detail: str
    took_us: int | None
    outcome_row: int | None  # None: none yet, or refused, which is one row
    ended_us: int | None

    @property
    def cursor(self) -> AuditCursor:
        return AuditCursor(self.at_us, self.row)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Some lines, newest first."""

    entries: tuple[AuditEntry, ...]
    older: AuditCursor | None  # where the next page begins; None: there is nothing older
    searched_to_us: int | None = None  # the search went back to here only: going on at `older` goes further back


@dataclass(frozen=True, slots=True)
class EntryCount:
    """How many lines a filter has."""

    number: int
    at_least: bool = False  # it was not counted further
