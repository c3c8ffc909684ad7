"""Transactions on accounts and masking rules. Changes never overlap across replicas; caches subscribe to them."""

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
    """Opens transactions and notifies subscribers. `refresh` picks up changes of other processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Listener] = []
        self._notifying = asyncio.Lock()
        self._notified_version = -1
        self.version = -1  # not read yet; only rises, so a late read cannot revive a stale cache

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` after each change of any process, and again if any listener fails with StorageError."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """Open a transaction that raises the version; two of them never overlap.

        Raises:
            StorageError: nothing was changed.
        """
        async with self._database.begin() as connection:
            version = await state.raise_version(connection)
            yield connection
        try:
            await self._notify(version)
        except StorageError as error:  # the change is committed; the next refresh notifies again
            log.warning("accounts changed, but not every cache could be refreshed yet: %s", error)

    @asynccontextmanager
    async def write_unversioned(self) -> AsyncIterator[Transaction]:
        """Open a transaction for data that no cache holds: last use, sign-in attempts."""
        async with self._database.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        async with self._database.read() as connection:
            yield connection

    async def refresh(self) -> None:
        """Notify subscribers if the version rose since the last call.

        Raises:
            StorageError: the version could not be read, or a subscriber failed: call it again.
        """
        async with self._database.read() as connection:
            version = await state.read_version(connection)
        await self._notify(version)

    async def _notify(self, version: int) -> None:
        self.version = max(self.version, version)
        async with self._notifying:
            if self._notified_version < (current := self.version):
                for listener in self._listeners:
                    await listener()
                self._notified_version = current
