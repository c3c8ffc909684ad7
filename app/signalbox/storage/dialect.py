"""Where SQLite and PostgreSQL differ: connection set-up, transactions, upserts, and what their error codes mean."""

import sqlite3
from typing import Any

from sqlalchemy import BigInteger, event, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from signalbox.storage import errors
from signalbox.storage.schema import Table

BUSY_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0  # a PostgreSQL that has gone silent must not hold a task for ever
READ_ONLY = {"signalbox_read_only": True}
SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")

SQLITE_CODES: dict[int, tuple[type[errors.StorageError], str, str]] = {
    sqlite3.SQLITE_BUSY: (
        errors.DatabaseBusy,
        "stayed locked",
        "End the other program that writes to it, or wait.",
    ),
    sqlite3.SQLITE_READONLY: (
        errors.DatabaseReadOnly,
        "cannot be written",
        "Give this user the right to write the file and its folder.",
    ),
    sqlite3.SQLITE_FULL: (errors.DatabaseFull, "has no room left on its disk", "Free some space there."),
    sqlite3.SQLITE_IOERR: (
        errors.DatabaseUnreachable,
        "could not be read or written by the system",
        "Look at the disk, its free space and its mount.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        errors.DatabaseUnreachable,
        "cannot be opened",
        "Its folder must exist and this user must be allowed to write there.",
    ),
    sqlite3.SQLITE_NOTADB: (errors.DatabaseDamaged, "is not an SQLite file", "Name another file in [database] url."),
    sqlite3.SQLITE_CORRUPT: (errors.DatabaseDamaged, "is damaged", "Restore it from a copy, or name a new file."),
}
MISSING_TABLE = "lacks a table that this version of Signalbox needs", "Run: signalbox migrate"
SILENT = "did not answer in time", "See that it runs, and that this machine can reach it."
UNREACHABLE = "cannot be reached", "See that it runs, and that the host and port in [database] url are right."

POSTGRES_CODES: dict[str, tuple[type[errors.StorageError], str, str]] = {
    "53100": (errors.DatabaseFull, "has no room left on its disk", "Free some space there."),
    "25006": (errors.DatabaseReadOnly, "is read-only", "Name the primary, not a replica, in [database] url."),
    "42501": (errors.DatabaseRefused, "denies this user a right", "Grant it, or use the owner of the tables."),
    "28P01": (errors.DatabaseRefused, "refuses this user or password", "Correct [database] url."),
    "28000": (errors.DatabaseRefused, "refuses this user", "Correct [database] url, or the server's pg_hba.conf."),
    "3D000": (errors.DatabaseRefused, "does not exist on that server", "Create it: CREATE DATABASE ..."),
    "42P01": (errors.SchemaOutdated, *MISSING_TABLE),
    "42703": (errors.SchemaOutdated, "lacks a column that this version of Signalbox needs", "Run: signalbox migrate"),
    "53300": (errors.DatabaseBusy, "has no connection left", "Raise its max_connections, or end other clients."),
    "55P03": (errors.DatabaseBusy, "stayed locked", "End the other program that writes to it, or wait."),
    "40P01": (errors.DatabaseBusy, "ended this transaction to resolve a deadlock", "It is tried again."),
}
SQLITE_ERRORS = (sqlite3.Error,)  # a connect listener raises them bare
POSTGRES_DOWN = ("08", "57")  # connection exceptions; the server is starting, stopping or was told to stop


def connect_arguments(*, is_sqlite: bool) -> dict[str, Any]:
    """Return what the driver is told at each connect."""
    if is_sqlite:
        return {"timeout": BUSY_TIMEOUT_MS / 1000}  # becomes PRAGMA busy_timeout
    return {"timeout": CONNECT_TIMEOUT_S, "command_timeout": COMMAND_TIMEOUT_S}


def prepare_sqlite(engine: AsyncEngine) -> None:
    """Write-ahead log, waiting for locks, foreign keys; and a writer takes the write lock at its beginning.

    A deferred transaction that first reads and then writes fails at once when another wrote in between: no waiting helps it.
    """

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own, behind SQLAlchemy's adapter
        try:
            connection.isolation_level = None  # we say BEGIN ourselves
            connection.driver_connection.text_factory = _text
            cursor = connection.cursor()
            for pragma in SQLITE_PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
        except BaseException:
            connection.close()  # the pool forgets it, and its thread would wait for ever
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("signalbox_read_only", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _text(stored: bytes) -> str:
    """Return text that is not UTF-8, which only others can have written, with marks in it: else no row beside it could be read."""
    return stored.decode("utf-8", "replace")


def insert(connection: AsyncConnection, table: type[Table]) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def turn(connection: AsyncConnection, of: bytes) -> None:
    """Wait until no other transaction holds the turn of this, and hold it to this one's end. SQLite's writer is alone anyway."""
    if connection.dialect.name == "postgresql":
        key = literal(int.from_bytes(of[:8], "big", signed=True), BigInteger)
        await connection.execute(select(func.pg_advisory_xact_lock(key)))


def translate(error: BaseException, database: str) -> errors.StorageError:
    """Return our error for what the driver or the system raised. The driver's text is not repeated: it may hold values."""
    found = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(found, TimeoutError):
        return errors.DatabaseUnreachable(database, *SILENT)
    if isinstance(found, OSError):
        return errors.DatabaseUnreachable(database, *UNREACHABLE)
    if isinstance(found, sqlite3.Error):
        return _sqlite(found, database)
    return _postgres(found, database)


def _sqlite(error: sqlite3.Error, database: str) -> errors.StorageError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code
    if code in SQLITE_CODES:
        cls, happened, do = SQLITE_CODES[code]
        return cls(database, happened, do)
    if str(error).startswith(("no such table", "no such column")):  # SQLite has no code of its own for it
        return errors.SchemaOutdated(database, *MISSING_TABLE)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return errors.StorageError(database, f"failed with {name}", "The log has more.")


def _postgres(error: BaseException, database: str) -> errors.StorageError:
    state = str(getattr(error, "sqlstate", None) or "")
    if state in POSTGRES_CODES:
        cls, happened, do = POSTGRES_CODES[state]
        return cls(database, happened, do)
    if state.startswith(POSTGRES_DOWN) or (not state and getattr(error, "connection_invalidated", False)):
        return errors.DatabaseUnreachable(database, *UNREACHABLE)
    return errors.StorageError(database, f"failed with {state or type(error).__name__}", "The log has more.")
