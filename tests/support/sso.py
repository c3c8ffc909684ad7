"""Single sign-on over a database of its own, used as the web does, but without it."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

from signalbox.kernel.clock import system_clock
from signalbox.security.accounts.model import Identity, User
from signalbox.security.accounts.service import Accounts, create_accounts
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door
from signalbox.security.errors import RequestRejected
from signalbox.security.model import NO_RIGHTS, Actor, Via
from signalbox.security.oidc.model import CompletedSignIn, StartedSignIn
from signalbox.security.oidc.service import SingleSignOn
from signalbox.security.oidc.settings import OidcSettings
from signalbox.security.settings import SecuritySettings
from signalbox.storage.engine import Database
from tests.support.database import migrated_sqlite, settings

ADDRESS = "http://127.0.0.1:8080"
NOBODY = Actor(name="nobody", rights=NO_RIGHTS, via=Via.PAGE, address="192.0.2.7", agent="a browser")
ROLES = (
    {"value": "platform", "role": "admin", "payloads": True},
    {"value": "*-leads", "role": "operator", "on": ["kafka-prod"], "payloads": True},
    {"value": "support", "role": "viewer"},
)


class OffsetClock:
    """The system clock with an offset."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return system_clock() + self.ahead_s


class SsoServices:
    """The services that single sign-on needs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.clock = OffsetClock()
        self.door = Door(AuditLog(database, self.clock))
        self.accounts: Accounts = create_accounts(database, self.door, SecuritySettings(), self.clock)

    def service_for(self, issuer: str, **keys: object) -> SingleSignOn:
        """Return a service for this provider that has not fetched its metadata."""
        given = {"issuer": issuer, "client_id": "signalbox", "roles": ROLES, "timeout_s": 30.0, **keys}
        settings = OidcSettings.model_validate(given)
        return SingleSignOn(settings, ADDRESS, b"k" * 32, accounts=self.accounts, door=self.door, clock=self.clock)

    async def finish(self, service: SingleSignOn, answer: Mapping[str, str], begun: StartedSignIn) -> CompletedSignIn:
        await self.accounts.changes.refresh()
        return await service.finish(NOBODY, answer, begun.cookie)

    async def identity_of(self, secret: str) -> Identity | None:
        """Return the identity of a session cookie."""
        await self.accounts.changes.refresh()
        return await self.accounts.identities.by_session(secret)

    async def users_by_name(self) -> dict[str, User]:
        return {user.name: user for user in await self.accounts.users.list_all()}

    async def audit(self) -> list[tuple[str, str, str]]:
        """Return (target, outcome, detail) of every outcome row."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                text("SELECT target, outcome, detail FROM audit WHERE kind = 'outcome' ORDER BY row")
            )
            return [(row.target, row.outcome, row.detail) for row in rows]


async def finish_refused(
    sso: SsoServices, service: SingleSignOn, answer: Mapping[str, str], begun: StartedSignIn
) -> Exception:
    """Finish a sign-in that must fail; return the error."""
    with pytest.raises(RequestRejected) as raised:
        await sso.finish(service, answer, begun)
    return raised.value


@pytest.fixture
async def sso(tmp_path: Path) -> AsyncIterator[SsoServices]:
    """Single sign-on without users."""
    database = Database(settings(migrated_sqlite(tmp_path)))
    yield SsoServices(database)
    await database.close()
