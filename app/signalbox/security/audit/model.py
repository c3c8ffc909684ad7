"""Rows of the audit log, their hash chain, and the list of entries made from them. Pure."""

import hashlib
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from typing import Final

import msgspec

FORMAT: Final = "signalbox-audit-1"
ZERO_HASH: Final = bytes(32)  # the previous hash of the first row


class RowKind(StrEnum):
    """The kind of a row."""

    INTENT = "intent"  # an action is about to start
    OUTCOME = "outcome"  # how the action in row `about` ended
    REFUSED = "refused"  # not permitted, so never started


class Outcome(StrEnum):
    """How an action ended."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"  # Signalbox stopped, or the client left, before it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """The content of a row, without its place in the chain. Times are microseconds, which every database stores exactly."""

    at_us: int  # since the epoch
    kind: RowKind
    about: int | None  # of an outcome: the row of its intent
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
    """Return a text that every database stores unchanged: without NUL and lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def row_hash(row: int, previous: bytes, entry: AuditRecord) -> bytes:
    """Return the SHA-256 of a row's number, the previous row's hash, and every field."""
    return hashlib.sha256(msgspec.json.encode([FORMAT, row, previous.hex(), *_values(entry)])).digest()


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A row as stored now, perhaps tampered with. It names the previous row's hash, so it can be verified alone."""

    number: int
    previous: bytes
    hash: bytes
    record: AuditRecord


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """A row's number and hash."""

    row: int
    hash: bytes


CHAIN_START: Final = ChainPosition(0, ZERO_HASH)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """The end of the log and its last seal."""

    log_id: str
    head: ChainPosition
    sealed: ChainPosition  # the last sealed row; CHAIN_START if nothing was sealed
    seal_document: str  # JSON of the last seal; "" if there is none
    last_row: int  # the last stored row: the head's, unless the table was tampered with


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Conditions on entries. None and empty strings do not filter."""

    search: str = ""  # in actor, action, target and reason, ignoring case (on SQLite of ASCII letters only)
    since_us: int | None = None  # requested at this time or later
    until_us: int | None = None  # requested before this time
    actor: str | None = None
    action: str | None = None
    resource: str | None = None
    outcome: Outcome | None = None
    no_outcome: bool = False  # still running, or interrupted with the process

    @property
    def is_time_range_only(self) -> bool:
        return self == AuditFilter(since_us=self.since_us, until_us=self.until_us)


@dataclass(frozen=True, slots=True)
class AuditCursor:
    """The entry after which the next page starts."""

    at_us: int
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One action: its intent or refusal, with the outcome if there is one."""

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
    outcome: str  # an Outcome; "": none yet
    detail: str
    took_us: int | None
    outcome_row: int | None  # None: none yet, or refused, which has one row only
    ended_us: int | None

    @property
    def cursor(self) -> AuditCursor:
        return AuditCursor(self.at_us, self.row)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """A page of entries, newest first."""

    entries: tuple[AuditEntry, ...]
    older: AuditCursor | None  # where the next page starts; None: nothing is older
    searched_to_us: int | None = None  # the search stopped here; the next page continues further back


@dataclass(frozen=True, slots=True)
class EntryCount:
    """The number of entries that match a filter."""

    number: int
    at_least: bool = False  # counting stopped there
