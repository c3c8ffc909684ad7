"""Rows changed by direct SQL are detected in both databases; signed heads detect the rest."""

import pytest

from signalbox.security.audit.chain import FindingKind, Verification
from signalbox.security.audit.documents import DocumentNotTrusted, sign
from signalbox.security.audit.model import AuditFilter
from signalbox.security.errors import RequestRejected
from signalbox.security.keys import Keys
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from tests.support.audit import AuditedDoor, drop_triggers, run_sql

KEY = Keys(b"k" * 32).signing()
PUBLIC = KEY.public_key().public_bytes_raw()
ROWS = 12
ONCE_MORE = (
    "SELECT 13, previous, hash, at_us, kind, NULL, actor, via, address, agent, request, action, resource, target, "
)
ONCE_MORE += "parameters, reason, outcome, detail, took_us FROM audit WHERE row = 12"

TAMPERED = [
    (["UPDATE audit SET actor = 'nobody' WHERE row = 5"], [(FindingKind.CHANGED, 5, 5)]),
    (["UPDATE audit SET at_us = at_us + 1 WHERE row = 1"], [(FindingKind.CHANGED, 1, 1)]),
    (["UPDATE audit SET took_us = NULL WHERE row = 12"], [(FindingKind.CHANGED, 12, 12)]),
    (["UPDATE audit SET hash = previous WHERE row = 7"], [(FindingKind.CHANGED, 7, 7)]),
    (["DELETE FROM audit WHERE row = 5"], [(FindingKind.REMOVED, 5, 5)]),
    (["DELETE FROM audit WHERE row < 4"], [(FindingKind.REMOVED, 1, 3)]),
    (["DELETE FROM audit WHERE row > 9"], [(FindingKind.TRUNCATED, 10, 12)]),
    (
        [
            "UPDATE audit SET row = 99 WHERE row = 3",
            "UPDATE audit SET row = 3 WHERE row = 8",
            "UPDATE audit SET row = 8 WHERE row = 99",
        ],
        [(FindingKind.REORDERED, 3, 3), (FindingKind.REORDERED, 8, 8)],
    ),
    (["INSERT INTO audit " + ONCE_MORE], [(FindingKind.INSERTED, 13, 13)]),
    (
        [
            "DELETE FROM audit WHERE row = 6",
            "UPDATE audit SET row = row + 100 WHERE row > 6",
            "UPDATE audit SET row = row - 101 WHERE row > 100",
        ],
        [(FindingKind.REMOVED, 6, 6)],
    ),
    (["UPDATE audit_head SET row = 11"], [(FindingKind.INSERTED, 12, 12)]),
]


# What SQLite keeps in a column of another type, and what is no text at all.
STRANGE = [
    ("UPDATE audit SET actor = CAST(x'ff6f' AS TEXT) WHERE row = 5", FindingKind.CHANGED),
    ("UPDATE audit SET actor = x'00' WHERE row = 5", FindingKind.CHANGED),
    ("UPDATE audit SET at_us = 'noon' WHERE row = 5", FindingKind.CHANGED),
    ("UPDATE audit SET took_us = 1e300 WHERE row = 5", FindingKind.CHANGED),
    ("UPDATE audit SET hash = 'text' WHERE row = 5", FindingKind.CHANGED),
    ("UPDATE audit SET hash = 7 WHERE row = 5", FindingKind.CHANGED),
    ("UPDATE audit SET previous = '' WHERE row = 5", FindingKind.CHANGED),
    ("INSERT INTO audit " + ONCE_MORE.replace("13", "4.5"), FindingKind.INSERTED),
    ("INSERT INTO audit " + ONCE_MORE.replace("13", "'five'"), FindingKind.INSERTED),
]


async def verify(book: AuditedDoor, **options: object) -> Verification:
    return await book.log.verify(PUBLIC, **options)  # type: ignore[arg-type]


async def tampered(database: Database, settings: DatabaseSettings, *statements: str) -> AuditedDoor:
    """Return a log of 12 rows that these statements changed."""
    book = AuditedDoor(database)
    await book.act_times(ROWS // 2)
    await drop_triggers(settings)
    await run_sql(settings, *statements)
    return book


def said(verdict: Verification) -> list[tuple[FindingKind, int, int]]:
    return [(finding.kind, finding.first, finding.last) for finding in verdict.findings]


async def test_untouched_log_is_intact(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalbox.security.audit.service.ROWS_AT_ONCE", 5)
    book = AuditedDoor(database)
    empty = await verify(book)
    assert (empty.is_intact, empty.rows, empty.end.row) == (True, 0, 0)
    await book.act_times(ROWS // 2)
    verdict = await verify(book)
    assert (verdict.is_intact, verdict.rows, verdict.end.row, verdict.intact_to) == (True, ROWS, ROWS, ROWS)


@pytest.mark.parametrize(("statements", "expected"), TAMPERED, ids=[statements[0] for statements, _ in TAMPERED])
async def test_tampering_is_named(
    database_settings: DatabaseSettings,
    database: Database,
    statements: list[str],
    expected: list[tuple[FindingKind, int, int]],
) -> None:
    book = await tampered(database, database_settings, *statements)
    verdict = await verify(book)
    assert said(verdict) == expected
    assert verdict.intact_to == expected[0][1] - 1


@pytest.mark.parametrize("database_settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("statement", "fault"), STRANGE, ids=[statement for statement, _ in STRANGE])
async def test_values_of_foreign_types_are_reported(
    database_settings: DatabaseSettings, database: Database, statement: str, fault: FindingKind
) -> None:
    book = await tampered(database, database_settings, statement)
    verdict = await verify(book)
    assert said(verdict) == [(fault, row := 13 if "five" in statement else 5, row)]
    assert len((await book.log.page(AuditFilter())).entries) >= ROWS // 2  # and the list goes on


async def test_finding_has_the_expected_and_the_found_hash(
    database_settings: DatabaseSettings, database: Database
) -> None:
    book = AuditedDoor(database)
    await book.act_times(ROWS // 2)
    [(written,)] = await run_sql(database_settings, "SELECT hash FROM audit WHERE row = 5")
    await drop_triggers(database_settings)
    await run_sql(database_settings, "UPDATE audit SET actor = 'logistics-lead', target = 'x' WHERE row = 5")
    verdict = await verify(book)
    [finding] = verdict.findings
    assert finding.expected == written
    assert finding.found not in (None, written)
    assert finding.row is not None
    assert (finding.row.record.actor, finding.row.record.action) == ("logistics-lead", "note")
    assert (verdict.intact_to, verdict.consistent_after) == (4, 7)


async def test_truncation_with_a_reset_head_is_detected_only_by_a_signed_head(
    database_settings: DatabaseSettings, database: Database
) -> None:
    book = AuditedDoor(database)
    await book.act_times(4)
    kept = await book.log.head(KEY)
    await book.act_times(2)
    assert (await verify(book, signed_head=kept)).is_intact
    await drop_triggers(database_settings)
    await run_sql(
        database_settings,
        "DELETE FROM audit WHERE row > 6",
        "UPDATE audit_head SET row = 6, hash = (SELECT hash FROM audit WHERE row = 6)",
    )
    assert (await verify(book)).is_intact
    verdict = await verify(book, signed_head=kept)
    assert said(verdict) == [(FindingKind.TRUNCATED, 7, 8)]
    assert verdict.findings[0].expected == kept.position.hash


async def test_head_of_another_key_or_log_is_rejected(database_settings: DatabaseSettings, database: Database) -> None:
    book = AuditedDoor(database)
    await book.act_times(2)
    kept = await book.log.head(KEY)
    with pytest.raises(DocumentNotTrusted, match="signed with the key"):
        await book.log.verify(b"o" * 32, kept)
    other = sign(type(kept)(log="another", row=kept.row, hash=kept.hash, at=kept.at), KEY)
    with pytest.raises(DocumentNotTrusted, match="belongs to the audit log another"):
        await verify(book, signed_head=other)


async def test_forged_seal_is_detected(database_settings: DatabaseSettings, database: Database) -> None:
    """A forged seal would allow to delete rows despite the triggers."""
    book = AuditedDoor(database)
    await book.act_times(3)
    kept = await book.log.head(KEY)
    await run_sql(
        database_settings,
        "INSERT INTO audit_seal (row, hash, document) SELECT row, hash, '{}' FROM audit WHERE row = 6",
    )
    await run_sql(database_settings, "DELETE FROM audit")
    assert said(await verify(book)) == [(FindingKind.NOT_AS_SIGNED, 6, 6)]
    assert said(await verify(book, signed_head=kept)) == [(FindingKind.NOT_AS_SIGNED, 6, 6)]
    await book.act_times(1)
    assert said(await verify(book)) == [(FindingKind.NOT_AS_SIGNED, 6, 6)]


async def test_head_before_the_seal_refers_to_the_sealed_file(
    database_settings: DatabaseSettings, database: Database
) -> None:
    book = AuditedDoor(database)
    await book.act_times(1)
    kept = await book.log.head(KEY)
    await book.act_times(2)
    await run_sql(
        database_settings,
        "INSERT INTO audit_seal (row, hash, document) SELECT row, hash, '{}' FROM audit WHERE row = 3",
    )
    with pytest.raises(RequestRejected, match=r"The head is of row 2, but rows up to 3 were sealed"):
        await verify(book, signed_head=kept)
