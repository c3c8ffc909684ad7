"""Differences between SQLite and PostgreSQL: connection setup, transactions, upserts and error codes."""

import sqlite3
from typing import Any
from urllib.parse import quote

from sqlalchemy import BigInteger, Engine, QueuePool, create_engine, event, func, literal, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from signalbox.storage import errors
from signalbox.storage.schema import Table

BUSY_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0  # a PostgreSQL server that stops answering must not block a task forever
READ_ONLY = {"signalbox_read_only": True}
SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")

SQLITE_CODES: dict[int, tuple[type[errors.StorageError], str, str]] = {
    sqlite3.SQLITE_BUSY: (
        errors.DatabaseBusy,
        "stayed locked",
        "Wait, or stop the other program that writes to it.",
    ),
    sqlite3.SQLITE_READONLY: (
        errors.DatabaseReadOnly,
        "cannot be written",
        "Give this user write permission on the file and its folder.",
    ),
    sqlite3.SQLITE_FULL: (errors.DatabaseFull, "has no space left on its disk", "Free some space."),
    sqlite3.SQLITE_IOERR: (
        errors.DatabaseUnreachable,
        "failed with an input or output error",
        "Check the disk, its free space and its mount.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        errors.DatabaseUnreachable,
        "cannot be opened",
        "Its folder must exist, and this user needs write permission there.",
    ),
    sqlite3.SQLITE_NOTADB: (errors.DatabaseDamaged, "is not an SQLite file", "Set another file in [database] url."),
    sqlite3.SQLITE_CORRUPT: (
        errors.DatabaseDamaged,
        "is damaged",
        "Restore it from a backup, or set a new file in [database] url.",
    ),
}
MISSING_TABLE = "lacks a table that this version of Signalbox needs", "Run: signalbox migrate"
NO_ANSWER = "did not answer in time", "Check that it is running and that this machine can reach it."
UNREACHABLE = "cannot be reached", "Check that it is running and that the host and port in [database] url are right."

POSTGRES_CODES: dict[str, tuple[type[errors.StorageError], str, str]] = {
    "53100": (errors.DatabaseFull, "has no space left on its disk", "Free some space."),
    "25006": (errors.DatabaseReadOnly, "is read-only", "Set the primary, not a replica, in [database] url."),
    "42501": (
        errors.DatabaseRefused,
        "denies this user a permission",
        "Grant the permission, or connect as the owner of the tables.",
    ),
    "28P01": (errors.DatabaseRefused, "refuses this user or password", "Correct [database] url."),
    "28000": (errors.DatabaseRefused, "refuses this user", "Correct [database] url, or the server's pg_hba.conf."),
    "3D000": (errors.DatabaseRefused, "does not exist on that server", "Create it: CREATE DATABASE ..."),
    "42P01": (errors.SchemaOutdated, *MISSING_TABLE),
    "42703": (errors.SchemaOutdated, "lacks a column that this version of Signalbox needs", "Run: signalbox migrate"),
    "53300": (errors.DatabaseBusy, "has no free connection", "Raise its max_connections, or close other clients."),
    "55P03": (errors.DatabaseBusy, "stayed locked", "Wait, or stop the other program that writes to it."),
    "40P01": (errors.DatabaseBusy, "canceled this transaction to resolve a deadlock", "Signalbox retries."),
}
SQLITE_ERRORS = (sqlite3.Error,)  # a connect listener raises them without SQLAlchemy's wrapper
POSTGRES_DOWN = ("08", "57")  # connection exceptions; the server is starting or stopping


def connect_arguments(*, is_sqlite: bool) -> dict[str, Any]:
    """Return the driver's arguments for each connect."""
    if is_sqlite:
        return {"timeout": BUSY_TIMEOUT_MS / 1000}  # becomes PRAGMA busy_timeout
    return {"timeout": CONNECT_TIMEOUT_S, "command_timeout": COMMAND_TIMEOUT_S}


def configure_sqlite(engine: AsyncEngine) -> None:
    """Set the write-ahead log, the lock timeout and foreign keys, and take the write lock when a transaction begins.

    A deferred transaction that reads and then writes fails at once if another one wrote in between; waiting does not help.
    """

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own, behind SQLAlchemy's adapter
        try:
            connection.isolation_level = None  # we send BEGIN ourselves
            connection.driver_connection.text_factory = _decode
            cursor = connection.cursor()
            for pragma in SQLITE_PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
        except BaseException:
            connection.close()  # the pool drops it, and its thread would wait forever
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("signalbox_read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def make_sqlite_reader(url: str) -> Engine:
    """Return an engine that reads a database that exists, without asyncio: for use in threads."""
    file = make_url(url).database or ""
    engine = create_engine(
        "sqlite+pysqlite://", creator=lambda: _open_reader(file), hide_parameters=True, poolclass=QueuePool
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _open_reader(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(file)}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.text_factory = _decode
    return connection


def _decode(stored: bytes) -> str:
    """Replace bytes that are not UTF-8, so that one bad row, written by another program, does not hide the others."""
    return stored.decode("utf-8", "replace")


def insert(connection: AsyncConnection, table: type[Table]) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT with `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def lock_until_commit(connection: AsyncConnection, name: bytes) -> None:
    """Take an advisory lock until the transaction ends. SQLite needs none: it has one writer at a time."""
    if connection.dialect.name == "postgresql":
        key = literal(int.from_bytes(name[:8], "big", signed=True), BigInteger)
        await connection.execute(select(func.pg_advisory_xact_lock(key)))


def translate(error: BaseException, database: str) -> errors.StorageError:
    """Return our error for one of the driver or the system. The driver's text is left out: it may hold values."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(original, TimeoutError):
        return errors.DatabaseUnreachable(database, *NO_ANSWER)
    if isinstance(original, OSError):
        return errors.DatabaseUnreachable(database, *UNREACHABLE)
    if isinstance(original, sqlite3.Error):
        return _translate_sqlite(original, database)
    return _translate_postgres(original, database)


def _translate_sqlite(error: sqlite3.Error, database: str) -> errors.StorageError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code
    if code in SQLITE_CODES:
        cls, problem, hint = SQLITE_CODES[code]
        return cls(database, problem, hint)
    if str(error).startswith(("no such table", "no such column")):  # SQLite has no error code for a missing table
        return errors.SchemaOutdated(database, *MISSING_TABLE)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return errors.StorageError(database, f"failed with {name}", "See the log for details.")


def _translate_postgres(error: BaseException, database: str) -> errors.StorageError:
    state = str(getattr(error, "sqlstate", None) or "")
    if state in POSTGRES_CODES:
        cls, problem, hint = POSTGRES_CODES[state]
        return cls(database, problem, hint)
    if state.startswith(POSTGRES_DOWN) or (not state and getattr(error, "connection_invalidated", False)):
        return errors.DatabaseUnreachable(database, *UNREACHABLE)
    return errors.StorageError(database, f"failed with {state or type(error).__name__}", "See the log for details.")
