"""The database refuses changes of rows, and concurrent writers keep the chain intact."""

import asyncio
import sys
from itertools import pairwise

import pytest

from signalbox.security.audit.model import ZERO_HASH
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from tests.support.audit import AuditedDoor, DatabaseRefused, drop_triggers, run_sql

A_ROW = (
    "SELECT row + {more}, previous, hash, at_us, kind, NULL, actor, via, address, agent, request, action, resource, "
)
A_ROW += "target, parameters, reason, outcome, detail, took_us FROM audit WHERE row = 2"
SEAL = "INSERT INTO audit_seal (row, hash, document) SELECT row, hash, '{{}}' FROM audit WHERE row = {row}"

REFUSED = [
    ("UPDATE audit SET actor = 'nobody' WHERE row = 3", "a row cannot be changed"),
    ("UPDATE audit SET row = 99 WHERE row = 3", "a row cannot be changed"),
    ("DELETE FROM audit WHERE row = 3", "a row above the last seal cannot be deleted"),
    ("DELETE FROM audit", "a row above the last seal cannot be deleted"),
    (f"INSERT INTO audit {A_ROW.format(more=0)}", "a row can only be appended"),
    ("UPDATE audit_seal SET row = 9", "a seal cannot be changed"),
    ("DELETE FROM audit_seal", "a seal cannot be deleted"),
    (SEAL.format(row=1), "a seal names a row that is there, above the last seal"),
    ("INSERT INTO audit_seal (row, hash, document) VALUES (99, 'x', '{}')", "a seal names a row that is there"),
    ("INSERT INTO audit_seal SELECT 4, hash, '{}' FROM audit WHERE row = 3", "a seal names a row that is there"),
]
ON_SQLITE = [
    (f"INSERT OR REPLACE INTO audit {A_ROW.format(more=1)}", "a row can only be appended"),
    ("UPDATE OR REPLACE audit SET row = 3 WHERE row = 4", "a row cannot be changed"),
    ("REPLACE INTO audit_seal SELECT row, hash, '' FROM audit_seal", "above the last seal"),
]
ON_POSTGRESQL = [
    ("TRUNCATE audit", "a row cannot be changed"),
    ("TRUNCATE audit_seal", "a seal cannot be changed"),
    (f"INSERT INTO audit {A_ROW.format(more=0)} ON CONFLICT (row) DO UPDATE SET actor = 'x'", "can only be appended"),
]


async def test_database_refuses_every_change_with_a_reason(
    database_settings: DatabaseSettings, database: Database
) -> None:
    await AuditedDoor(database).act_times(3)
    await run_sql(database_settings, SEAL.format(row=2))
    before = await run_sql(database_settings, "SELECT * FROM audit ORDER BY row")
    for statement, says in REFUSED + (ON_SQLITE if database_settings.is_sqlite else ON_POSTGRESQL):
        with pytest.raises(DatabaseRefused, match=f"signalbox audit: .*{says}"):
            await run_sql(database_settings, statement)
    assert await run_sql(database_settings, "SELECT * FROM audit ORDER BY row") == before
    assert len(before) == 6


async def test_only_sealed_rows_can_be_deleted(database_settings: DatabaseSettings, database: Database) -> None:
    await AuditedDoor(database).act_times(3)
    await run_sql(database_settings, SEAL.format(row=2))
    await run_sql(database_settings, SEAL.format(row=4))
    with pytest.raises(DatabaseRefused, match="above the last seal"):
        await run_sql(database_settings, "DELETE FROM audit WHERE row <= 5")
    await run_sql(database_settings, "DELETE FROM audit WHERE row <= 4")
    assert await run_sql(database_settings, "SELECT row FROM audit ORDER BY row") == [(5,), (6,)]
    with pytest.raises(DatabaseRefused, match="can only be appended"):  # a sealed row cannot return changed
        await run_sql(database_settings, f"INSERT INTO audit {A_ROW.replace('row = 2', 'row = 5').format(more=-3)}")


async def test_statements_pass_without_the_triggers(database_settings: DatabaseSettings, database: Database) -> None:
    await AuditedDoor(database).act_times(3)
    await drop_triggers(database_settings)
    await run_sql(database_settings, "UPDATE audit SET actor = 'nobody' WHERE row = 3")
    await run_sql(database_settings, "DELETE FROM audit WHERE row = 4")
    found = await run_sql(database_settings, "SELECT row, actor FROM audit ORDER BY row")
    assert [(row, name) for row, name in found if name == "nobody" or row == 4] == [(3, "nobody")]


PROCESSES = 4
EACH = 40


async def test_concurrent_writers_leave_no_gap_and_no_fork(
    database_settings: DatabaseSettings, database: Database
) -> None:
    url = database_settings.url.get_secret_value()
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.audit_writer", url, f"writer-{number}", str(EACH)
        )
        for number in range(PROCESSES)
    ]
    assert await asyncio.gather(*(writer.wait() for writer in writers)) == [0] * PROCESSES

    found = await run_sql(database_settings, "SELECT row, previous, hash, actor, kind, about FROM audit ORDER BY row")
    assert [row[0] for row in found] == list(range(1, 2 * PROCESSES * EACH + 1))
    assert found[0][1] == ZERO_HASH
    assert all(later[1] == earlier[2] for earlier, later in pairwise(found))
    assert len({row[2] for row in found}) == len(found)
    outcomes = {row[5]: row[3] for row in found if row[4] == "outcome"}
    assert outcomes == {row[0]: row[3] for row in found if row[4] == "intent"}
    changes = sum(earlier[3] != later[3] for earlier, later in pairwise(found))
    assert changes > PROCESSES  # they did write among each other
    assert await run_sql(database_settings, "SELECT row, hash FROM audit_head") == [(found[-1][0], found[-1][2])]
