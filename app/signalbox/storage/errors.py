"""What our own database refused, each in a sentence that names the database (never its password) and what to do."""

from signalbox.kernel.errors import Unavailable


class StorageError(Unavailable):
    """The database did not do what was asked. `database` is its address without user and password."""

    def __init__(self, database: str, happened: str, do: str) -> None:
        super().__init__(f"The database {database} {happened}. {do}")
        self.database = database
        self.do = do


class DatabaseUnreachable(StorageError):
    """No connection, or it broke or went silent. Trying again later may help."""


class DatabaseRefused(StorageError):
    """It answered and refuses this user, this password or this name."""


class DatabaseBusy(StorageError):
    """Somebody else held a lock for too long. Trying again helps."""


class DatabaseReadOnly(StorageError):
    """It can be read and not written."""


class DatabaseFull(StorageError):
    """Its disk, or the account's share of it, is full."""


class DatabaseDamaged(StorageError):
    """The file is no database, or is broken."""


class SchemaOutdated(StorageError):
    """Its tables are not those of this version of Signalbox."""
