"""Changes to accounts: one at a time over all replicas, and everybody who keeps something of them is told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from app.security.accounts.store import state
from app.storage.engine import Database, Transaction

Listener = Callable[[], Awaitable[None]]


class Changes:
    """The way to read and change accounts. Another process's changes are seen when `refresh` is called."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Listener] = []
        self.version = -1  # nothing read yet

    def tell(self, listener: Listener) -> None:
        """Call this after each change, here or elsewhere."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """A transaction that changes something; two of them never overlap.

        Raises:
            StorageError: nothing was changed.
        """
        async with self._database.begin() as connection:
            await state.change(connection)
            yield connection
        await self.refresh()

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[Transaction]:
        """A transaction that writes what nobody keeps: when something was used, what was tried."""
        async with self._database.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        async with self._database.read() as connection:
            yield connection

    async def refresh(self) -> None:
        """Tell everybody if anything changed since the last time."""
        async with self._database.read() as connection:
            version = await state.version(connection)
        if version != self.version:
            self.version = version
            for listener in self._listeners:
                await listener()
