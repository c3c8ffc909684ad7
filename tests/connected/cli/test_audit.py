"""`signalbox audit`, with the database and with exported files only."""

import json
import os
import pwd
import socket
import stat
from pathlib import Path

import pytest

from signalbox.security.audit.model import AuditFilter
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from tests.support.audit import AuditedDoor, actor, drop_triggers, run_sql
from tests.support.commands import Ran, configured, run_here

on_sqlite = pytest.mark.parametrize("database_settings", ["sqlite"], indirect=True)

HOSTILE = "\x1b[2J\u202eevil"


@pytest.fixture
async def book(database: Database, database_settings: DatabaseSettings, tmp_path: Path) -> AuditedDoor:
    """Rows 1 to 6 in a configured database."""
    configured(tmp_path, f'[database]\nurl = "{database_settings.url.get_secret_value()}"\n')
    book = AuditedDoor(database)
    await book.act("retry", resource="kafka-prod", by=actor(HOSTILE))
    await book.act_times(2)
    return book


async def audit(folder: Path, *words: str) -> Ran:
    ran = await run_here("audit", *words, folder=folder)
    assert "Traceback" not in ran.all
    assert "\x1b" not in ran.all
    return ran


def kept(folder: Path, name: str, ran: Ran) -> Path:
    assert ran.code == 0, ran.all
    (folder / name).write_text(ran.out)
    return folder / name


async def test_intact_log_signed_head_and_truncation(
    book: AuditedDoor, database_settings: DatabaseSettings, tmp_path: Path
) -> None:
    ran = await audit(tmp_path, "verify")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("The audit log is intact: rows 1 to 6.\nWithout a signed head")
    assert not (tmp_path / "signalbox.key").exists()  # a check makes no key

    head = kept(tmp_path, "head.json", await audit(tmp_path, "head"))
    assert stat.S_IMODE((tmp_path / "signalbox.key").stat().st_mode) == 0o600
    told = await audit(tmp_path, "verify", "--head", str(head))
    assert told.code == 0
    assert "It matches the signed head of row 6" in told.out

    await drop_triggers(database_settings)
    await run_sql(
        database_settings,
        "DELETE FROM audit WHERE row > 4",
        "UPDATE audit_head SET row = 4, hash = (SELECT hash FROM audit WHERE row = 4)",
    )
    assert (await audit(tmp_path, "verify")).code == 0
    cut = await audit(tmp_path, "verify", "--head", str(head))
    assert cut.code == 1
    assert cut.out.startswith(
        "The audit log is not intact.\nRows 5 to 6 were removed at the end of the log.\n  expected hash "
    )
    assert "Intact: rows 1 to 4. Truncated: 5 to 6.\n" in cut.out


@on_sqlite
async def test_changed_row_is_named_and_its_content_is_escaped(
    book: AuditedDoor, database_settings: DatabaseSettings, tmp_path: Path
) -> None:
    await drop_triggers(database_settings)
    await run_sql(database_settings, "UPDATE audit SET action = 'purge' WHERE row = 1")
    ran = await audit(tmp_path, "verify")
    assert ran.code == 1
    assert "Row 1 was changed after it was written.\n" in ran.out
    assert "row now: purge, by \\u001b[2J\\u202eevil" in ran.out
    assert (
        "No earlier row is in the log. Changed: 1. Consistent with each other, but after a damaged row: 2 to 6.\n"
        in ran.out
    )
    found = json.loads((await audit(tmp_path, "verify", "--json")).out)
    assert (found["intact"], found["first"], found["last"], found["intact_to"]) == (False, 1, 6, 0)
    [finding] = found["findings"]
    assert (finding["kind"], finding["first"], finding["last"], finding["action"]) == ("changed", 1, 1, "purge")
    assert finding["expected"] != finding["found"]
    assert len(finding["expected"]) == len(finding["found"]) == 64


@on_sqlite
async def test_export_is_verified_elsewhere_with_the_public_key(book: AuditedDoor, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    head = kept(elsewhere, "head.json", await audit(tmp_path, "head"))
    export = kept(elsewhere, "audit.ndjson", await audit(tmp_path, "export"))
    key = json.loads(head.read_text())["public_key"]
    words = ("verify", "--export", str(export), "--head", str(head))

    assert (await audit(elsewhere, *words, "--public-key", key)).code == 0
    without = await audit(elsewhere, *words)
    assert without.code == 2
    assert "Give --public-key" in without.err
    assert not (elsewhere / "signalbox.key").exists()
    other = await audit(elsewhere, *words, "--public-key", "00" * 32)
    assert other.code == 2
    assert "signed with the key" in other.err
    assert (await audit(elsewhere, *words, "--public-key", "abc")).code == 2

    lines = export.read_text().splitlines(keepends=True)
    for tampered, says in (
        (lines[:2] + lines[3:], "Row 3 was removed."),
        ([lines[0], lines[2], lines[1], *lines[3:]], "Row 3 was moved to the place of another row."),
        (lines[:4], "Rows 5 to 6 were removed at the end of the log."),
        ([lines[0].replace("retry", "purge"), *lines[1:]], "Row 1 was changed after it was written."),
        (lines[2:], ""),  # a later part of the log is whole in itself
    ):
        export.write_text("".join(tampered))
        ran = await audit(elsewhere, *words, "--public-key", key)
        assert ran.code == (1 if says else 0), ran.all
        assert says in ran.out
    export.write_text("no line of ours\n")
    assert "Line 1 of the export is not an audit row" in (await audit(elsewhere, "verify", "--export", str(export))).err


@on_sqlite
async def test_export_filters(book: AuditedDoor, tmp_path: Path) -> None:
    async def numbers(*words: str) -> list[int]:
        ran = await audit(tmp_path, "export", *words)
        assert ran.code == 0, ran.all
        return [json.loads(line)["row"] for line in ran.out.splitlines()]

    assert await numbers() == [1, 2, 3, 4, 5, 6]
    assert await numbers("--action", "note", "--search", "LETTER 1") == [5, 6]
    assert await numbers("--resource", "kafka-prod", "--actor", HOSTILE, "--since", "2020-01-01T12:00:00") == [1, 2]
    assert await numbers("--until", "2020-01-01", "--outcome", "none") == []
    # bytes that are no text, as a shell passes them
    assert await numbers("--search", "half\udcff", "--actor", "\udcff") == []
    assert (await audit(tmp_path, "export", "--since", "yesterday")).code == 2
    assert (await audit(tmp_path, "export", "--outcome", "lost")).code == 2


@on_sqlite
async def test_sealing_goes_through_the_door_as_the_user_of_the_system(book: AuditedDoor, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    refused = await audit(tmp_path, "seal", "--older-than", "0", "--to", str(folder))
    assert refused.code == 2
    assert "archive" in refused.err
    folder.mkdir()
    nothing = await audit(tmp_path, "seal", "--older-than", "30", "--to", str(folder))
    assert (nothing.code, nothing.out) == (0, "No rows are older than 30 days.\n")
    ran = await audit(tmp_path, "seal", "--older-than", "0", "--to", str(folder), "--json")
    assert ran.code == 0, ran.all
    sealed = json.loads(ran.out)
    assert (sealed["first"], sealed["last"]) == (1, 8)
    words = ("verify", "--export", sealed["file"], "--head", sealed["seal"])
    assert (await audit(tmp_path, *words)).code == 0
    assert (await audit(tmp_path, "verify")).code == 0

    [line] = (await book.log.page(AuditFilter(action="seal audit log"))).entries
    assert line.actor == f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    assert (line.via, line.address, line.target) == ("cli", socket.gethostname(), str(folder))
    assert (line.outcome, line.detail) == ("done", f"rows 1 to 8 in {Path(sealed['file']).name}")
    assert json.loads(line.parameters) == {"older_than_days": 0}


async def test_database_without_tables_names_the_migrate_command(tmp_path: Path) -> None:
    for verb in ("verify", "head", "export"):
        ran = await audit(tmp_path, verb)
        assert ran.code == 2
        assert "signalbox migrate" in ran.err


@on_sqlite
async def test_malformed_head_is_reported(book: AuditedDoor, tmp_path: Path) -> None:
    (tmp_path / "head.json").write_text("{}")
    ran = await audit(tmp_path, "verify", "--head", "head.json")
    assert ran.code == 2
    assert "head.json is not a signed head or seal" in ran.err
