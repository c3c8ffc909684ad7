"""Changes to accounts and masking rules: one at a time over all replicas, and everybody who keeps something of them is told."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from signalbox.security.changes import store as state
from signalbox.storage.engine import Database, Transaction
from signalbox.storage.errors import StorageError

log = logging.getLogger(__name__)

Listener = Callable[[], Awaitable[None]]


class Changes:
    """The way to read and change them. Another process's changes are seen when `refresh` is called."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Listener] = []
        self._notifying = asyncio.Lock()
        self._notified_version = -1
        self.version = -1  # nothing read yet; only rises, so that an answer that comes late makes nothing look new

    def subscribe(self, listener: Listener) -> None:
        """Call this after each change, here or elsewhere; once more when it, or another, fails with StorageError."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """A transaction that changes something; two of them never overlap.

        Raises:
            StorageError: nothing was changed.
        """
        async with self._database.begin() as connection:
            version = await state.raise_version(connection)
            yield connection
        try:
            await self._notify(version)
        except StorageError as error:  # it is changed all the same; the next refresh tells it again
            log.warning("a change of accounts is made, and not everybody could be told yet: %s", error)

    @asynccontextmanager
    async def write_unversioned(self) -> AsyncIterator[Transaction]:
        """A transaction that writes what nobody keeps: when something was used, what was tried."""
        async with self._database.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        async with self._database.read() as connection:
            yield connection

    async def refresh(self) -> None:
        """Tell everybody if anything changed since the last time.

        Raises:
            StorageError: that could not be read, or not everybody could be told: call it again.
        """
        async with self._database.read() as connection:
            version = await state.read_version(connection)
        await self._notify(version)

    async def _notify(self, version: int) -> None:
        self.version = max(self.version, version)
        async with self._notifying:
            if self._notified_version < (telling := self.version):
                for listener in self._listeners:
                    await listener()
                self._notified_version = telling
