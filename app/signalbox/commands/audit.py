"""`signalbox audit`: verify, sign, export and seal the audit log."""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from signalbox.commands.acting import acting
from signalbox.commands.options import LoadConfiguration, config_option, json_option
from signalbox.commands.verdict import as_data, sentences
from signalbox.kernel.clock import system_clock
from signalbox.kernel.configuration import Configuration
from signalbox.security import keys
from signalbox.security.audit import documents, export, ndjson
from signalbox.security.audit.chain import Verification
from signalbox.security.audit.documents import SignedHead
from signalbox.security.audit.model import AuditFilter, Outcome, sanitized
from signalbox.security.door import Permit
from signalbox.security.model import Action
from signalbox.security.retention import Retention, SealedRows
from signalbox.security.settings import SecuritySettings

DAY_S = 86_400
NO_OUTCOME = "none"
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.group("audit")
def command() -> None:
    """Verify, sign, export and seal the audit log."""


@command.command("verify")
@config_option
@json_option
@click.option("--export", "exported", type=FILE, help="Check this export or sealed segment instead of the database.")
@click.option("--head", "head_file", type=FILE, help="Compare with this signed head, or with the seal of a segment.")
@click.option("--public-key", metavar="HEX", help="The installation's, instead of [security] key_file.")
def verify(
    *, load: LoadConfiguration, as_json: bool, exported: Path | None, head_file: Path | None, public_key: str | None
) -> None:
    """Check that the log is whole. Exit code 1 when it is not."""
    key = _public_key(public_key)
    head = documents.read_file(head_file) if head_file else None
    if exported is not None:
        verdict = _verify_export(exported, head, lambda: key or _own_public_key(load()))
    else:
        configuration = load()
        verdict = asyncio.run(_verify(configuration, head, key or _own_public_key(configuration)))
    if as_json:
        click.echo(msgspec.json.encode(as_data(verdict)))
    else:
        for sentence in sentences(verdict):
            click.echo(sentence)
    sys.exit(0 if verdict.is_intact else 1)


@command.command("head")
@config_option
def head(*, load: LoadConfiguration) -> None:
    """Print how far the log goes now, signed. Keep it where whoever may change the database cannot reach."""
    configuration = load()
    click.echo(documents.to_json(asyncio.run(_head(configuration))), nl=False)


@command.command("export")
@config_option
@click.option("--since", type=MOMENT, help="Asked for at this time (UTC) or later.")
@click.option("--until", type=MOMENT, help="Asked for before this time (UTC).")
@click.option("--actor", help="By this one.")
@click.option("--action", help="This action.")
@click.option("--resource", help="On this connection or event store.")
@click.option(
    "--outcome",
    type=click.Choice([*(outcome.value for outcome in Outcome), NO_OUTCOME]),
    help="Ended so; none: without an outcome.",
)
@click.option("--search", default="", help="In who, what, target and reason.")
def export_rows(
    *,
    load: LoadConfiguration,
    since: datetime | None,
    until: datetime | None,
    outcome: str | None,
    search: str,
    **equal: str | None,
) -> None:
    """Print rows as NDJSON."""
    wanted = AuditFilter(
        search=sanitized(search),
        since_us=_microseconds(since),
        until_us=_microseconds(until),
        outcome=Outcome(outcome) if outcome not in (None, NO_OUTCOME) else None,
        no_outcome=outcome == NO_OUTCOME,
        **{column: None if value is None else sanitized(value) for column, value in equal.items()},
    )
    asyncio.run(_export(load(), wanted))


@command.command("seal")
@config_option
@json_option
@click.option(
    "--older-than", "days", type=click.IntRange(min=0), required=True, metavar="DAYS", help="Rows older than so."
)
@click.option("--to", "folder", type=FOLDER, required=True, help="Where the file and its seal are written.")
def seal(*, load: LoadConfiguration, as_json: bool, days: int, folder: Path) -> None:
    """Move old rows to a signed file, and out of the database."""
    sealed = asyncio.run(_seal(load(), days, folder))
    if as_json:
        found = sealed and {
            "first": sealed.first,
            "last": sealed.last,
            "file": str(sealed.file),
            "seal": str(sealed.seal_file),
        }
        click.echo(msgspec.json.encode(found))
    elif sealed is None:
        click.echo(f"No row is older than {days} days.")
    else:
        click.echo(
            f"Rows {sealed.first} to {sealed.last} are sealed: {sealed.file}, signed in {sealed.seal_file.name}."
        )


def _verify_export(file: Path, head: SignedHead | None, public_key: Callable[[], bytes | None]) -> Verification:
    if head is not None:
        if (key := public_key()) is None:
            raise click.UsageError("there is no key file here: give the installation's --public-key")
        documents.verify_signature(head, key)
    with file.open("rb") as opened:
        return export.verify(opened, head)


async def _verify(configuration: Configuration, head: SignedHead | None, public_key: bytes | None) -> Verification:
    async with acting(configuration) as here:
        return await here.log.verify(public_key, head)


async def _head(configuration: Configuration) -> SignedHead:
    async with acting(configuration) as here:
        return await here.log.head(keys.load(configuration.one(SecuritySettings).key_file).signing())


async def _export(configuration: Configuration, wanted: AuditFilter) -> None:
    async with acting(configuration) as here:
        async for rows in here.log.rows(wanted):
            click.echo(b"".join(map(ndjson.to_line, rows)), nl=False)


async def _seal(configuration: Configuration, days: int, folder: Path) -> SealedRows | None:
    before = system_clock() - days * DAY_S
    key = keys.load(configuration.one(SecuritySettings).key_file).signing()
    action = Action(name="seal audit log", target=str(folder), parameters={"older_than_days": days})
    async with acting(configuration) as here:
        retention = Retention(here.database, key, system_clock)

        async def run(permit: Permit) -> SealedRows | None:
            return await retention.seal(permit, before, folder)

        return await here.act(action, run)


def _public_key(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != keys.BYTES:
        raise click.UsageError(f"--public-key: expected {2 * keys.BYTES} hexadecimal digits, as a signed head has them")
    return key


def _own_public_key(configuration: Configuration) -> bytes | None:
    """Return the public key of the key file; None where there is none: a check is no reason to make one."""
    file = configuration.one(SecuritySettings).key_file
    return keys.load(file).signing().public_key().public_bytes_raw() if file.exists() else None


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.replace(tzinfo=UTC).timestamp() * 1e6)
