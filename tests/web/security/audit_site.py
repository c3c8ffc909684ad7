"""An audit log behind the pages: an admin and others in their browsers, and a door to write through."""

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
from tests.support.audit import Book, behind, disarm
from tests.support.database import settings as database_at
from tests.web.security.user_site import PASSWORD, STARTER, Browser, House, house_in

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass(frozen=True, kw_only=True)
class Audited:
    """Signalbox, its admin's browser, and a door that the test itself goes through, as another process would."""

    house: House
    admin: Browser
    book: Book
    settings: DatabaseSettings

    @property
    def log(self) -> AuditLog:
        """The log of the process that serves the pages."""
        return cast("AuditLog", cast("Any", self.house.app.dependencies["audit"]).dependency())

    async def joined(self, name: str, rights: Rights = VIEWER_EVERYWHERE) -> Browser:
        """Return the browser of somebody whom the admin did not make by hand."""
        users = self.house.accounts.users
        action = actions.invite_user(name, rights)
        secret = await self.book.door.act(STARTER, action, lambda permit: users.invite(permit, name, rights))
        theirs = await self.house.browser()
        await theirs.send(urls.join(secret), password=PASSWORD, again=PASSWORD)
        return theirs

    async def part(self, address: str) -> str:
        """Ask as htmx does when it replaces the list."""
        answer = await self.admin.client.get(address, headers=PARTIAL)
        assert answer.status_code == 200
        return answer.text

    async def tamper(self, row: int, *statements: str) -> None:
        """Change the log behind its back; ROW in a statement is this one."""
        await disarm(self.settings)
        await behind(self.settings, *(statement.replace("ROW", str(row)) for statement in statements))

    async def last(self) -> int:
        return (await self.log.state()).head.row


@asynccontextmanager
async def audited_in(folder: Path, settings: ServerSettings | None = None) -> AsyncIterator[Audited]:
    async with house_in(folder, settings) as house:
        admin = await house.first_admin()
        yield over(house, admin, folder)


def over(house: House, admin: Browser, folder: Path) -> Audited:
    book = Book(house.estate.database, house.estate.clock)
    return Audited(
        house=house, admin=admin, book=book, settings=database_at(f"sqlite+aiosqlite:///{folder}/signalbox.db")
    )
