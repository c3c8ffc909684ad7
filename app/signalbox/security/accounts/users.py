"""Users and their one-time links. Every change takes a permit, and the last admin always stays."""

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

LINK_NO_LONGER_VALID = "This link is no longer valid: it was used, revoked, or is older than 24 h. Ask for a new one."
LAST_ADMIN = (
    "{} is the last admin and cannot be removed or demoted. Create another admin first. "
    "On the server: signalbox user reset-admin."
)


class Users:
    """Lists and changes users."""

    def __init__(self, changes: Changes, limits: Limits, clock: Clock) -> None:
        self._changes = changes
        self.limits = limits
        self._clock = clock

    async def list_all(self) -> Sequence[User]:
        """Return all users, sorted in Python: PostgreSQL's collation differs, which would break paging by name."""
        locked = await self.limits.locked_names()
        async with self._changes.read() as connection:
            rows = await users.list_all(connection)
        return [replace(user, locked_until=locked.get(user.name)) for user in sorted(rows, key=attrgetter("name"))]

    async def count(self) -> int:
        async with self._changes.read() as connection:
            return await users.count(connection)

    async def get_by_name(self, name: str) -> User:
        """Return a user. Raises RequestRejected if no user has this name."""
        async with self._changes.read() as connection:
            user = await users.find(connection, name=normalized_user_name(name))
        if user is None:
            raise RequestRejected(f"No user is named {name}.")
        return replace(user, locked_until=(await self.limits.locked_names()).get(user.name))

    async def find(self, user_id: int) -> User | None:
        async with self._changes.read() as connection:
            return await users.find(connection, user_id=user_id)

    async def invite(self, permit: Permit, name: str, rights: Rights) -> str:
        """Add a user without a password; return the secret of the one-time link that sets one.

        Raises:
            RequestRejected: the name is taken or malformed, or the user could view nothing.
        """
        async with self._changes.begin() as connection:
            user_id = await self._add(connection, name, rights, permit.actor.name)
            return await self._add_link(connection, user_id, permit.actor.name)

    async def add_token_only(self, permit: Permit, name: str, rights: Rights) -> None:
        """Add a user that can only use API tokens. Raises RequestRejected as `invite` does."""
        async with self._changes.begin() as connection:
            await self._add(connection, name, rights, permit.actor.name)

    async def create_link(self, permit: Permit, user: User) -> str:
        """Return the secret of a new one-time link that sets this user's password; it revokes older links.

        Raises:
            RequestRejected: the user signs in with single sign-on, or was removed.
        """
        if user.sign_in_method is SignInMethod.SSO:
            raise RequestRejected(f"{user.name} signs in with single sign-on (SSO) and has no password in Signalbox.")
        async with self._changes.begin() as connection:
            await self._reload(connection, user)
            return await self._add_link(connection, user.id, permit.actor.name)

    async def revoke_link(self, _: Permit, user: User) -> None:
        """Revoke a user's open link. Removes a user who has neither a password nor a token."""
        async with self._changes.begin() as connection:
            current = await self._reload(connection, user)
            await links.remove_for_user(connection, user.id)
            if current.sign_in_method is SignInMethod.LINK and not current.tokens:
                await users.remove(connection, user.id)

    async def create_first_admin_link(self, permit: Permit) -> str:
        """Return the secret of the link that creates the first admin. Raises RequestRejected if users exist."""
        async with self._changes.begin() as connection:
            if await users.any_exist(connection):
                raise RequestRejected("Users already exist. Ask an admin for a one-time link.")
            return await self._add_link(connection, None, permit.actor.name)

    async def find_link(self, secret: str) -> OneTimeLink:
        """Return a valid link. Raises RequestRejected if it is not valid."""
        async with self._changes.read() as connection:
            link = await links.find(connection, secret_hash(secret), self._clock())
        if link is None:
            raise RequestRejected(LINK_NO_LONGER_VALID)
        return link

    async def use_link(self, _: Permit, secret: str, name: str, password: str) -> int:
        """Set the password with a one-time link; return the user's ID. Ends all sessions of that user.

        Raises:
            RequestRejected: the link is not valid, or the name or password is not allowed.
        """
        link = await self.find_link(secret)
        user_name = link.user_name or normalized_user_name(name)
        password_hash = await passwords.hash_password(validated_password(password, user_name))
        async with self._changes.begin() as connection:
            current = await links.find(connection, secret_hash(secret), self._clock())
            if current is None or current.id != link.id:
                raise RequestRejected(LINK_NO_LONGER_VALID)
            await links.remove_for_user(connection, link.user)
            if link.user is None:
                return await self._add_first_admin(connection, user_name, password_hash)
            await users.set_password(connection, link.user, password_hash, self._clock())
            await sessions.remove_for_user(connection, link.user)
            return link.user

    async def change_password(self, permit: Permit, old: str, new: str) -> None:
        """Set the actor's own password. Ends all their sessions: open a new one for this browser.

        Raises:
            RequestRejected: the old password is wrong or was changed meanwhile, or the new one is not allowed.
            TooManyAttempts: too many wrong passwords from this address.
        """
        name = permit.actor.name
        attempt_ids = await self.limits.count_sign_in(name, permit.actor.address)
        async with self._changes.read() as connection:
            credentials = await users.find_credentials(connection, name)
        if credentials is None or credentials.user_id != permit.actor.user or credentials.password_hash is None:
            raise RequestRejected("You have no password in Signalbox, so there is nothing to change.")
        if not await passwords.verify(old, credentials.password_hash):
            raise RequestRejected("The current password is wrong.")
        await self.limits.uncount(attempt_ids)
        password_hash = await passwords.hash_password(validated_password(new, name))
        async with self._changes.begin() as connection:
            if await users.find_credentials(connection, name) != credentials:  # a one-time link was used meanwhile
                raise RequestRejected(
                    "Your password was just changed with a one-time link. Sign in with that password. If you did not change it, tell an admin now."
                )
            await users.set_password(connection, credentials.user_id, password_hash, self._clock())
            ended = await sessions.remove_for_user(connection, credentials.user_id)
        permit.detail = f"{ended} sessions ended"

    async def set_rights(self, permit: Permit, user: User, rights: Rights) -> None:
        """Change a user's rights. Ends their sessions; their tokens keep at most these rights.

        Raises:
            RequestRejected: the user is the last admin, could view nothing, or was removed.
        """
        if not rights.allows_anything:
            raise RequestRejected(f"{user.name} would have no access. Grant at least one role, or remove the user.")
        async with self._changes.begin() as connection:
            await self._reload(connection, user)
            if rights.role() is not Role.ADMIN:
                await self._require_another_admin(connection, user)
            await users.set_rights(connection, user.id, rights)
            ended = await sessions.remove_for_user(connection, user.id)
        permit.detail = f"{ended} sessions ended"

    async def remove(self, _: Permit, user: User) -> None:
        """Remove a user with sessions, tokens and links. Raises RequestRejected for the last admin or a removed user."""
        async with self._changes.begin() as connection:
            await self._reload(connection, user)
            await self._require_another_admin(connection, user)
            await users.remove(connection, user.id)

    async def reset_admin(self, permit: Permit, name: str) -> str:
        """Make a user admin, adding the user if needed; return the secret of a link that sets a new password."""
        user_name = normalized_user_name(name)
        async with self._changes.begin() as connection:
            credentials = await users.find_credentials(connection, user_name)
            if credentials is not None and credentials.subject is not None:
                raise RequestRejected(
                    f"{user_name} signs in with single sign-on (SSO) and has no password in Signalbox. Choose another name."
                )
            if credentials is None:
                by, now = permit.actor.name, self._clock()
                user_id = await users.add(connection, user_name, ADMIN_EVERYWHERE, made_by=by, at=now)
            else:
                user_id = credentials.user_id
                await users.set_rights(connection, user_id, ADMIN_EVERYWHERE)
                await sessions.remove_for_user(connection, user_id)
            return await self._add_link(connection, user_id, permit.actor.name)

    async def sync_sso_user(self, _: Permit, subject: str, name: str, rights: Rights) -> int:
        """Add the user of this subject, or set the rights that the claim gives now; return the user's ID.

        Raises:
            RequestRejected: another user has this name, or the user is the last admin and would lose that role.
        """
        user_name = normalized_user_name(name)
        async with self._changes.begin() as connection:
            user_id = await users.id_by_subject(connection, subject)
            if user_id is None:
                if await users.find_credentials(connection, user_name) is not None:
                    raise RequestRejected(
                        f"The user name {user_name} is taken by a user with a password in Signalbox. If that is you, sign in with the password. Otherwise "
                        "ask an admin to remove that user first."
                    )
                by, now = "single sign-on", self._clock()
                return await users.add(connection, user_name, rights, made_by=by, at=now, subject=subject)
            if grant_rows(await users.read_rights(connection, user_id)) != grant_rows(rights):
                if rights.role() is not Role.ADMIN and await users.admin_ids(connection) == {user_id}:
                    raise RequestRejected(LAST_ADMIN.format(user_name))
                await users.set_rights(connection, user_id, rights)
                await sessions.remove_for_user(connection, user_id)
            return user_id

    async def _add(self, connection: Transaction, name: str, rights: Rights, by: str) -> int:
        user_name = normalized_user_name(name)
        if not rights.allows_anything:
            raise RequestRejected(f"{user_name} would have no access. Grant at least one role.")
        if await users.find_credentials(connection, user_name) is not None:
            raise RequestRejected(f"A user named {user_name} already exists.")
        return await users.add(connection, user_name, rights, made_by=by, at=self._clock())

    async def _reload(self, connection: Transaction, user: User) -> User:
        """Return the user as of this transaction; `user` may be outdated."""
        current = await users.find(connection, user_id=user.id)
        if current is None:
            raise RequestRejected(f"{user.name} no longer exists: the user was removed. Nothing was changed.")
        return current

    async def _add_link(self, connection: Transaction, user_id: int | None, by: str) -> str:
        secret, now = new_secret(), self._clock()
        await links.add(connection, secret_hash(secret), user_id, made_by=by, at=now, ends_at=now + LINK_LIFETIME_S)
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
