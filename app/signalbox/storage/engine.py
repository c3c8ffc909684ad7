"""Signalbox's own database, on SQLite or PostgreSQL: one engine, short transactions, translated errors."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import msgspec
from asyncpg import PostgresError
from sqlalchemy import Engine, Row, Select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from signalbox.storage import dialect, migrate
from signalbox.storage.errors import SchemaOutdated
from signalbox.storage.settings import DatabaseSettings

log = logging.getLogger(__name__)

Transaction: TypeAlias = AsyncConnection  # a service passes it from one function of its store to the next

POOL_SIZE = 5
POOL_WAIT_S = 10.0
FETCH_THREADS = 2


def make_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine that has not connected yet."""
    engine = create_async_engine(
        settings.url.get_secret_value(),
        connect_args=dialect.connect_arguments(is_sqlite=settings.is_sqlite),
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
        pool_size=POOL_SIZE,
        pool_timeout=POOL_WAIT_S,
        pool_pre_ping=not settings.is_sqlite,  # a restart of the server then fails no request
        hide_parameters=True,
    )
    if settings.is_sqlite:
        dialect.configure_sqlite(engine)
    return engine


class Database:
    """The database that stores use. Connects at its first use."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._engine = make_engine(settings)
        self._reader: Engine | None = None  # of SQLite, for `fetch`
        self._threads = ThreadPoolExecutor(FETCH_THREADS, thread_name_prefix="database")

    @property
    def redacted_url(self) -> str:
        """The URL without user and password."""
        return self._settings.redacted_url

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that may write: commit at the end, roll back if the block raises.

        On SQLite it holds the only write lock from the start: keep it short.

        Raises:
            StorageError: the subclass says what failed and what to do.
        """
        async with self._translating(), self._engine.begin() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads and does not wait for writers.

        Raises:
            StorageError: the subclass says what failed and what to do.
        """
        async with self._translating(), self._engine.connect() as connection:
            read_only = await connection.execution_options(**dialect.READ_ONLY)
            async with read_only.begin():
                yield read_only

    async def fetch(self, *queries: Select[*tuple[Any, ...]]) -> list[Row[*tuple[Any, ...]]]:
        """Return the rows of these queries, one after the other, in one transaction.

        On SQLite everything happens in one visit to a thread. With `read` each step waits for its turn of the event loop, which
        takes long during a sweep.

        Raises:
            StorageError: the subclass says what failed and what to do.
        """
        if not self._settings.is_sqlite:
            async with self.read() as connection:
                return [row for query in queries for row in await connection.execute(query)]
        async with self._translating():
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._fetch, queries)

    def _fetch(self, queries: Sequence[Select[*tuple[Any, ...]]]) -> list[Row[*tuple[Any, ...]]]:
        if self._reader is None:
            self._reader = dialect.make_sqlite_reader(self._settings.url.get_secret_value())
        with self._reader.connect() as connection:
            return [row for query in queries for row in connection.execute(query)]

    async def upgrade(self, revision: str = "head") -> None:
        """Migrate the tables up to `revision` in one transaction. Does nothing if they are at `revision` already.

        Each migration blocks the event loop for some milliseconds: call it before serving.

        Raises:
            SchemaOutdated: a newer version of Signalbox created the tables.
            StorageError: the database could not be reached, read or written.
        """
        async with self.begin() as connection:
            found = await connection.run_sync(migrate.current)
            self._refuse_newer(found)
            if found != migrate.heads():  # Alembic takes 50 ms to find nothing to do
                await connection.run_sync(migrate.upgrade, revision)

    async def downgrade(self, revision: str) -> None:
        """Migrate the tables down to `revision` ("base": no tables). Data in the dropped tables is lost.

        Raises:
            StorageError: the database could not be reached, read or written.
        """
        async with self.begin() as connection:
            await connection.run_sync(migrate.downgrade, revision)

    async def at_head(self) -> bool:
        """Return whether the tables match this version of Signalbox.

        Raises:
            StorageError: the database could not be reached or read.
        """
        async with self.read() as connection:
            return await connection.run_sync(migrate.current) == migrate.heads()

    async def require_head(self) -> None:
        """Check that the tables match this version of Signalbox.

        Raises:
            SchemaOutdated: they do not match; names the command that migrates them.
            StorageError: the database could not be reached or read.
        """
        async with self.read() as connection:
            revisions = await connection.run_sync(migrate.current)
        self._refuse_newer(revisions)
        if revisions != migrate.heads():
            problem = "has the tables of an older version" if revisions else "has no tables of Signalbox yet"
            raise SchemaOutdated(self.redacted_url, problem, "Run: signalbox migrate")

    def _refuse_newer(self, revisions: frozenset[str]) -> None:
        if revisions - migrate.known():
            hint = "Run the version that created it, or a newer one."
            raise SchemaOutdated(self.redacted_url, "was created by a newer version of Signalbox", hint)

    async def close(self) -> None:
        """Close every connection. May be called twice."""
        await self._engine.dispose()
        if self._reader is not None:
            self._reader.dispose()

    @contextlib.asynccontextmanager
    async def _translating(self) -> AsyncIterator[None]:
        try:
            yield
        except (SQLAlchemyError, PostgresError, OSError, *dialect.SQLITE_ERRORS) as error:
            translated = dialect.translate(error, self.redacted_url)
            log.debug("Database error", exc_info=error)
            raise translated from None
