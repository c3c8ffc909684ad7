"""The application over a real database with people of every kind in it, signed in by the real routes.

The estate has two connections with groups of the same names. Everything that only the second one has bears CANARY.
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
from tests.support.estate import Estate, Reader, Site
from tests.support.snapshots import cluster

OPEN, HIDDEN = "kafka-open", "kafka-canary"
CANARY = "canary"
SHARED = ("orders", "payments")  # groups of these names are on both connections
HERE = "http://localhost"
PASSWORD = "correct horse battery staple"
ROOT = Actor(name="cli:root", rights=ADMIN_EVERYWHERE, via=Via.CLI)
MAKE = Action(name="make it for a test", required_role=Role.NONE, allowed_in_read_only=True)
NOBODY = None
ONE = Rights(on={OPEN: Grant(Role.VIEWER)})
RIGHTS: Mapping[str, Rights] = {
    "admin": ADMIN_EVERYWHERE,
    "operator": OPERATOR_EVERYWHERE,
    "viewer": VIEWER_EVERYWHERE,
    "one": ONE,  # sees one connection
    "gone": Rights(on={"kafka-removed": Grant(Role.VIEWER)}),  # sees what is not there any more
}
WRITTEN_ASIDE = {"used_at", "seen_at"}  # tells that somebody was there; no change
NOT_COMPARED = {"audit", "audit_head", "attempt"}


@dataclass(frozen=True, slots=True)
class Person:
    """A user, and the secrets by which they come in."""

    name: str
    id: int
    cookie: str  # as the header has it: "signalbox=..."
    token: str


@dataclass
class House:
    """One application and everybody in it."""

    estate: Estate
    app: Litestar
    core: Core
    people: dict[str, Person] = field(default_factory=dict)
    added: int = 0

    def client(
        self,
        who: str | None = NOBODY,
        *,
        by: str = "cookie",
        address: str = "127.0.0.1",
        base: str = HERE,
        **headers: str,
    ) -> httpx.AsyncClient:
        """Return a browser (or, by "token", a program) of this person; what it sends comes from a page of ours."""
        transport = httpx.ASGITransport(cast("Any", self.app), client=(address, 4711), raise_app_exceptions=False)
        sent = httpx.Headers(self.headers(who, by=by) | headers, encoding="latin-1")
        return httpx.AsyncClient(transport=transport, base_url=base, headers=sent)

    def headers(self, who: str | None, *, by: str = "cookie") -> dict[str, str]:
        if who is NOBODY:
            return {"Origin": HERE}
        person = self.people[who]
        if by == "token":
            return {"Authorization": f"Bearer {person.token}"}
        return {"Cookie": person.cookie, "Origin": HERE}

    async def add(self, name: str, rights: Rights) -> Person:
        """Invite somebody, who follows the link and chooses a password; and give them a token for all that they may."""
        users = self.core.accounts.users
        if self.core.accounts.identities.has_users:
            link = await self.core.door.act(ROOT, MAKE, lambda permit: users.invite(permit, name, rights))
        else:
            link = await self.core.door.act(ROOT, MAKE, users.create_first_admin_link)
        cookie = await self.join(link, name)
        user = await users.get_by_name(name)
        token = await self.core.door.act(
            ROOT,
            MAKE,
            lambda permit: self.core.accounts.tokens.create(
                permit, user.id, name="all", grant=Grant(Role.ADMIN, payloads=True), resource=EVERYWHERE, days=30
            ),
        )
        self.people[name] = Person(name, user.id, cookie, token)
        return self.people[name]

    async def another(self, rights: Rights) -> str:
        """Add somebody new; return the name."""
        self.added += 1
        return (await self.add(f"another-{self.added}", rights)).name

    async def link(self, name: str) -> str:
        """Return the secret of a one-time link of a user who is there."""
        users = self.core.accounts.users
        user = await users.get_by_name(name)
        return await self.core.door.act(ROOT, MAKE, lambda permit: users.create_link(permit, user))

    async def join(self, link: str, name: str) -> str:
        """Use a one-time link; return the cookie."""
        first = not self.core.accounts.identities.has_users
        form = {"password": PASSWORD, "again": PASSWORD} | ({"name": name} if first else {})
        async with self.client() as client:
            answer = await client.post(urls.join(link), data=form)
        assert answer.status_code == 303, answer.text
        return cookie_of(answer)

    async def sign_in(self, name: str, password: str = PASSWORD, **headers: str) -> str:
        """Sign in by the page; return the cookie."""
        async with self.client(**cast("Any", headers)) as client:
            answer = await client.post(urls.sign_in(), data={"name": name, "password": password})
        assert answer.status_code == 303, answer.text
        return cookie_of(answer)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.estate.database.read() as connection:
            return [tuple(row) for row in await connection.execute(text(query))]

    async def held(self) -> Mapping[str, Sequence[tuple[Any, ...]]]:
        """Return all rows of all tables but those that note what was asked and tried."""
        kept = {}
        for table in Table.metadata.sorted_tables:
            if table.name not in NOT_COMPARED:
                names = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in WRITTEN_ASIDE)
                kept[table.name] = sorted(await self.rows(f'SELECT {names} FROM "{table.name}"'), key=repr)  # noqa: S608
        return kept

    async def intents(self) -> list[tuple[str, str]]:
        """Return (action, actor) of each intent in the audit log."""
        return [
            (action, actor) for action, actor in await self.rows("SELECT action, actor FROM audit WHERE kind='intent'")
        ]


@asynccontextmanager
async def house(
    estate: Estate,
    *,
    people: Mapping[str, Rights] = RIGHTS,
    features: Sequence[Feature] = (),
    tables: Sequence[BaseModel] = (),
    options: WebOptions | None = None,
) -> AsyncIterator[House]:
    """Build the application over an estate, with these tables of signalbox.toml; all people have signed in."""
    built = estate.built(tables, features, options or WebOptions(assets=whole_assets(), requests_per_s=1e9))
    with cheap_hasher():
        await built.core.accounts.changes.refresh()
        made = House(estate, built.app, built.core)
        for name, rights in people.items():
            await made.add(name, rights)
        yield made


@asynccontextmanager
async def two_connections(estate: Estate, *, hidden: bool = True) -> AsyncIterator[Estate]:
    """Let five minutes pass on two connections, or on the open one alone; history is saved then, and nothing runs."""
    await estate.database.upgrade()
    await estate.series.start()
    try:
        _connect(estate, OPEN, mark="plain")
        if hidden:
            _connect(estate, HIDDEN, mark=CANARY)
        await estate.run(300)
        if hidden:
            estate.fail(estate.sites[1], f"{CANARY} refused the connection.")
    finally:
        await estate.series.stop()
    try:
        yield estate
    finally:
        await estate.database.close()


def _connect(estate: Estate, name: str, *, mark: str) -> None:
    more = 1.0 if mark == CANARY else 0.0
    readers = [
        Reader(SHARED[0], "orders.placed", [20.0, 20.0], [20.0, 5.0 + more], [30, 700], (f"{mark}-member",)),
        Reader(SHARED[1], f"{mark}-topic", members=(f"{mark}-reader",)),
        Reader(f"{mark}-group", "orders.placed", [50.0, 50.0], [10.0 + more, 50.0], [9000, 3]),
    ]
    site = estate.connect(Site(name, BrokerKind.KAFKA, readers))
    site.excluded = 3 if mark == CANARY else 1
    site.health = cluster(
        estate.now,
        nodes=(Node(id="1", address=f"{mark}-node:9092", running=True, controller=True),),
        alarms=(f"{mark} alarm",),
        missing_permissions=(f"DESCRIBE on {mark}",),
    )
    site.faults = (Fault(resource=f"group {mark}-secret", why=Why.NOT_PERMITTED, detail=f"{mark} is not permitted"),)


def cookie_of(answer: httpx.Response) -> str:
    """Return the cookie that an answer sets, as a browser sends it back."""
    return answer.headers["set-cookie"].partition(";")[0]
