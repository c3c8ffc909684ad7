"""Users and their one-time links. Every change takes a permit; the last admin stays, whoever asks."""

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from signalbox.kernel.clock import Clock
from signalbox.security.accounts import passwords
from signalbox.security.accounts.limits import Limits
from signalbox.security.accounts.model import (
    LINK_LASTS_S,
    Link,
    SignsInBy,
    User,
    checked_password,
    grants_of,
    hash_of,
    new_secret,
    user_name,
)
from signalbox.security.accounts.store import links, sessions, users
from signalbox.security.changes.service import Changes
from signalbox.security.door import Permit
from signalbox.security.errors import Refused
from signalbox.security.model import ADMIN_EVERYWHERE, Rights, Role
from signalbox.storage.engine import Transaction

USED_UP = "This link is not good: it was used, withdrawn, or is over 24 h old. Ask for another."
LAST_ADMIN = (
    "{} is the last admin and stays one. Make another admin first. From the server itself: signalbox user reset-admin."
)


class Users:
    """Lists and changes users."""

    def __init__(self, changes: Changes, limits: Limits, clock: Clock) -> None:
        self._changes = changes
        self.limits = limits
        self._clock = clock

    async def every(self) -> Sequence[User]:
        """Return all users by name, in the order of Python: PostgreSQL has others, in which lists would turn wrong pages."""
        locked = await self.limits.locked()
        async with self._changes.read() as connection:
            found = await users.every(connection)
        return [replace(one, locked_until=locked.get(one.name)) for one in sorted(found, key=attrgetter("name"))]

    async def named(self, name: str) -> User:
        """Return one user. Raises Refused when there is none of this name."""
        async with self._changes.read() as connection:
            found = await users.found(connection, name=user_name(name))
        if found is None:
            raise Refused(f"There is no user {name}.")
        return found

    async def found(self, user: int) -> User | None:
        async with self._changes.read() as connection:
            return await users.found(connection, user=user)

    async def invite(self, permit: Permit, name: str, rights: Rights) -> str:
        """Add a user who has no password yet; return the secret of the one-time link that sets it.

        Raises:
            Refused: the name is taken or cannot be one; or there is nothing that this user would see.
        """
        async with self._changes.begin() as connection:
            made = await self._added(connection, name, rights, permit.actor.name)
            return await self._linked(connection, made, permit.actor.name)

    async def add_without_sign_in(self, permit: Permit, name: str, rights: Rights) -> None:
        """Add a user who comes in by tokens only. Raises Refused as `invite` does."""
        async with self._changes.begin() as connection:
            await self._added(connection, name, rights, permit.actor.name)

    async def make_link(self, permit: Permit, user: User) -> str:
        """Return the secret of a new one-time link, which sets this user's password; older ones are worth nothing then.

        Raises:
            Refused: the user has no password here, or was removed.
        """
        if user.signs_in_by is SignsInBy.COMPANY_ACCOUNT:
            raise Refused(f"{user.name} signs in by the company account and has no password here.")
        async with self._changes.begin() as connection:
            await self._as_now(connection, user)
            return await self._linked(connection, user.id, permit.actor.name)

    async def withdraw_link(self, _: Permit, user: User) -> None:
        """Make a user's open link worth nothing; who has no other way in, password or token, is removed."""
        async with self._changes.begin() as connection:
            now = await self._as_now(connection, user)
            await links.remove_of(connection, user.id)
            if now.signs_in_by is SignsInBy.LINK and not now.tokens:
                await users.remove(connection, user.id)

    async def make_first_link(self, permit: Permit) -> str:
        """Return the secret of the link that makes the first admin. Raises Refused when there are users."""
        async with self._changes.begin() as connection:
            if await users.any_there(connection):
                raise Refused("There are users already; an admin invites others.")
            return await self._linked(connection, None, permit.actor.name)

    async def open_link(self, secret: str) -> Link:
        """Return what a link is for. Raises Refused when it is not good."""
        async with self._changes.read() as connection:
            found = await links.found(connection, hash_of(secret), self._clock())
        if found is None:
            raise Refused(USED_UP)
        return found

    async def use_link(self, _: Permit, secret: str, name: str, password: str) -> int:
        """Set the password that a link is for, once; return the user's id. All sessions of that user end.

        Raises:
            Refused: the link is not good, or the name or password cannot be set.
        """
        link = await self.open_link(secret)
        tidy = link.user_name or user_name(name)
        kept = await passwords.hashed(checked_password(password, tidy))
        async with self._changes.begin() as connection:
            again = await links.found(connection, hash_of(secret), self._clock())
            if again is None or again.id != link.id:
                raise Refused(USED_UP)
            await links.remove_of(connection, link.user)
            if link.user is None:
                return await self._first_admin(connection, tidy, kept)
            await users.set_password(connection, link.user, kept, self._clock())
            await sessions.remove_of(connection, link.user)
            return link.user

    async def change_password(self, permit: Permit, old: str, new: str) -> None:
        """Set the actor's own password. Every session of theirs ends: open a new one for the browser that asks.

        Raises:
            Refused: the old one is wrong, or was changed meanwhile, or the new one cannot be one.
            TooManyAttempts: the old one was wrong too often from this address.
        """
        name = permit.actor.name
        begun = await self.limits.begin_sign_in(name, permit.actor.address)
        async with self._changes.read() as connection:
            found = await users.credentials(connection, name)
        if found is None or found.user != permit.actor.user or found.password_hash is None:
            raise Refused("This user has no password here to change.")
        if not await passwords.fits(old, found.password_hash):
            raise Refused("The password that you have now is another.")
        await self.limits.right(begun)
        kept = await passwords.hashed(checked_password(new, name))
        async with self._changes.begin() as connection:
            if await users.credentials(connection, name) != found:  # by a one-time link, which is what holds then
                raise Refused("The password was changed in another way just now; it is that one.")
            await users.set_password(connection, found.user, kept, self._clock())
            ended = await sessions.remove_of(connection, found.user)
        permit.detail = f"{ended} sessions ended"

    async def set_rights(self, permit: Permit, user: User, rights: Rights) -> None:
        """Change what a user may; their sessions end, and their tokens may no more than they may.

        Raises:
            Refused: it would take the last admin, or leave nothing that this user would see; or the user was removed.
        """
        if not rights.anything:
            raise Refused(f"{user.name} would see nothing: leave a role other than none somewhere, or remove the user.")
        async with self._changes.begin() as connection:
            await self._as_now(connection, user)
            if rights.role() is not Role.ADMIN:
                await self._keep_an_admin(connection, user)
            await users.set_rights(connection, user.id, rights)
            ended = await sessions.remove_of(connection, user.id)
        permit.detail = f"{ended} sessions ended"

    async def remove(self, _: Permit, user: User) -> None:
        """Remove a user with sessions, tokens and links. Raises Refused for the last admin, and when they are removed already."""
        async with self._changes.begin() as connection:
            await self._as_now(connection, user)
            await self._keep_an_admin(connection, user)
            await users.remove(connection, user.id)

    async def reset_admin(self, permit: Permit, name: str) -> str:
        """Make this user an admin, added if there is none, and return the secret of a link that sets a new password."""
        tidy = user_name(name)
        async with self._changes.begin() as connection:
            found = await users.credentials(connection, tidy)
            if found is not None and found.subject is not None:
                raise Refused(f"{tidy} signs in by the company account and has no password here: name another user.")
            if found is None:
                made = await users.add(connection, tidy, ADMIN_EVERYWHERE, made_by=permit.actor.name, at=self._clock())
            else:
                made = found.user
                await users.set_rights(connection, made, ADMIN_EVERYWHERE)
                await sessions.remove_of(connection, made)
            return await self._linked(connection, made, permit.actor.name)

    async def enter_by_company_account(self, _: Permit, subject: str, name: str, rights: Rights) -> int:
        """Return the id of the user of this subject, added at the first time; what they may is what the claim gives now.

        Raises:
            Refused: another user has this name, or it would take the last admin.
        """
        tidy = user_name(name)
        async with self._changes.begin() as connection:
            user = await users.by_subject(connection, subject)
            if user is None:
                if await users.credentials(connection, tidy) is not None:
                    raise Refused(
                        f"Another user is called {tidy} here, with a password: an admin has to remove that one first."
                    )
                return await users.add(
                    connection, tidy, rights, made_by="the company account", at=self._clock(), subject=subject
                )
            if grants_of(await users.rights(connection, user)) != grants_of(rights):
                if rights.role() is not Role.ADMIN and await users.admins(connection) == {user}:
                    raise Refused(LAST_ADMIN.format(tidy))
                await users.set_rights(connection, user, rights)
                await sessions.remove_of(connection, user)
            return user

    async def _added(self, connection: Transaction, name: str, rights: Rights, by: str) -> int:
        tidy = user_name(name)
        if not rights.anything:
            raise Refused(f"{tidy} would see nothing: give a role other than none, everywhere or on something.")
        if await users.credentials(connection, tidy) is not None:
            raise Refused(f"There is a user {tidy} already.")
        return await users.add(connection, tidy, rights, made_by=by, at=self._clock())

    async def _as_now(self, connection: Transaction, user: User) -> User:
        """Return a user as they are within this change: what was read before it may be old."""
        found = await users.found(connection, user=user.id)
        if found is None:
            raise Refused(f"{user.name} was removed.")
        return found

    async def _linked(self, connection: Transaction, user: int | None, by: str) -> str:
        secret, now = new_secret(), self._clock()
        await links.add(connection, hash_of(secret), user, made_by=by, at=now, ends_at=now + LINK_LASTS_S)
        return secret

    async def _first_admin(self, connection: Transaction, name: str, password_hash: str) -> int:
        if await users.any_there(connection):
            raise Refused(USED_UP)
        return await users.add(
            connection, name, ADMIN_EVERYWHERE, made_by="set-up", at=self._clock(), password_hash=password_hash
        )

    async def _keep_an_admin(self, connection: Transaction, user: User) -> None:
        if await users.admins(connection) == {user.id}:
            raise Refused(LAST_ADMIN.format(user.name))
