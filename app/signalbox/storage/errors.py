"""Errors of Signalbox's own database. Each message names the database, never its password, and says what to do."""

from signalbox.kernel.errors import Unavailable


class StorageError(Unavailable):
    """A database operation failed. `database` is the URL without user and password."""

    def __init__(self, database: str, problem: str, hint: str) -> None:
        super().__init__(f"The database {database} {problem}. {hint}")
        self.database = database
        self.hint = hint


class DatabaseUnreachable(StorageError):
    """The connection failed, broke or timed out. A retry may succeed."""


class DatabaseRefused(StorageError):
    """The server refuses this user, password or database name."""


class DatabaseBusy(StorageError):
    """Another client held a lock for too long. A retry helps."""


class DatabaseReadOnly(StorageError):
    """The database is read-only."""


class DatabaseFull(StorageError):
    """The disk or the quota is full."""


class DatabaseDamaged(StorageError):
    """The file is not a database, or is damaged."""


class SchemaOutdated(StorageError):
    """The tables hint not match this version of Signalbox."""
