"""Signing in and out. A session's secret is new at each sign-in and leaves here once, for the cookie."""

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
WRONG_CREDENTIALS = "This name and password do not belong together."


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
            TooManyAttempts: from this address it was wrong too often.
            RequestRejected: name and password do not belong together; which of them is wrong is not said, and takes no longer.
        """
        tidy = name.strip().lower()
        begun = await self._limits.count_sign_in(tidy, actor.address)
        secret = await self._door.act(
            actor, actions.sign_in(tidy), lambda permit: self._sign_in(permit, tidy, password)
        )
        await self._limits.uncount(begun)
        return secret

    async def open(self, permit: Permit, user: int) -> str:
        """Return the secret of a new session of a user who was found to be who they say; the one that asked ends.

        Raises:
            RequestRejected: that user was removed meanwhile.
        """
        async with self._changes.begin() as connection:
            if await users.find(connection, user=user) is None:
                raise RequestRejected("This user was removed.")
            return await self._open(connection, permit.actor, user)

    async def open_by_link(self, permit: Permit, link: str, name: str, password: str) -> str:
        """Set the password that a one-time link is for, and return the secret of a session of that user. Raises RequestRejected."""
        return await self.open(permit, await self._users.use_link(permit, link, name, password))

    async def list_for(self, user: int) -> Sequence[Session]:
        """Return a user's living sessions, newest first."""
        now = self._clock()
        async with self._changes.read() as connection:
            return [one for one in await sessions.list_for_user(connection, user) if one.is_alive(now, self.idle_s)]

    async def end(self, permit: Permit, session: int) -> None:
        """End one of the actor's own sessions.

        Raises:
            RequestRejected: the actor has no such session.
        """
        async with self._changes.begin() as connection:
            user = permit.actor.user or 0
            own = {one.id for one in await sessions.list_for_user(connection, user)}
            if session not in own:  # looked at here: an address may name a number that no database takes
                raise RequestRejected("This session is not one of yours, or has ended already.")
            await sessions.remove(connection, session, user)

    async def end_others(self, permit: Permit) -> int:
        """End all of the actor's sessions but the one that asks; return how many."""
        async with self._changes.begin() as connection:
            ended = await sessions.remove_for_user(connection, permit.actor.user or 0, but=permit.actor.session)
        permit.detail = f"{ended} ended"
        return ended

    async def end_all(self, permit: Permit, user: int) -> int:
        async with self._changes.begin() as connection:
            ended = await sessions.remove_for_user(connection, user)
        permit.detail = f"{ended} ended"
        return ended

    async def _sign_in(self, permit: Permit, name: str, password: str) -> str:
        found = None
        if NAME_PATTERN.fullmatch(name):
            async with self._changes.read() as connection:
                found = await users.find_credentials(connection, name)
        kept = found.password_hash if found is not None else None
        if not await passwords.verify(password, kept) or found is None or kept is None:
            raise RequestRejected(WRONG_CREDENTIALS)
        better = await passwords.hash_password(password) if passwords.needs_rehash(kept) else None
        async with self._changes.begin() as connection:
            if await users.find_credentials(connection, name) == found:
                if better is not None:
                    await users.rehash(connection, found.user, better)
                return await self._open(connection, permit.actor, found.user)
        return await self._sign_in(permit, name, password)  # the password was changed while it was judged

    async def _open(self, connection: Transaction, actor: Actor, user: int) -> str:
        now, secret = self._clock(), new_secret()
        if actor.session is not None:  # who signs in again leaves no session behind
            await sessions.remove(connection, actor.session, actor.user or 0)
        await sessions.remove_expired(connection, now=now, idle_s=self.idle_s)
        await sessions.add(
            connection,
            secret_hash(secret),
            user,
            at=now,
            ends_at=now + self.max_age_s,
            address=actor.address,
            agent=_printable(actor.agent),
        )
        await users.set_last_seen(connection, user, now)
        return secret


def _printable(agent: str) -> str:
    return "".join(char for char in agent if char.isprintable())[:AGENT_LENGTH_MAX]
