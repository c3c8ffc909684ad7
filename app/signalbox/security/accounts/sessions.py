"""Signing in and out. Each sign-in makes a new session secret, which is returned once, for the cookie."""

from collections.abc import Sequence

from signalbox.kernel.clock import Clock
from signalbox.security.accounts import actions, passwords
from signalbox.security.accounts.model import NAME_PATTERN, Session, new_secret, secret_hash
from signalbox.security.accounts.store import sessions, users
from signalbox.security.accounts.users import Users
from signalbox.security.changes.service import Changes
from signalbox.security.door import Door, Permit
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Actor
from signalbox.security.settings import SecuritySettings
from signalbox.storage.engine import Transaction

AGENT_LENGTH_MAX = 200
WRONG_CREDENTIALS = "Wrong user name or password."


class Sessions:
    """Opens, lists and ends sessions."""

    def __init__(self, changes: Changes, users: Users, door: Door, settings: SecuritySettings, clock: Clock) -> None:
        self._changes = changes
        self._users = users
        self._door = door
        self._limits = users.limits
        self._clock = clock
        self.idle_s = settings.session_idle_h * 3600
        self.max_age_s = settings.session_longest_h * 3600

    async def sign_in(self, actor: Actor, name: str, password: str) -> str:
        """Return the secret of a new session.

        Raises:
            TooManyAttempts: too many failed attempts from this address.
            RequestRejected: wrong name or password; neither the message nor the time says which.
        """
        user_name = name.strip().lower()
        attempt_ids = await self._limits.count_sign_in(user_name, actor.address)
        secret = await self._door.act(
            actor, actions.sign_in(user_name), lambda permit: self._sign_in(permit, user_name, password)
        )
        await self._limits.uncount(attempt_ids)
        return secret

    async def open(self, permit: Permit, user_id: int) -> str:
        """Return the secret of a new session of an authenticated user. Ends the actor's current session.

        Raises:
            RequestRejected: the user was removed meanwhile.
        """
        async with self._changes.begin() as connection:
            if await users.find(connection, user_id=user_id) is None:
                raise RequestRejected("This user was removed.")
            return await self._open(connection, permit.actor, user_id)

    async def open_by_link(self, permit: Permit, link: str, name: str, password: str) -> str:
        """Set the password with a one-time link and return the secret of a session. Raises RequestRejected."""
        return await self.open(permit, await self._users.use_link(permit, link, name, password))

    async def list_for(self, user_id: int) -> Sequence[Session]:
        """Return a user's active sessions, newest first."""
        now = self._clock()
        async with self._changes.read() as connection:
            rows = await sessions.list_for_user(connection, user_id)
        return [session for session in rows if session.is_alive(now, self.idle_s)]

    async def end(self, permit: Permit, session_id: int) -> None:
        """End one of the actor's own sessions. Raises RequestRejected if the actor has no such session."""
        async with self._changes.begin() as connection:
            user_id = permit.actor.user or 0
            own = {session.id for session in await sessions.list_for_user(connection, user_id)}
            if session_id not in own:  # checked in Python: the ID in a URL may be too large for the database
                raise RequestRejected("This session is not yours, or has already ended.")
            await sessions.remove(connection, session_id, user_id)

    async def end_others(self, permit: Permit) -> int:
        """End all of the actor's sessions except the current one; return how many."""
        async with self._changes.begin() as connection:
            ended = await sessions.remove_for_user(connection, permit.actor.user or 0, keep=permit.actor.session)
        permit.detail = f"{ended} ended"
        return ended

    async def end_all(self, permit: Permit, user_id: int) -> int:
        async with self._changes.begin() as connection:
            ended = await sessions.remove_for_user(connection, user_id)
        permit.detail = f"{ended} ended"
        return ended

    async def _sign_in(self, permit: Permit, name: str, password: str) -> str:
        credentials = None
        if NAME_PATTERN.fullmatch(name):
            async with self._changes.read() as connection:
                credentials = await users.find_credentials(connection, name)
        password_hash = credentials.password_hash if credentials is not None else None
        if not await passwords.verify(password, password_hash) or credentials is None or password_hash is None:
            raise RequestRejected(WRONG_CREDENTIALS)
        rehashed = await passwords.hash_password(password) if passwords.needs_rehash(password_hash) else None
        async with self._changes.begin() as connection:
            if await users.find_credentials(connection, name) == credentials:
                if rehashed is not None:
                    await users.rehash(connection, credentials.user_id, rehashed)
                return await self._open(connection, permit.actor, credentials.user_id)
        return await self._sign_in(permit, name, password)  # the password was changed while it was verified

    async def _open(self, connection: Transaction, actor: Actor, user_id: int) -> str:
        now, secret = self._clock(), new_secret()
        if actor.session is not None:
            await sessions.remove(connection, actor.session, actor.user or 0)
        await sessions.remove_expired(connection, now=now, idle_s=self.idle_s)
        await sessions.add(
            connection,
            secret_hash(secret),
            user_id,
            at=now,
            ends_at=now + self.max_age_s,
            address=actor.address,
            agent=_printable(actor.agent),
        )
        await users.set_last_seen(connection, user_id, now)
        return secret


def _printable(agent: str) -> str:
    return "".join(char for char in agent if char.isprintable())[:AGENT_LENGTH_MAX]
