"""Accounts over a real database, door and audit log, with a manual clock; also as a second process."""

import asyncio
import pkgutil
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
TEST_ACTION = Action(name="do it", required_role=Role.NONE, allowed_in_read_only=True)


class ManualClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now

    def advance_hours(self, hours: float) -> None:
        self.now += hours * 3600


@dataclass(frozen=True, kw_only=True)
class Process:
    """The accounts services of one process."""

    database: Database
    door: Door
    accounts: Accounts

    async def act(self, run: Callable[[Permit], Awaitable[T]], actor: Actor = ROOT) -> T:
        """Run an action through the door."""
        return await self.door.act(actor, TEST_ACTION, run)

    async def user(self, name: str, rights: Rights = ADMIN_EVERYWHERE, password: str | None = None) -> User:
        """Return a new user; without a password only invited."""
        link = await self.act(lambda permit: self.accounts.users.invite(permit, name, rights))
        if password is not None:
            await self.act(lambda permit: self.accounts.users.use_link(permit, link, name, password))
        return await self.accounts.users.get_by_name(name)

    async def sign_in(self, name: str, password: str, address: str = "192.0.2.1") -> str:
        return await self.accounts.sessions.sign_in(visitor(address), name, password)

    async def actor(self, secret: str) -> Actor:
        """Return the actor of this session, as the web does."""
        identity = await self.accounts.identities.by_session(secret)
        assert identity is not None
        assert identity.session is not None
        actor = visitor("192.0.2.1")
        return replace(
            actor, name=identity.name, rights=identity.rights, user=identity.user, session=identity.session.id
        )

    async def session_id(self, secret: str) -> int:
        """Return the ID of the session with this secret."""
        session = (await self.actor(secret)).session
        assert session is not None
        return session

    async def sso_user(self, rights: Rights, name: str = "sso", subject: str = "sub-1") -> int:
        """Create or update a user of the sso's provider; return its ID."""
        return await self.act(lambda permit: self.accounts.users.sync_sso_user(permit, subject, name, rights))

    async def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        async with self.database.read() as connection:
            return [tuple(row) for row in await connection.execute(text(query), values)]

    async def audit_rows(self) -> list[tuple[object, ...]]:
        """Return (kind, action, outcome, detail) of each audit row, except those of `act`."""
        query = "SELECT kind, action, outcome, detail FROM audit WHERE action != :action ORDER BY row"
        return await self.rows(query, action=TEST_ACTION.name)


def visitor(address: str) -> Actor:
    return Actor(name="nobody", rights=NO_RIGHTS, via=Via.PAGE, address=address, agent="Firefox 140")


def open_process(database: Database, clock: Clock, *, read_only: bool = False) -> Process:
    door = Door(AuditLog(database, clock), read_only=read_only)
    return Process(database=database, door=door, accounts=create_accounts(database, door, SecuritySettings(), clock))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def process(database: Database, clock: ManualClock, cheap_passwords: PasswordHasher) -> Process:
    made = open_process(database, clock)
    await made.accounts.changes.refresh()
    return made


@pytest.fixture
async def other_process(
    process: Process, database_settings: DatabaseSettings, clock: ManualClock
) -> AsyncIterator[Process]:
    """A second process that shares only the database with the first."""
    async with second_process(database_settings, clock) as made:
        yield made


@asynccontextmanager
async def second_process(settings: DatabaseSettings, clock: Clock) -> AsyncIterator[Process]:
    database = Database(settings)
    try:
        made = open_process(database, clock)
        await made.accounts.changes.refresh()
        yield made
    finally:
        await database.close()


@contextmanager
def paused(monkeypatch: pytest.MonkeyPatch, function: str) -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Pause callers of this function once it has its result; yield the events "paused" and "continue"."""
    real = pkgutil.resolve_name(function)
    has_result, go_on = asyncio.Event(), asyncio.Event()

    async def pausing(*arguments: object) -> object:
        result = await real(*arguments)
        has_result.set()
        await go_on.wait()
        return result

    with monkeypatch.context() as patched:
        patched.setattr(function, pausing)
        yield has_result, go_on


@contextmanager
def cheap_hasher() -> Iterator[PasswordHasher]:
    """Hash passwords with minimal cost."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signalbox.security.accounts.passwords._hasher", hasher)
        yield hasher


@pytest.fixture
def cheap_passwords() -> Iterator[PasswordHasher]:
    with cheap_hasher() as hasher:
        yield hasher


def password() -> str:
    """Return a unique password, to search for leaks of it."""
    return f"canary-{secrets.token_hex(12)}"
