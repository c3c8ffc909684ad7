"""Our own database: one engine, short transactions, errors translated. SQLite and PostgreSQL."""

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import TypeAlias

import msgspec
from asyncpg import PostgresError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from signalbox.storage import dialect, migrate
from signalbox.storage.errors import SchemaOutdated
from signalbox.storage.settings import DatabaseSettings

log = logging.getLogger(__name__)

Transaction: TypeAlias = AsyncConnection  # what a service hands from one function of its store to the next

POOL_SIZE = 5
POOL_WAIT_S = 10.0


def make_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine that has not connected yet."""
    engine = create_async_engine(
        settings.url.get_secret_value(),
        connect_args=dialect.connect_arguments(is_sqlite=settings.is_sqlite),
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
        pool_size=POOL_SIZE,
        pool_timeout=POOL_WAIT_S,
        pool_pre_ping=not settings.is_sqlite,  # a server that was restarted costs no failed request
        hide_parameters=True,
    )
    if settings.is_sqlite:
        dialect.prepare_sqlite(engine)
    return engine


class Database:
    """What a store is given. Connects at its first use."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._engine = make_engine(settings)

    @property
    def shown(self) -> str:
        """The address without user and password."""
        return self._settings.shown()

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write: committed at the end, undone if the block raises.

        On SQLite it holds the only write lock from its beginning: keep it short.

        Raises:
            StorageError: the subclass says what happened and what to do.
        """
        async with self._translating(), self._engine.begin() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, and waits for no writer.

        Raises:
            StorageError: the subclass says what happened and what to do.
        """
        async with self._translating(), self._engine.connect() as connection:
            reading = await connection.execution_options(**dialect.READ_ONLY)
            async with reading.begin():
                yield reading

    async def upgrade(self, revision: str = "head") -> None:
        """Bring the tables up to `revision`, wholly or not at all. Does nothing when they are there.

        Blocks the event loop for some milliseconds a step: run before anything is served.

        Raises:
            SchemaOutdated: a newer version of Signalbox made them.
            StorageError: the database could not be reached, read or written.
        """
        async with self.begin() as connection:
            self._refuse_newer(await connection.run_sync(migrate.current))
            await connection.run_sync(migrate.upgrade, revision)

    async def downgrade(self, revision: str) -> None:
        """Take the tables back to `revision` ("base": none left). What the newer ones held is lost.

        Raises:
            StorageError: the database could not be reached, read or written.
        """
        async with self.begin() as connection:
            await connection.run_sync(migrate.downgrade, revision)

    async def at_head(self) -> bool:
        """Say whether its tables are those of this version.

        Raises:
            StorageError: it could not be asked.
        """
        async with self.read() as connection:
            return await connection.run_sync(migrate.current) == migrate.heads()

    async def require_head(self) -> None:
        """Return if the tables are those of this version.

        Raises:
            SchemaOutdated: they are not; names the command that changes it.
            StorageError: it could not be asked.
        """
        async with self.read() as connection:
            found = await connection.run_sync(migrate.current)
        self._refuse_newer(found)
        if found != migrate.heads():
            happened = "has the tables of an older version" if found else "has no tables of Signalbox yet"
            raise SchemaOutdated(self.shown, happened, "Run: signalbox migrate")

    def _refuse_newer(self, found: frozenset[str]) -> None:
        if found - migrate.known():
            do = "Run the version that made it, or a newer one."
            raise SchemaOutdated(self.shown, "was made by a newer version of Signalbox", do)

    async def close(self) -> None:
        """Close every connection. May be called twice."""
        await self._engine.dispose()

    @contextlib.asynccontextmanager
    async def _translating(self) -> AsyncIterator[None]:
        try:
            yield
        except (SQLAlchemyError, PostgresError, OSError, *dialect.SQLITE_ERRORS) as error:
            translated = dialect.translate(error, self.shown)
            log.debug("the database refused", exc_info=error)
            raise translated from None
