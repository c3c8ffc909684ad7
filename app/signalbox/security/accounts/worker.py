"""Picks up account changes of other processes once a second, and tells live pages when their session or token ended."""

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
    """Runs in `serve`. While the database does not answer it retries, and the caches stay in force."""

    name = "account watcher"

    def __init__(self, changes: Changes, feed: Feed, clock: Clock, *, idle_s: float) -> None:
        self._changes = changes
        self._feed = feed
        self._clock = clock
        self._idle_s = idle_s
        self._had_users = changes.has_users
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
                if rounds * REFRESH_EACH_S >= EXPIRY_EACH_S:  # expiry does not raise the version
                    await self._publish_ended()
                    rounds = 0
            except StorageError as error:
                log.warning("cannot read accounts: %s", error)
            rounds += 1
            await asyncio.sleep(REFRESH_EACH_S)

    async def _on_change(self) -> None:
        if self._changes.has_users and not self._had_users:
            self._feed.publish((keys.ANONYMOUS,))
            self._had_users = True
        self._feed.publish((keys.TOKENS,))
        await self._publish_ended()

    async def _publish_ended(self) -> None:
        """Publish the keys of watched sessions and tokens that ended: their sockets close."""
        watched = self._feed.interest()
        session_ids, token_ids = keys.session_ids(watched), keys.token_ids(watched)
        if not session_ids and not token_ids:
            return
        now = self._clock()
        async with self._changes.read() as connection:
            valid_sessions = await sessions.still_valid_ids(connection, session_ids, now=now, idle_s=self._idle_s)
            valid_tokens = await tokens.still_valid_ids(connection, token_ids, now=now)
        ended = [keys.session(id_) for id_ in session_ids - valid_sessions]
        self._feed.publish([*ended, *(keys.token(id_) for id_ in token_ids - valid_tokens)])
