"""Sees once a second what other processes changed, and tells live pages whose session or token has ended."""

import asyncio
import logging
from typing import Final

from signalbox.kernel.clock import Clock
from signalbox.kernel.feed import Feed
from signalbox.kernel.service import Loop
from signalbox.security.accounts import keys
from signalbox.security.accounts.store import sessions, tokens
from signalbox.security.changes.service import Changes
from signalbox.storage.errors import StorageError

log = logging.getLogger(__name__)

REFRESH_EACH_S: Final = 1.0
EXPIRY_EACH_S: Final = 10.0


class AccountWatcher:
    """Runs in `serve`. A database that does not answer is asked again; what was known holds so long."""

    name = "the watch over accounts"

    def __init__(self, changes: Changes, feed: Feed, clock: Clock, *, idle_s: float) -> None:
        self._changes = changes
        self._feed = feed
        self._clock = clock
        self._idle_s = idle_s
        self._loop = Loop(self.name, self._run)
        changes.subscribe(self._on_change)

    async def start(self) -> None:
        await self._loop.start()

    async def stop(self) -> None:
        await self._loop.stop()

    def healthy(self) -> bool:
        return self._loop.healthy()

    async def _run(self) -> None:
        rounds = 0
        while True:
            try:
                await self._changes.refresh()
                if rounds * REFRESH_EACH_S >= EXPIRY_EACH_S:  # to end by itself is no change
                    await self._publish_ended()
                    rounds = 0
            except StorageError as error:
                log.warning("accounts cannot be read: %s", error)
            rounds += 1
            await asyncio.sleep(REFRESH_EACH_S)

    async def _on_change(self) -> None:
        self._feed.publish((keys.ANONYMOUS,))
        await self._publish_ended()

    async def _publish_ended(self) -> None:
        """Publish the keys of watched sessions and tokens that are no more: their sockets close."""
        watched = self._feed.interest()
        of_sessions, of_tokens = keys.session_ids(watched), keys.token_ids(watched)
        if not of_sessions and not of_tokens:
            return
        now = self._clock()
        async with self._changes.read() as connection:
            live = await sessions.still_valid_ids(connection, of_sessions, now=now, idle_s=self._idle_s)
            held = await tokens.still_valid_ids(connection, of_tokens, now=now)
        gone = [keys.session(one) for one in of_sessions - live] + [keys.token(one) for one in of_tokens - held]
        self._feed.publish(gone)
