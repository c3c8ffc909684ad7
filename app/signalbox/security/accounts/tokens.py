"""API tokens: shown once, kept as a hash, ending by themselves, never worth more than who made them."""

from collections.abc import Sequence

from signalbox.kernel.clock import Clock
from signalbox.security.accounts.model import (
    TOKEN_DAYS_MAX,
    TOKEN_NAME_LENGTH_MAX,
    TOKEN_PREFIX,
    Token,
    new_secret,
    secret_hash,
    token_hint,
)
from signalbox.security.accounts.store import tokens, users
from signalbox.security.changes.service import Changes
from signalbox.security.door import Permit
from signalbox.security.errors import RequestRejected
from signalbox.security.model import Grant, Role

DAY_S = 24 * 3600.0
TOKENS_PER_USER_MAX = 100


class Tokens:
    """Makes, lists and revokes tokens."""

    def __init__(self, changes: Changes, clock: Clock) -> None:
        self._changes = changes
        self._clock = clock

    async def create(self, permit: Permit, user: int, *, name: str, grant: Grant, resource: str, days: int) -> str:
        """Return a new token of a user, which is shown nowhere again; `resource` is a connection's name, or EVERYWHERE.

        Raises:
            RequestRejected: the name, the role or the days until it ends cannot be; it is a token that asks, or not an admin for
                another user; or the user was removed.
        """
        if permit.actor.token is not None:
            raise RequestRejected("A token makes no tokens: sign in, or use the command line.")
        _own_or_admin(permit, user)
        tidy = name.strip()
        if not tidy or len(tidy) > TOKEN_NAME_LENGTH_MAX or not tidy.isprintable():
            raise RequestRejected(f"A token's name has 1 to {TOKEN_NAME_LENGTH_MAX} printable characters.")
        if not 1 <= days <= TOKEN_DAYS_MAX:
            raise RequestRejected(f"A token ends after 1 to {TOKEN_DAYS_MAX} days; got {days}.")
        if grant.role is Role.NONE:
            raise RequestRejected("A token without a role may nothing: choose viewer, operator or admin.")
        secret, now = new_secret(TOKEN_PREFIX), self._clock()
        async with self._changes.begin() as connection:
            if await users.find(connection, user=user) is None:
                raise RequestRejected("This user was removed.")
            await tokens.remove_expired(connection, now)
            if len(await tokens.list_all(connection, user)) >= TOKENS_PER_USER_MAX:
                raise RequestRejected(f"A user has at most {TOKENS_PER_USER_MAX} tokens: revoke one first.")
            await tokens.add(
                connection,
                secret_hash(secret),
                user,
                name=tidy,
                hint=token_hint(secret),
                grant=grant,
                resource=resource,
                at=now,
                ends_at=now + days * DAY_S,
            )
        permit.detail = token_hint(secret)
        return secret

    async def list_all(self, user: int | None = None) -> Sequence[Token]:
        """Return the tokens of one user, or of all, that have not ended."""
        now = self._clock()
        async with self._changes.read() as connection:
            return [token for token in await tokens.list_all(connection, user) if token.expires_at > now]

    async def get(self, token: int, user: int | None = None) -> Token:
        """Return a token, of this user only where one is given. Raises RequestRejected when there is none."""
        for found in await self.list_all(user):
            if found.id == token:
                return found
        raise RequestRejected(
            "There is no such token of yours; it may have ended." if user else "There is no such token."
        )

    async def revoke(self, permit: Permit, token: Token) -> None:
        """End a token. Raises RequestRejected when it is another user's, unless an admin asks."""
        _own_or_admin(permit, token.user)
        async with self._changes.begin() as connection:
            await tokens.remove(connection, token.id, token.user)


def _own_or_admin(permit: Permit, user: int) -> None:
    if permit.actor.user != user and not permit.actor.is_admin:
        raise RequestRejected("This is another user's token, or would be: only an admin makes and revokes those.")
