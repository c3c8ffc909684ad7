"""Accounts over a real database, door and audit log, with a clock that is set by hand. A second one is another process."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from signalbox.kernel.clock import Clock
from signalbox.security.accounts.model import User
from signalbox.security.accounts.service import Accounts, create_accounts
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door, Permit
from signalbox.security.model import ADMIN_EVERYWHERE, NO_RIGHTS, Action, Actor, Rights, Role, Via
from signalbox.security.settings import SecuritySettings
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings

T = TypeVar("T")

NOW = 1_790_000_000.0
ROOT = Actor(name="cli:root", rights=ADMIN_EVERYWHERE, via=Via.CLI)
IT = Action(name="do it", required_role=Role.NONE, allowed_in_read_only=True)


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now

    def pass_h(self, hours: float) -> None:
        self.now += hours * 3600


@dataclass(frozen=True, kw_only=True)
class Process:
    """What one process has of accounts."""

    database: Database
    door: Door
    accounts: Accounts

    async def did(self, run: Callable[[Permit], Awaitable[T]], actor: Actor = ROOT) -> T:
        """Do something through the door."""
        return await self.door.act(actor, IT, run)

    async def user(self, name: str, rights: Rights = ADMIN_EVERYWHERE, password: str | None = None) -> User:
        """Return a new user; one without a password was invited only."""
        link = await self.did(lambda permit: self.accounts.users.invite(permit, name, rights))
        if password is not None:
            await self.did(lambda permit: self.accounts.users.use_link(permit, link, name, password))
        return await self.accounts.users.get_by_name(name)

    async def sign_in(self, name: str, password: str, address: str = "192.0.2.1") -> str:
        return await self.accounts.sessions.sign_in(visitor(address), name, password)

    async def actor(self, secret: str) -> Actor:
        """Return who has this session, as a page would."""
        known = await self.accounts.identities.by_session(secret)
        assert known is not None
        assert known.session is not None
        asks = visitor("192.0.2.1")
        return replace(asks, name=known.name, rights=known.rights, user=known.user, session=known.session.id)

    async def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        async with self.database.read() as connection:
            return [tuple(row) for row in await connection.execute(text(query), values)]

    async def told(self) -> list[tuple[object, ...]]:
        """Return (kind, action, outcome, detail) of each row of the audit log, but of what `did` did."""
        query = "SELECT kind, action, outcome, detail FROM audit WHERE action != :it ORDER BY row"
        return await self.rows(query, it=IT.name)


def visitor(address: str) -> Actor:
    return Actor(name="nobody", rights=NO_RIGHTS, via=Via.PAGE, address=address, agent="Firefox 140")


def process(database: Database, clock: Clock, *, read_only: bool = False) -> Process:
    door = Door(AuditLog(database, clock), read_only=read_only)
    return Process(database=database, door=door, accounts=create_accounts(database, door, SecuritySettings(), clock))


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def here(database: Database, time: Time, cheap_passwords: PasswordHasher) -> Process:
    made = process(database, time)
    await made.accounts.changes.refresh()
    return made


@pytest.fixture
async def there(here: Process, database_settings: DatabaseSettings, time: Time) -> AsyncIterator[Process]:
    """A second process on the same database: it shares nothing with the first but that."""
    async with opened(database_settings, time) as made:
        yield made


@asynccontextmanager
async def opened(settings: DatabaseSettings, clock: Clock) -> AsyncIterator[Process]:
    database = Database(settings)
    try:
        made = process(database, clock)
        await made.accounts.changes.refresh()
        yield made
    finally:
        await database.close()


@contextmanager
def hashed_cheaply() -> Iterator[PasswordHasher]:
    """Passwords that cost next to nothing."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signalbox.security.accounts.passwords._hasher", hasher)
        yield hasher


@pytest.fixture
def cheap_passwords() -> Iterator[PasswordHasher]:
    with hashed_cheaply() as hasher:
        yield hasher


def password() -> str:
    """Return a password that can be found again wherever it should not be."""
    return f"canary-{secrets.token_hex(12)}"
