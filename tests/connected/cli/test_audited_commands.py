"""Every command that writes goes through the door and is audited; commands that read change nothing."""

import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy import text

from signalbox.cli import verbs_of
from signalbox.features import FEATURES
from signalbox.storage.engine import Database
from signalbox.storage.schema import Table
from tests.support.commands import configured, run_here
from tests.support.database import settings
from tests.support.serving import serving

OUTSIDE = {"migrate"}  # makes the tables that the door writes to
SERVING = {"serve", "demo"}  # their routes are walked in tests/web
READING: Mapping[str, Sequence[str]] = {
    "check": (),
    "lag": (),
    "audit verify": (),
    "audit head": (),
    "audit export": (),
    "user list": (),
    "token list": (),
}
WRITING: Mapping[str, tuple[Sequence[str], str]] = {  # with its action, as the audit log names it
    "audit seal": (("--older-than", "0", "--to", "."), "seal audit log"),
    "user add": (("robot", "--role", "viewer"), "add user"),
    "user invite": (("bea", "--role", "viewer"), "invite user"),
    "user role": (("bot", "--role", "operator", "--reason", "deploys"), "change role"),
    "user link": (("ada",), "create one-time link"),
    "user unlock": (("ada",), "unlock user"),
    "user end-sessions": (("ada",), "end sessions"),
    "user remove": (("bot", "--reason", "gone"), "remove user"),
    "user reset-admin": (("ada",), "reset admin"),
    "token create": (("ci", "--user", "bot", "--role", "viewer"), "create token"),
    "token revoke": (("1",), "revoke token"),
}
THERE: Sequence[Sequence[str]] = (  # before each of them
    ("user", "reset-admin", "ada"),
    ("user", "add", "bot", "--role", "viewer"),
    ("token", "create", "first", "--user", "bot", "--role", "viewer"),
)


def verbs(command: click.Command, words: str) -> Iterator[str]:
    """Yield each command: "lag", "audit seal"."""
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from verbs(part, f"{words} {name}")
    else:
        yield words


async def rows(folder: Path) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    database = Database(settings(f"sqlite+aiosqlite:///{folder}/signalbox.db"))
    try:
        async with database.read() as connection:
            return {
                table.name: [tuple(row) for row in await connection.execute(text(f'SELECT * FROM "{table.name}"'))]  # noqa: S608
                for table in Table.metadata.sorted_tables
            }
    finally:
        await database.close()


async def intents(folder: Path) -> list[tuple[str, str, str]]:
    """Return (actor, via, action) of each intent row."""
    names = [column.name for column in Table.metadata.tables["audit"].columns]
    found = [dict(zip(names, row, strict=True)) for row in (await rows(folder))["audit"]]
    return [(row["actor"], row["via"], row["action"]) for row in found if row["kind"] == "intent"]


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    database = f'[database]\nurl = "sqlite+aiosqlite:///{tmp_path}/signalbox.db"\n'
    configured(tmp_path, f'{database}[security]\nkey_file = "{tmp_path}/signalbox.key"\n')
    for words in (("migrate",), *THERE):
        ran = await run_here(*words, folder=tmp_path)
        assert ran.code == 0, ran.all
    return tmp_path


def test_every_command_is_in_one_of_the_tables() -> None:
    found = {words for verb in verbs_of(FEATURES) for words in verbs(verb.load(), verb.name)}
    assert found == OUTSIDE | SERVING | set(READING) | set(WRITING)


@pytest.mark.parametrize("verb", READING)
async def test_reading_command_changes_nothing(folder: Path, verb: str) -> None:
    before = await rows(folder)
    await run_here(*verb.split(), *READING[verb], folder=folder)
    assert await rows(folder) == before


@pytest.mark.parametrize("verb", WRITING)
async def test_writing_command_is_audited(folder: Path, verb: str) -> None:
    words, action = WRITING[verb]
    ran = await run_here(*verb.split(), *(str(folder) if word == "." else word for word in words), folder=folder)
    assert ran.code == 0, ran.all
    assert (await intents(folder))[-1:] == [(f"cli:{pwd.getpwuid(os.getuid()).pw_name}", "cli", action)]


async def test_first_admin_link_is_audited(tmp_path: Path) -> None:
    async with serving(tmp_path, ""):
        pass
    assert ("signalbox", "cli", "create set-up link") in await intents(tmp_path)
