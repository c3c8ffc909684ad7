"""Single sign-on: `begin` sends the browser to the provider, `finish` opens the session.

Imports no library of the `oidc` extra unless `[oidc]` is configured.
"""

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from signalbox.kernel.clock import Clock
from signalbox.security.accounts import actions
from signalbox.security.accounts.service import Accounts
from signalbox.security.accounts.store import users
from signalbox.security.door import Door, Permit
from signalbox.security.model import Actor
from signalbox.security.oidc.cookie import SignInCookie
from signalbox.security.oidc.errors import SsoError
from signalbox.security.oidc.model import (
    CompletedSignIn,
    PendingSignIn,
    SsoUser,
    StartedSignIn,
    authorization_code,
    new_pending_sign_in,
    sso_user,
)
from signalbox.security.oidc.settings import OidcSettings, RoleSettings

if TYPE_CHECKING:
    from signalbox.security.oidc.provider import Provider

log = logging.getLogger(__name__)

CALLBACK_PATH: Final = "/sign-in/sso/back"
"""The redirect URI below the address of Signalbox, to be registered at the provider."""


class SingleSignOn:
    """One per process. `address` is the URL of Signalbox for browsers; `key` is 32 secret bytes."""

    def __init__(
        self, settings: OidcSettings, address: str, key: bytes, *, accounts: Accounts, door: Door, clock: Clock
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._door = door
        self._cookie = SignInCookie(key, clock)
        self._provider: Provider = import_module("signalbox.security.oidc.provider").Provider(
            settings, address.rstrip("/") + CALLBACK_PATH, clock
        )

    @property
    def host(self) -> str:
        """The provider's host, for the button."""
        return self._settings.host

    @property
    def claim(self) -> str:
        """The claim with roles."""
        return self._settings.claim

    @property
    def roles(self) -> tuple[RoleSettings, ...]:
        """The roles by claim value."""
        return self._settings.roles

    async def begin(self, next_: str) -> StartedSignIn:
        """Start a sign-in that ends on the page `next_`, a path validated by the caller.

        Raises:
            ProviderUnreachable, ProviderError: the provider's metadata cannot be read.
        """
        pending = new_pending_sign_in(next_)
        return StartedSignIn(url=await self._provider.authorization_url(pending), cookie=self._cookie.encrypt(pending))

    async def finish(self, actor: Actor, answer: Mapping[str, str], cookie: str | None) -> CompletedSignIn:
        """Finish a sign-in with the redirect's query and the cookie; return the secret of a new session.

        Raises:
            SsoError: the sign-in failed.
            RequestRejected: another user has this name, or the last admin would lose that role.
        """
        pending = self._cookie.decrypt(cookie)
        try:
            user = await self._authenticate(answer, pending)
        except SsoError as error:
            error_code = answer.get("error", "")[:60]
            log.warning("single sign-on from %s failed: %s %r", actor.address, error, error_code)
            raise
        action = actions.sign_in_by_sso(user.name, self._settings.issuer)
        secret = await self._door.act(actor, action, lambda permit: self._sign_in(permit, user))
        return CompletedSignIn(secret=secret, next=pending.next)

    async def _authenticate(self, answer: Mapping[str, str], pending: PendingSignIn) -> SsoUser:
        names_issuer = await self._provider.names_issuer()
        code = authorization_code(answer, pending, issuer=self._settings.issuer, names_issuer=names_issuer)
        return sso_user(await self._provider.claims(code, pending), self._settings)

    async def _sign_in(self, permit: Permit, user: SsoUser) -> str:
        if user.rejection is not None:
            await self._revoke_access(permit, user)
            raise user.rejection
        user_id = await self._accounts.users.sync_sso_user(permit, user.subject, user.name, user.rights)
        return await self._accounts.sessions.open(permit, user_id)

    async def _revoke_access(self, permit: Permit, user: SsoUser) -> None:
        """Remove the rights of a user whose claim no longer gives any: sessions and tokens would keep them."""
        async with self._accounts.changes.read() as connection:
            user_id = await users.id_by_subject(connection, user.subject)
        if user_id is not None:
            await self._accounts.users.sync_sso_user(permit, user.subject, user.name, user.rights)
