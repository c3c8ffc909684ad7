"""An audit log behind the real routes: an admin's browser, and a door as another process has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from signalbox.security.accounts import actions
from signalbox.security.audit.service import AuditLog
from signalbox.security.model import VIEWER_EVERYWHERE, Rights
from signalbox.storage.settings import DatabaseSettings
from signalbox.web import urls
from signalbox.web.settings import ServerSettings
from tests.support.audit import AuditedDoor, drop_triggers, run_sql
from tests.support.database import settings as database_at
from tests.web.security.user_site import PASSWORD, STARTER, Browser, UserSite, user_site_in

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass(frozen=True, kw_only=True)
class AuditSite:
    """Signalbox, its admin's browser, and a door as another process has it."""

    users: UserSite
    admin: Browser
    book: AuditedDoor
    settings: DatabaseSettings

    @property
    def log(self) -> AuditLog:
        """The log of the process that serves the pages."""
        return cast("AuditLog", cast("Any", self.users.app.dependencies["audit"]).dependency())

    async def invite(self, name: str, rights: Rights = VIEWER_EVERYWHERE) -> Browser:
        """Return the browser of a new user, invited through the door."""
        users = self.users.accounts.users
        action = actions.invite_user(name, rights)
        secret = await self.book.door.act(STARTER, action, lambda permit: users.invite(permit, name, rights))
        browser = await self.users.browser()
        await browser.submit(urls.join(secret), password=PASSWORD, again=PASSWORD)
        return browser

    async def part(self, address: str) -> str:
        """Return the list as htmx loads it."""
        answer = await self.admin.client.get(address, headers=PARTIAL)
        assert answer.status_code == 200
        return answer.text

    async def tamper(self, row: int, *statements: str) -> None:
        """Tamper with the log; ROW in a statement is replaced."""
        await drop_triggers(self.settings)
        await run_sql(self.settings, *(statement.replace("ROW", str(row)) for statement in statements))

    async def last(self) -> int:
        return (await self.log.state()).head.row


@asynccontextmanager
async def audit_site_in(folder: Path, settings: ServerSettings | None = None) -> AsyncIterator[AuditSite]:
    async with user_site_in(folder, settings) as users:
        admin = await users.first_admin()
        yield audit_site_over(users, admin, folder)


def audit_site_over(users: UserSite, admin: Browser, folder: Path) -> AuditSite:
    book = AuditedDoor(users.simulation.database, users.simulation.clock)
    return AuditSite(
        users=users, admin=admin, book=book, settings=database_at(f"sqlite+aiosqlite:///{folder}/signalbox.db")
    )
