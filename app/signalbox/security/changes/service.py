"""Transactions on accounts and masking rules. Changes never overlap across replicas; caches subscribe to them."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from signalbox.kernel.errors import SignalboxError
from signalbox.security.changes import store as state
from signalbox.storage.engine import Database, Transaction
from signalbox.storage.errors import StorageError

log = logging.getLogger(__name__)

Listener = Callable[[], Awaitable[None]]


@dataclass(eq=False, slots=True)
class Subscriber:
    """A listener, the version that it took last, and why it did not take the newest one."""

    listener: Listener
    version: int = -1
    fault: str = ""  # a sentence for a page; empty: none

    async def notify(self, version: int) -> StorageError | None:
        """Call the listener. Its failure is recorded and logged once; only that of the database is returned."""
        try:
            await self.listener()
        except StorageError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the change is committed, and other listeners must hear of it
            self._record(error)
        else:
            self.version, self.fault = version, ""
        return None

    def _record(self, error: Exception) -> None:
        known = isinstance(error, SignalboxError)
        if (known and str(error) == self.fault) or (not known and self.fault):
            return  # tried once a second: the log has it already
        if known:
            self.fault = str(error)
            log.error("accounts or masking rules changed, but a part of Signalbox did not take the change: %s", error)
            return
        fault = secrets.token_hex(3)
        self.fault = f"A part of Signalbox does not follow changes of accounts. Error {fault} is in the log."
        log.error("fault %s: a listener of account changes failed", fault, exc_info=error)


class Changes:
    """Opens transactions and notifies subscribers. `refresh` picks up changes of other processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: list[Subscriber] = []
        self._notifying = asyncio.Lock()
        self.has_users = False  # as of the last change that was read
        self.version = -1  # not read yet; only rises, so a late read cannot revive a stale cache

    @property
    def faults(self) -> Sequence[str]:
        """Why listeners did not take the last change, in sentences for a page."""
        return [subscriber.fault for subscriber in self._subscribers if subscriber.fault]

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` after each change of any process, and again if it fails, or any fails with StorageError."""
        self._subscribers.append(Subscriber(listener))

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
        """Notify subscribers that did not take the present version yet.

        Raises:
            StorageError: the version could not be read, or a subscriber failed with it: call it again.
        """
        async with self._database.read() as connection:
            version = await state.read_version(connection)
        await self._notify(version)

    async def _notify(self, version: int) -> None:
        """Tell every subscriber, whatever happens to the others. Raises the first StorageError."""
        self.version = max(self.version, version)
        async with self._notifying:
            current = self.version
            behind = [subscriber for subscriber in self._subscribers if subscriber.version < current]
            errors = [error for subscriber in behind if (error := await subscriber.notify(current)) is not None]
            if errors:
                for subscriber in self._subscribers:  # some use what others read: call all again
                    subscriber.version = -1
                raise errors[0]
