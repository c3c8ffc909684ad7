"""API tokens: shown once, stored as a hash, expiring, and never with more rights than their user."""

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
    """Creates, lists and revokes tokens."""

    def __init__(self, changes: Changes, clock: Clock) -> None:
        self._changes = changes
        self._clock = clock

    async def create(self, permit: Permit, user_id: int, *, name: str, grant: Grant, resource: str, days: int) -> str:
        """Return the secret of a new token, which is shown only now. `resource` is a connection's name or EVERYWHERE.

        Raises:
            RequestRejected: the name, role or lifetime is not allowed; the actor is a token, or neither this user nor
                an admin; or the user was removed.
        """
        if permit.actor.token is not None:
            raise RequestRejected("A token cannot create tokens. Sign in, or run signalbox token create on the server.")
        _require_owner_or_admin(permit, user_id)
        token_name = name.strip()
        if not token_name or len(token_name) > TOKEN_NAME_LENGTH_MAX or not token_name.isprintable():
            raise RequestRejected(f"A token name needs 1 to {TOKEN_NAME_LENGTH_MAX} printable characters.")
        if not 1 <= days <= TOKEN_DAYS_MAX:
            raise RequestRejected(f"A token expires after 1 to {TOKEN_DAYS_MAX} days, not {days}.")
        if grant.role is Role.NONE:
            raise RequestRejected("A token needs a role: viewer, operator or admin.")
        secret, now = new_secret(TOKEN_PREFIX), self._clock()
        async with self._changes.begin() as connection:
            if await users.find(connection, user_id=user_id) is None:
                raise RequestRejected("This user was removed.")
            await tokens.remove_expired(connection, now)
            if len(await tokens.list_all(connection, user_id)) >= TOKENS_PER_USER_MAX:
                raise RequestRejected(f"A user can have at most {TOKENS_PER_USER_MAX} tokens. Revoke one first.")
            await tokens.add(
                connection,
                secret_hash(secret),
                user_id,
                name=token_name,
                hint=token_hint(secret),
                grant=grant,
                resource=resource,
                at=now,
                ends_at=now + days * DAY_S,
            )
        permit.detail = token_hint(secret)
        return secret

    async def list_all(self, user_id: int | None = None) -> Sequence[Token]:
        """Return the valid tokens of one user or of all."""
        now = self._clock()
        async with self._changes.read() as connection:
            return [token for token in await tokens.list_all(connection, user_id) if token.expires_at > now]

    async def get(self, token_id: int, user_id: int | None = None) -> Token:
        """Return a valid token, with `user_id` only of that user. Raises RequestRejected if it does not exist."""
        for token in await self.list_all(user_id):
            if token.id == token_id:
                return token
        raise RequestRejected(
            "You have no such token. It may have expired." if user_id else f"No valid token has the ID {token_id}."
        )

    async def revoke(self, permit: Permit, token: Token) -> None:
        """Revoke a token. Raises RequestRejected if it belongs to another user and the actor is no admin."""
        _require_owner_or_admin(permit, token.user)
        async with self._changes.begin() as connection:
            await tokens.remove(connection, token.id, token.user)


def _require_owner_or_admin(permit: Permit, user_id: int) -> None:
    if permit.actor.user != user_id and not permit.actor.is_admin:
        raise RequestRejected("Only an admin can create or revoke the tokens of another user.")
