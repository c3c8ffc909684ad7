"""An audit log for tests: actions through the door, constructed rows, and SQL that bypasses Signalbox."""

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from signalbox.kernel.clock import Clock, system_clock
from signalbox.security.audit.model import ZERO_HASH, AuditRecord, ChainRow, Outcome, RowKind, row_hash
from signalbox.security.audit.service import AuditLog
from signalbox.security.door import Door, Permit
from signalbox.security.model import ADMIN_EVERYWHERE, Action, Actor, JsonValue, Via
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from tests.support.postgres import plain


def actor(name: str = "on-call") -> Actor:
    return Actor(
        name=name, rights=ADMIN_EVERYWHERE, via=Via.PAGE, address="10.20.4.17", agent="Chromium", request="7c19e0-41"
    )


class AuditedDoor:
    """A door over a database, for tests that need audit rows."""

    def __init__(self, database: Database, clock: Clock = system_clock) -> None:
        self.database = database
        self.log = AuditLog(database, clock)
        self.door = Door(self.log)

    async def act(
        self,
        name: str = "note",
        *,
        by: Actor | None = None,
        run: Callable[[Permit], Awaitable[None]] | None = None,
        target: str = "",
        resource: str | None = None,
        reason: str = "",
        parameters: dict[str, JsonValue] | None = None,
    ) -> None:
        action = Action(name=name, target=target, resource=resource, reason=reason, parameters=parameters or {})
        await self.door.act(by or actor(), action, run or do_nothing)

    async def act_times(self, count: int) -> None:
        for number in range(count):
            await self.act(target=f"letter {number}")


async def do_nothing(_: Permit) -> None:
    """Do nothing."""


def make_record(
    number: int, *, actor: str = "on-call", kind: RowKind = RowKind.INTENT, at_us: int | None = None
) -> AuditRecord:
    return AuditRecord(
        at_us=1_795_000_000_000_000 + number if at_us is None else at_us,
        kind=kind,
        about=None,
        actor=actor,
        via="page",
        address="10.20.4.17",
        agent="",
        request=f"r-{number}",
        action="note",
        resource="",
        target=f"letter {number}",
        parameters="{}",
        reason="",
        outcome=Outcome.REFUSED if kind is RowKind.REFUSED else "",
        detail="",
        took_us=None,
    )


def make_chain(count: int, *, first: int = 1, previous: bytes = ZERO_HASH) -> list[ChainRow]:
    """Return a valid chain of rows."""
    rows = []
    for number in range(first, first + count):
        written = make_record(number)
        rows.append(ChainRow(number, previous, row_hash(number, previous, written), written))
        previous = rows[-1].hash
    return rows


class DatabaseRefused(Exception):
    """The database refused a statement."""


async def run_sql(settings: DatabaseSettings, *statements: str) -> Sequence[Sequence[object]]:
    """Run statements with the database's own client, bypassing Signalbox; return the rows of the last one.

    Raises:
        DatabaseRefused: nothing was changed.
    """
    url = settings.url.get_secret_value()
    if settings.is_sqlite:
        return _run_sqlite(url.removeprefix("sqlite+aiosqlite:///"), statements)
    connection = await asyncpg.connect(plain(url))
    try:
        async with connection.transaction():
            found = [await connection.fetch(statement) for statement in statements]
    except asyncpg.PostgresError as error:
        raise DatabaseRefused(str(error)) from None
    finally:
        await connection.close()
    return [tuple(row) for row in found[-1]]


def _run_sqlite(file: str, statements: Sequence[str]) -> Sequence[Sequence[object]]:
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as connection:
        try:
            with connection:
                return [connection.execute(statement).fetchall() for statement in statements][-1]
        except sqlite3.Error as error:
            raise DatabaseRefused(str(error)) from None


TRIGGERS = [
    (table, f"{table}_{what}_refused") for table in ("audit", "audit_seal") for what in ("update", "delete", "insert")
]


async def drop_triggers(settings: DatabaseSettings) -> None:
    """Drop all triggers, as the owner of the database can."""
    for table, name in TRIGGERS:
        await run_sql(settings, f"DROP TRIGGER {name}" + ("" if settings.is_sqlite else f" ON {table}"))
