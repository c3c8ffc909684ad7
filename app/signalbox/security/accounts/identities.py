"""The identity behind a session cookie or an API token, cached until anything about accounts changes."""

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
    """Looks up identities, for every request, so mostly from memory.

    The cache belongs to one version of accounts. An identity whose read began before a change is not cached after it,
    so a revoked session or token is gone without an invalidation message.
    """

    def __init__(self, changes: Changes, clock: Clock, *, idle_s: float) -> None:
        self._changes = changes
        self._clock = clock
        self._idle_s = idle_s
        self._cache: dict[bytes, Identity] = {}
        self._cache_version = changes.version
        changes.subscribe(self._check_for_users)

    @property
    def has_users(self) -> bool:
        """Whether there are or were users: once closed, Signalbox stays closed, even if all users are removed."""
        return self._changes.has_users

    async def by_session(self, secret: str) -> Identity | None:
        """Return the identity of a session cookie, if the session is still active."""
        hashed, version = secret_hash(secret), self._changes.version
        identity = self._cached(hashed)
        if identity is None or not self._is_alive(identity):  # another process may have recorded a later use
            identity = await self._load_session(hashed)
        if identity is None or not self._is_alive(identity):
            return None
        return await self._touch_session(version, hashed, identity)

    async def by_token(self, secret: str) -> Identity | None:
        """Return the identity of a token, with the rights that both the token and its user have."""
        hashed, version = secret_hash(secret), self._changes.version
        identity = self._cached(hashed) or await self._load_token(hashed)
        if identity is None or identity.token is None or identity.token.expires_at <= self._clock():
            return None
        return await self._touch_token(version, hashed, identity)

    def _is_alive(self, identity: Identity) -> bool:
        return identity.session is not None and identity.session.is_alive(self._clock(), self._idle_s)

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
        """Cache an identity that was read at this version, unless accounts changed since."""
        if version == self._cache_version == self._changes.version:
            self._cache[hashed] = identity
        return identity

    async def _touch_session(self, version: int, hashed: bytes, identity: Identity) -> Identity:
        session, now = identity.session, self._clock()
        if session is None or now - session.last_used_at < LAST_USED_RESOLUTION_S:
            return self._store(version, hashed, identity)
        touched = self._store(version, hashed, replace(identity, session=replace(session, last_used_at=now)))
        try:
            async with self._changes.write_unversioned() as connection:
                await sessions.set_last_used(connection, session.id, now)
                await users.set_last_seen(connection, session.user, now)
        except StorageError as error:
            log.warning("cannot write the last use of a session: %s", error)
        return touched

    async def _touch_token(self, version: int, hashed: bytes, identity: Identity) -> Identity:
        token, now = identity.token, self._clock()
        if token is None or (token.last_used_at is not None and now - token.last_used_at < LAST_USED_RESOLUTION_S):
            return self._store(version, hashed, identity)
        touched = self._store(version, hashed, replace(identity, token=replace(token, last_used_at=now)))
        try:
            async with self._changes.write_unversioned() as connection:
                await tokens.set_last_used(connection, token.id, now)
        except StorageError as error:
            log.warning("cannot write the last use of a token: %s", error)
        return touched

    async def _check_for_users(self) -> None:
        if not self.has_users:
            async with self._changes.read() as connection:
                self._changes.has_users = await users.any_exist(connection)
