"""Signing in by a company account: begin sends the browser away, finish opens the session of who came back.

Imports no library of the extra before there is a `[oidc]` table.
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
from signalbox.security.oidc.errors import CompanyAccountError
from signalbox.security.oidc.model import (
    CompanyUser,
    CompletedSignIn,
    PendingSignIn,
    StartedSignIn,
    authorization_code,
    company_user,
    new_pending_sign_in,
)
from signalbox.security.oidc.settings import OidcSettings, RoleSettings

if TYPE_CHECKING:
    from signalbox.security.oidc.provider import Provider

log = logging.getLogger(__name__)

CALLBACK_PATH: Final = "/sign-in/company/back"
"""Where the provider sends the browser back to, below the address of Signalbox: as it has to be registered there."""


class CompanyAccounts:
    """One per process. `address` is how browsers reach Signalbox; `key` is 32 bytes that only this installation has."""

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
        """The provider, as the button names it."""
        return self._settings.host

    @property
    def claim(self) -> str:
        """The claim that roles come from."""
        return self._settings.claim

    @property
    def roles(self) -> tuple[RoleSettings, ...]:
        """What values of the claim give."""
        return self._settings.roles

    async def begin(self, next_: str) -> StartedSignIn:
        """Begin a sign-in, after which the page `next_` is shown: a path here, which the caller has checked to be one.

        Raises:
            ProviderUnreachable, ProviderError: it is not known where to send the browser.
        """
        kept = new_pending_sign_in(next_)
        return StartedSignIn(url=await self._provider.authorization_url(kept), cookie=self._cookie.encrypt(kept))

    async def finish(self, actor: Actor, answer: Mapping[str, str], sealed: str | None) -> CompletedSignIn:
        """Return the secret of a new session for whoever came back with `answer`, the query, and the cookie `sealed`.

        Raises:
            CompanyAccountError: nobody was signed in, and why.
            Refused: another user has this name, or it would take the last admin.
        """
        kept = self._cookie.decrypt(sealed)
        try:
            found = await self._authenticate(answer, kept)
        except CompanyAccountError as error:
            said = answer.get("error", "")[:60]
            log.warning("nobody from %s was signed in by company account: %s %r", actor.address, error, said)
            raise
        action = actions.sign_in_by_company_account(found.name, self._settings.issuer)
        secret = await self._door.act(actor, action, lambda permit: self._sign_in(permit, found))
        return CompletedSignIn(secret=secret, next=kept.next)

    async def _authenticate(self, answer: Mapping[str, str], kept: PendingSignIn) -> CompanyUser:
        names_issuer = await self._provider.names_issuer()
        code = authorization_code(answer, kept, issuer=self._settings.issuer, names_issuer=names_issuer)
        return company_user(await self._provider.claims(code, kept), self._settings)

    async def _sign_in(self, permit: Permit, found: CompanyUser) -> str:
        if found.rejection is not None:
            await self._revoke_access(permit, found)
            raise found.rejection
        user = await self._accounts.users.sync_company_user(permit, found.subject, found.name, found.rights)
        return await self._accounts.sessions.open(permit, user)

    async def _revoke_access(self, permit: Permit, found: CompanyUser) -> None:
        """Take what somebody had before the claim gave nothing any more: it would live on in sessions and tokens."""
        async with self._accounts.changes.read() as connection:
            known = await users.id_by_subject(connection, found.subject)
        if known is not None:
            await self._accounts.users.sync_company_user(permit, found.subject, found.name, found.rights)
