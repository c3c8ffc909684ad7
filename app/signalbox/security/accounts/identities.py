"""Who a cookie or a token stands for. Kept in memory until anything about accounts changes."""

import logging
from dataclasses import replace
from typing import Final

from signalbox.kernel.clock import Clock
from signalbox.security.accounts.model import LAST_USED_RESOLUTION_S, Identity, secret_hash
from signalbox.security.accounts.store import sessions, tokens, users
from signalbox.security.changes.service import Changes
from signalbox.storage.errors import StorageError

log = logging.getLogger(__name__)

CACHED_MAX: Final = 10_000


class Identities:
    """Answers for every request, so mostly from memory.

    All that is kept was read at one version of accounts, and is looked at only while that is the version: what began to be
    read before a change is not kept after it, and nothing has to be told for what was revoked to be gone.
    """

    def __init__(self, changes: Changes, clock: Clock, *, idle_s: float) -> None:
        self._changes = changes
        self._clock = clock
        self._idle_s = idle_s
        self._cache: dict[bytes, Identity] = {}
        self._cache_version = changes.version
        self.has_users = False
        changes.subscribe(self._check_for_users)

    async def by_session(self, secret: str) -> Identity | None:
        """Return who signed in with what became this cookie, if that session still lives."""
        hashed, version = secret_hash(secret), self._changes.version
        known = self._cached(hashed)
        if known is None or not self._is_alive(known):  # another process may know that it was used since
            known = await self._load_session(hashed)
        if known is None or not self._is_alive(known):
            return None
        return await self._touch_session(version, hashed, known)

    async def by_token(self, secret: str) -> Identity | None:
        """Return whom this token stands for, with no more than both it and its user may."""
        hashed, version = secret_hash(secret), self._changes.version
        known = self._cached(hashed) or await self._load_token(hashed)
        if known is None or known.token is None or known.token.expires_at <= self._clock():
            return None
        return await self._touch_token(version, hashed, known)

    def _is_alive(self, known: Identity) -> bool:
        return known.session is not None and known.session.is_alive(self._clock(), self._idle_s)

    async def _load_session(self, hashed: bytes) -> Identity | None:
        async with self._changes.read() as connection:
            found = await sessions.find(connection, hashed)
            if found is None:
                return None
            session, name = found
            rights = await users.read_rights(connection, session.user)
        return Identity(user=session.user, name=name, rights=rights, session=session)

    async def _load_token(self, hashed: bytes) -> Identity | None:
        async with self._changes.read() as connection:
            token = await tokens.find(connection, hashed)
            if token is None:
                return None
            rights = (await users.read_rights(connection, token.user)).capped(token.max_rights)
        return Identity(user=token.user, name=token.user_name, rights=rights, token=token)

    def _cached(self, hashed: bytes) -> Identity | None:
        if self._cache_version != self._changes.version or len(self._cache) > CACHED_MAX:
            self._cache.clear()
            self._cache_version = self._changes.version
        return self._cache.get(hashed)

    def _store(self, version: int, hashed: bytes, identity: Identity) -> Identity:
        """Keep what was read at this version, unless there was a change since."""
        if version == self._cache_version == self._changes.version:
            self._cache[hashed] = identity
        return identity

    async def _touch_session(self, version: int, hashed: bytes, known: Identity) -> Identity:
        session, now = known.session, self._clock()
        if session is None or now - session.last_used_at < LAST_USED_RESOLUTION_S:
            return self._store(version, hashed, known)
        used = self._store(version, hashed, replace(known, session=replace(session, last_used_at=now)))
        try:
            async with self._changes.write_unversioned() as connection:
                await sessions.set_last_used(connection, session.id, now)
                await users.set_last_seen(connection, session.user, now)
        except StorageError as error:
            log.warning("when a session was last used is not written: %s", error)
        return used

    async def _touch_token(self, version: int, hashed: bytes, known: Identity) -> Identity:
        token, now = known.token, self._clock()
        if token is None or (token.last_used_at is not None and now - token.last_used_at < LAST_USED_RESOLUTION_S):
            return self._store(version, hashed, known)
        used = self._store(version, hashed, replace(known, token=replace(token, last_used_at=now)))
        try:
            async with self._changes.write_unversioned() as connection:
                await tokens.set_last_used(connection, token.id, now)
        except StorageError as error:
            log.warning("when a token was last used is not written: %s", error)
        return used

    async def _check_for_users(self) -> None:
        if not self.has_users:  # what was closed stays closed, whoever is removed
            async with self._changes.read() as connection:
                self.has_users = await users.any_exist(connection)
