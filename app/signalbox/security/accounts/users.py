"""Users and their one-time links. Every change takes a permit; the last admin stays, whoever asks."""

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from signalbox.kernel.clock import Clock
from signalbox.security.accounts import passwords
from signalbox.security.accounts.limits import Limits
from signalbox.security.accounts.model import (
    LINK_LIFETIME_S,
    OneTimeLink,
    SignInMethod,
    User,
    grant_rows,
    new_secret,
    normalized_user_name,
    secret_hash,
    validated_password,
)
from signalbox.security.accounts.store import links, sessions, users
from signalbox.security.changes.service import Changes
from signalbox.security.door import Permit
from signalbox.security.errors import RequestRejected
from signalbox.security.model import ADMIN_EVERYWHERE, Rights, Role
from signalbox.storage.engine import Transaction

LINK_NO_LONGER_VALID = "This link is not good: it was used, withdrawn, or is over 24 h old. Ask for another."
LAST_ADMIN = (
    "{} is the last admin and stays one. Make another admin first. From the server itself: signalbox user reset-admin."
)


class Users:
    """Lists and changes users."""

    def __init__(self, changes: Changes, limits: Limits, clock: Clock) -> None:
        self._changes = changes
        self.limits = limits
        self._clock = clock

    async def list_all(self) -> Sequence[User]:
        """Return all users by name, in the order of Python: PostgreSQL has others, in which lists would turn wrong pages."""
        locked = await self.limits.locked_names()
        async with self._changes.read() as connection:
            found = await users.list_all(connection)
        return [replace(one, locked_until=locked.get(one.name)) for one in sorted(found, key=attrgetter("name"))]

    async def get_by_name(self, name: str) -> User:
        """Return one user. Raises RequestRejected when there is none of this name."""
        async with self._changes.read() as connection:
            found = await users.find(connection, name=normalized_user_name(name))
        if found is None:
            raise RequestRejected(f"There is no user {name}.")
        return found

    async def find(self, user: int) -> User | None:
        async with self._changes.read() as connection:
            return await users.find(connection, user=user)

    async def invite(self, permit: Permit, name: str, rights: Rights) -> str:
        """Add a user who has no password yet; return the secret of the one-time link that sets it.

        Raises:
            RequestRejected: the name is taken or cannot be one; or there is nothing that this user would see.
        """
        async with self._changes.begin() as connection:
            made = await self._add(connection, name, rights, permit.actor.name)
            return await self._add_link(connection, made, permit.actor.name)

    async def add_token_only(self, permit: Permit, name: str, rights: Rights) -> None:
        """Add a user who comes in by tokens only. Raises RequestRejected as `invite` does."""
        async with self._changes.begin() as connection:
            await self._add(connection, name, rights, permit.actor.name)

    async def create_link(self, permit: Permit, user: User) -> str:
        """Return the secret of a new one-time link, which sets this user's password; older ones are worth nothing then.

        Raises:
            RequestRejected: the user has no password here, or was removed.
        """
        if user.sign_in_method is SignInMethod.COMPANY_ACCOUNT:
            raise RequestRejected(f"{user.name} signs in by the company account and has no password here.")
        async with self._changes.begin() as connection:
            await self._reload(connection, user)
            return await self._add_link(connection, user.id, permit.actor.name)

    async def revoke_link(self, _: Permit, user: User) -> None:
        """Make a user's open link worth nothing; who has no other way in, password or token, is removed."""
        async with self._changes.begin() as connection:
            now = await self._reload(connection, user)
            await links.remove_for_user(connection, user.id)
            if now.sign_in_method is SignInMethod.LINK and not now.tokens:
                await users.remove(connection, user.id)

    async def create_first_admin_link(self, permit: Permit) -> str:
        """Return the secret of the link that makes the first admin. Raises RequestRejected when there are users."""
        async with self._changes.begin() as connection:
            if await users.any_exist(connection):
                raise RequestRejected("There are users already; an admin invites others.")
            return await self._add_link(connection, None, permit.actor.name)

    async def find_link(self, secret: str) -> OneTimeLink:
        """Return what a link is for. Raises RequestRejected when it is not good."""
        async with self._changes.read() as connection:
            found = await links.find(connection, secret_hash(secret), self._clock())
        if found is None:
            raise RequestRejected(LINK_NO_LONGER_VALID)
        return found

    async def use_link(self, _: Permit, secret: str, name: str, password: str) -> int:
        """Set the password that a link is for, once; return the user's id. All sessions of that user end.

        Raises:
            RequestRejected: the link is not good, or the name or password cannot be set.
        """
        link = await self.find_link(secret)
        tidy = link.user_name or normalized_user_name(name)
        kept = await passwords.hash_password(validated_password(password, tidy))
        async with self._changes.begin() as connection:
            again = await links.find(connection, secret_hash(secret), self._clock())
            if again is None or again.id != link.id:
                raise RequestRejected(LINK_NO_LONGER_VALID)
            await links.remove_for_user(connection, link.user)
            if link.user is None:
                return await self._add_first_admin(connection, tidy, kept)
            await users.set_password(connection, link.user, kept, self._clock())
            await sessions.remove_for_user(connection, link.user)
            return link.user

    async def change_password(self, permit: Permit, old: str, new: str) -> None:
        """Set the actor's own password. Every session of theirs ends: open a new one for the browser that asks.

        Raises:
            RequestRejected: the old one is wrong, or was changed meanwhile, or the new one cannot be one.
            TooManyAttempts: the old one was wrong too often from this address.
        """
        name = permit.actor.name
        begun = await self.limits.count_sign_in(name, permit.actor.address)
        async with self._changes.read() as connection:
            found = await users.find_credentials(connection, name)
        if found is None or found.user != permit.actor.user or found.password_hash is None:
            raise RequestRejected("This user has no password here to change.")
        if not await passwords.verify(old, found.password_hash):
            raise RequestRejected("The password that you have now is another.")
        await self.limits.uncount(begun)
        kept = await passwords.hash_password(validated_password(new, name))
        async with self._changes.begin() as connection:
            if await users.find_credentials(connection, name) != found:  # by a one-time link, which is what holds then
                raise RequestRejected("The password was changed in another way just now; it is that one.")
            await users.set_password(connection, found.user, kept, self._clock())
            ended = await sessions.remove_for_user(connection, found.user)
        permit.detail = f"{ended} sessions ended"

    async def set_rights(self, permit: Permit, user: User, rights: Rights) -> None:
        """Change what a user may; their sessions end, and their tokens may no more than they may.

        Raises:
            RequestRejected: it would take the last admin, or leave nothing that this user would see; or the user was removed.
        """
        if not rights.allows_anything:
            raise RequestRejected(
                f"{user.name} would see nothing: leave a role other than none somewhere, or remove the user."
            )
        async with self._changes.begin() as connection:
            await self._reload(connection, user)
            if rights.role() is not Role.ADMIN:
                await self._require_another_admin(connection, user)
            await users.set_rights(connection, user.id, rights)
            ended = await sessions.remove_for_user(connection, user.id)
        permit.detail = f"{ended} sessions ended"

    async def remove(self, _: Permit, user: User) -> None:
        """Remove a user with sessions, tokens and links. Raises RequestRejected for the last admin, and when they are removed already."""
        async with self._changes.begin() as connection:
            await self._reload(connection, user)
            await self._require_another_admin(connection, user)
            await users.remove(connection, user.id)

    async def reset_admin(self, permit: Permit, name: str) -> str:
        """Make this user an admin, added if there is none, and return the secret of a link that sets a new password."""
        tidy = normalized_user_name(name)
        async with self._changes.begin() as connection:
            found = await users.find_credentials(connection, tidy)
            if found is not None and found.subject is not None:
                raise RequestRejected(
                    f"{tidy} signs in by the company account and has no password here: name another user."
                )
            if found is None:
                made = await users.add(connection, tidy, ADMIN_EVERYWHERE, made_by=permit.actor.name, at=self._clock())
            else:
                made = found.user
                await users.set_rights(connection, made, ADMIN_EVERYWHERE)
                await sessions.remove_for_user(connection, made)
            return await self._add_link(connection, made, permit.actor.name)

    async def sync_company_user(self, _: Permit, subject: str, name: str, rights: Rights) -> int:
        """Return the id of the user of this subject, added at the first time; what they may is what the claim gives now.

        Raises:
            RequestRejected: another user has this name, or it would take the last admin.
        """
        tidy = normalized_user_name(name)
        async with self._changes.begin() as connection:
            user = await users.id_by_subject(connection, subject)
            if user is None:
                if await users.find_credentials(connection, tidy) is not None:
                    raise RequestRejected(
                        f"Another user is called {tidy} here, with a password: an admin has to remove that one first."
                    )
                return await users.add(
                    connection, tidy, rights, made_by="the company account", at=self._clock(), subject=subject
                )
            if grant_rows(await users.read_rights(connection, user)) != grant_rows(rights):
                if rights.role() is not Role.ADMIN and await users.admin_ids(connection) == {user}:
                    raise RequestRejected(LAST_ADMIN.format(tidy))
                await users.set_rights(connection, user, rights)
                await sessions.remove_for_user(connection, user)
            return user

    async def _add(self, connection: Transaction, name: str, rights: Rights, by: str) -> int:
        tidy = normalized_user_name(name)
        if not rights.allows_anything:
            raise RequestRejected(f"{tidy} would see nothing: give a role other than none, everywhere or on something.")
        if await users.find_credentials(connection, tidy) is not None:
            raise RequestRejected(f"There is a user {tidy} already.")
        return await users.add(connection, tidy, rights, made_by=by, at=self._clock())

    async def _reload(self, connection: Transaction, user: User) -> User:
        """Return a user as they are within this change: what was read before it may be old."""
        found = await users.find(connection, user=user.id)
        if found is None:
            raise RequestRejected(f"{user.name} was removed.")
        return found

    async def _add_link(self, connection: Transaction, user: int | None, by: str) -> str:
        secret, now = new_secret(), self._clock()
        await links.add(connection, secret_hash(secret), user, made_by=by, at=now, ends_at=now + LINK_LIFETIME_S)
        return secret

    async def _add_first_admin(self, connection: Transaction, name: str, password_hash: str) -> int:
        if await users.any_exist(connection):
            raise RequestRejected(LINK_NO_LONGER_VALID)
        return await users.add(
            connection, name, ADMIN_EVERYWHERE, made_by="set-up", at=self._clock(), password_hash=password_hash
        )

    async def _require_another_admin(self, connection: Transaction, user: User) -> None:
        if await users.admin_ids(connection) == {user.id}:
            raise RequestRejected(LAST_ADMIN.format(user.name))
