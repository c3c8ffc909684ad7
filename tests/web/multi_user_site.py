"""The application over a real database with a user of every role, signed in through the real routes.

The simulation has two connections with groups of the same names. All names that only the second one has contain CANARY.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
from litestar import Litestar
from pydantic import BaseModel
from sqlalchemy import text

from signalbox.brokers.model import BrokerKind, Fault, Node, Why
from signalbox.core import Core
from signalbox.features.feature import Feature
from signalbox.security.accounts.model import EVERYWHERE
from signalbox.security.model import (
    ADMIN_EVERYWHERE,
    OPERATOR_EVERYWHERE,
    VIEWER_EVERYWHERE,
    Action,
    Actor,
    Grant,
    Rights,
    Role,
    Via,
)
from signalbox.storage.schema import Table
from signalbox.web import urls
from signalbox.web.app import WebOptions
from tests.support.accounts import cheap_hasher
from tests.support.assets import whole_assets
from tests.support.simulation import SimulatedConnection, SimulatedGroup, Simulation
from tests.support.snapshots import cluster
from tests.web.walk import Route

VISIBLE, HIDDEN = "kafka-open", "kafka-canary"
CANARY = "canary"
SHARED_GROUPS = ("orders", "payments")  # consumer groups with these names exist on both connections
ORIGIN = "http://localhost"
PASSWORD = "correct horse battery staple"
ROOT_ACTOR = Actor(name="cli:root", rights=ADMIN_EVERYWHERE, via=Via.CLI)
SETUP = Action(name="set up a test", required_role=Role.NONE, allowed_in_read_only=True)
ANONYMOUS = None
ONE_CONNECTION = Rights(on={VISIBLE: Grant(Role.VIEWER)})
RIGHTS: Mapping[str, Rights] = {
    "admin": ADMIN_EVERYWHERE,
    "operator": OPERATOR_EVERYWHERE,
    "viewer": VIEWER_EVERYWHERE,
    "one": ONE_CONNECTION,
    "gone": Rights(on={"kafka-removed": Grant(Role.VIEWER)}),  # may view only a connection that was removed
}
VOLATILE_COLUMNS = {"used_at", "seen_at"}  # every request updates them
TABLES_NOT_COMPARED = {"audit", "audit_head", "attempt"}


@dataclass(frozen=True, slots=True)
class SiteUser:
    """A user with the secrets to sign in."""

    name: str
    id: int
    cookie: str  # the header: "signalbox=..."
    token: str


@dataclass
class MultiUserSite:
    """One application and its users."""

    simulation: Simulation
    app: Litestar
    core: Core
    writes: Mapping[Route, str | None]  # the action of each declared write; None: a trial
    users: dict[str, SiteUser] = field(default_factory=dict)
    serial: int = 0

    def client(
        self,
        who: str | None = ANONYMOUS,
        *,
        by: str = "cookie",
        address: str = "127.0.0.1",
        base: str = ORIGIN,
        **headers: str,
    ) -> httpx.AsyncClient:
        """Return a browser (or, by "token", a program) of this user; its requests come from a page of Signalbox."""
        transport = httpx.ASGITransport(cast("Any", self.app), client=(address, 4711), raise_app_exceptions=False)
        all_headers = httpx.Headers(self.headers(who, by=by) | headers, encoding="latin-1")
        return httpx.AsyncClient(transport=transport, base_url=base, headers=all_headers)

    def headers(self, who: str | None, *, by: str = "cookie") -> dict[str, str]:
        if who is ANONYMOUS:
            return {"Origin": ORIGIN}
        user = self.users[who]
        if by == "token":
            return {"Authorization": f"Bearer {user.token}"}
        return {"Cookie": user.cookie, "Origin": ORIGIN}

    async def add(self, name: str, rights: Rights) -> SiteUser:
        """Invite a user, set a password through the link, and create a token with all rights of the user."""
        users = self.core.accounts.users
        if self.core.accounts.identities.has_users:
            link = await self.core.door.act(ROOT_ACTOR, SETUP, lambda permit: users.invite(permit, name, rights))
        else:
            link = await self.core.door.act(ROOT_ACTOR, SETUP, users.create_first_admin_link)
        cookie = await self.use_link(link, name)
        user = await users.get_by_name(name)
        token = await self.core.door.act(
            ROOT_ACTOR,
            SETUP,
            lambda permit: self.core.accounts.tokens.create(
                permit, user.id, name="all", grant=Grant(Role.ADMIN, payloads=True), resource=EVERYWHERE, days=30
            ),
        )
        self.users[name] = SiteUser(name, user.id, cookie, token)
        return self.users[name]

    async def add_user(self, rights: Rights) -> str:
        """Add a user with a new name; return the name."""
        self.serial += 1
        return (await self.add(f"user-{self.serial}", rights)).name

    async def create_link(self, name: str) -> str:
        """Return the secret of a new one-time link for an existing user."""
        users = self.core.accounts.users
        user = await users.get_by_name(name)
        return await self.core.door.act(ROOT_ACTOR, SETUP, lambda permit: users.create_link(permit, user))

    async def use_link(self, link: str, name: str) -> str:
        """Use a one-time link; return the cookie."""
        first = not self.core.accounts.identities.has_users
        form = {"password": PASSWORD, "again": PASSWORD} | ({"name": name} if first else {})
        async with self.client() as client:
            answer = await client.post(urls.join(link), data=form)
        assert answer.status_code == 303, answer.text
        return cookie_of(answer)

    async def sign_in(self, name: str, password: str = PASSWORD, **headers: str) -> str:
        """Sign in through the page; return the cookie."""
        async with self.client(**cast("Any", headers)) as client:
            answer = await client.post(urls.sign_in(), data={"name": name, "password": password})
        assert answer.status_code == 303, answer.text
        return cookie_of(answer)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.simulation.database.read() as connection:
            return [tuple(row) for row in await connection.execute(text(query))]

    async def all_rows(self) -> Mapping[str, Sequence[tuple[Any, ...]]]:
        """Return all rows of all tables, without the audit log, attempts and volatile columns."""
        tables = {}
        for table in Table.metadata.sorted_tables:
            if table.name not in TABLES_NOT_COMPARED:
                names = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in VOLATILE_COLUMNS)
                tables[table.name] = sorted(await self.rows(f'SELECT {names} FROM "{table.name}"'), key=repr)  # noqa: S608
        return tables

    async def intents(self) -> list[tuple[str, str]]:
        """Return (action, actor) of each intent in the audit log."""
        return [
            (action, actor) for action, actor in await self.rows("SELECT action, actor FROM audit WHERE kind='intent'")
        ]


@asynccontextmanager
async def multi_user_site(
    simulation: Simulation,
    *,
    users: Mapping[str, Rights] = RIGHTS,
    features: Sequence[Feature] = (),
    tables: Sequence[BaseModel] = (),
    options: WebOptions | None = None,
) -> AsyncIterator[MultiUserSite]:
    """Build the application over a simulation, with these tables of signalbox.toml; all users are signed in."""
    built = simulation.built(tables, features, options or WebOptions(assets=whole_assets(), requests_per_s=1e9))
    with cheap_hasher():
        await built.core.accounts.changes.refresh()
        writes = {Route(write.method, write.path): write.action for parts in built.parts for write in parts.writes}
        site = MultiUserSite(simulation, built.app, built.core, writes)
        for name, rights in users.items():
            await site.add(name, rights)
        yield site


@asynccontextmanager
async def two_connections(simulation: Simulation, *, hidden: bool = True) -> AsyncIterator[Simulation]:
    """Simulate five minutes on two connections, or only on the visible one. History is saved; no service runs."""
    await simulation.database.upgrade()
    await simulation.series.start()
    try:
        _connect(simulation, VISIBLE, mark="plain")
        if hidden:
            _connect(simulation, HIDDEN, mark=CANARY)
        await simulation.run(300)
        if hidden:
            simulation.fail(simulation.simulated[1], f"{CANARY} refused the connection.")
    finally:
        await simulation.series.stop()
    try:
        yield simulation
    finally:
        await simulation.database.close()


def _connect(simulation: Simulation, name: str, *, mark: str) -> None:
    more = 1.0 if mark == CANARY else 0.0
    readers = [
        SimulatedGroup(
            SHARED_GROUPS[0], "orders.placed", [20.0, 20.0], [20.0, 5.0 + more], [30, 700], (f"{mark}-member",)
        ),
        SimulatedGroup(SHARED_GROUPS[1], f"{mark}-topic", members=(f"{mark}-reader",)),
        SimulatedGroup(f"{mark}-group", "orders.placed", [50.0, 50.0], [10.0 + more, 50.0], [9000, 3]),
    ]
    site = simulation.connect(SimulatedConnection(name, BrokerKind.KAFKA, readers))
    site.excluded = 3 if mark == CANARY else 1
    site.health = cluster(
        simulation.now,
        nodes=(Node(id="1", address=f"{mark}-node:9092", running=True, controller=True),),
        alarms=(f"{mark} alarm",),
        missing_permissions=(f"DESCRIBE on {mark}",),
    )
    site.faults = (Fault(resource=f"group {mark}-secret", why=Why.NOT_PERMITTED, detail=f"{mark} is not permitted"),)


def cookie_of(answer: httpx.Response) -> str:
    """Return the cookie that a response sets, as a browser sends it back."""
    return answer.headers["set-cookie"].partition(";")[0]
