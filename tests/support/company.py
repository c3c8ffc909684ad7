"""Company accounts over a database of a test's own: what the web does with them, without the web."""

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
from signalbox.security.oidc.service import CompanyAccounts
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


class Ticking:
    """The system's clock, which a test may put forward or back."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return system_clock() + self.ahead_s


class Company:
    """The house as far as company accounts need it, and what became of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.clock = Ticking()
        self.door = Door(AuditLog(database, self.clock))
        self.accounts: Accounts = create_accounts(database, self.door, SecuritySettings(), self.clock)

    def at(self, issuer: str, **keys: object) -> CompanyAccounts:
        """Return the service for a provider, with its own idea of the provider still empty."""
        given = {"issuer": issuer, "client_id": "signalbox", "roles": ROLES, "timeout_s": 30.0, **keys}
        settings = OidcSettings.model_validate(given)
        return CompanyAccounts(settings, ADDRESS, b"k" * 32, accounts=self.accounts, door=self.door, clock=self.clock)

    async def finish(
        self, service: CompanyAccounts, answer: Mapping[str, str], begun: StartedSignIn
    ) -> CompletedSignIn:
        await self.accounts.changes.refresh()
        return await service.finish(NOBODY, answer, begun.cookie)

    async def who(self, secret: str) -> Identity | None:
        """Return for whom a session's cookie stands."""
        await self.accounts.changes.refresh()
        return await self.accounts.identities.by_session(secret)

    async def everybody(self) -> dict[str, User]:
        return {user.name: user for user in await self.accounts.users.list_all()}

    async def audit(self) -> list[tuple[str, str, str]]:
        """Return (target, outcome, detail) of every outcome in the audit log."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                text("SELECT target, outcome, detail FROM audit WHERE kind = 'outcome' ORDER BY row")
            )
            return [(row.target, row.outcome, row.detail) for row in rows]


async def refused(
    company: Company, service: CompanyAccounts, answer: Mapping[str, str], begun: StartedSignIn
) -> Exception:
    """Finish a sign-in that has to be refused; return why it was."""
    with pytest.raises(RequestRejected) as raised:
        await company.finish(service, answer, begun)
    return raised.value


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    """An empty house."""
    database = Database(settings(migrated_sqlite(tmp_path)))
    yield Company(database)
    await database.close()
