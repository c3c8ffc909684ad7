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
from signalbox.commands.verification_output import as_data, as_lines
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
@click.option("--export", "exported", type=FILE, help="Verify this export or sealed file instead of the database.")
@click.option("--head", "head_file", type=FILE, help="Compare with this signed head or seal.")
@click.option(
    "--public-key",
    metavar="HEX",
    help="Public key of the installation: public_key in a signed head that you stored elsewhere. Default: from [security] key_file.",
)
def verify(
    *, load: LoadConfiguration, as_json: bool, exported: Path | None, head_file: Path | None, public_key: str | None
) -> None:
    """Verify that no row was changed, removed or inserted. Exit code 1 if one was."""
    key = _public_key(public_key)
    head = documents.read_file(head_file) if head_file else None
    if exported is not None:
        verification = _verify_export(exported, head, lambda: key or _own_public_key(load()))
    else:
        configuration = load()
        verification = asyncio.run(_verify(configuration, head, key or _own_public_key(configuration)))
    if as_json:
        click.echo(msgspec.json.encode(as_data(verification)))
    else:
        for sentence in as_lines(verification):
            click.echo(sentence)
    sys.exit(0 if verification.is_intact else 1)


@command.command("head")
@config_option
def head(*, load: LoadConfiguration) -> None:
    """Print the signed head: number and hash of the last row. Store it outside the database host, to detect removed rows later."""
    configuration = load()
    click.echo(documents.to_json(asyncio.run(_head(configuration))), nl=False)


@command.command("export")
@config_option
@click.option("--since", type=MOMENT, help="Requested at this time (UTC) or later.")
@click.option("--until", type=MOMENT, help="Requested before this time (UTC).")
@click.option("--actor", help="Only rows of this user.")
@click.option("--action", help="With this action.")
@click.option("--resource", help="Only rows of this connection.")
@click.option(
    "--outcome",
    type=click.Choice([*(outcome.value for outcome in Outcome), NO_OUTCOME]),
    help="With this outcome; none: no result recorded.",
)
@click.option("--search", default="", help="Text in user, action, target or reason.")
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
    entries = AuditFilter(
        search=sanitized(search),
        since_us=_microseconds(since),
        until_us=_microseconds(until),
        outcome=Outcome(outcome) if outcome not in (None, NO_OUTCOME) else None,
        no_outcome=outcome == NO_OUTCOME,
        **{column: None if value is None else sanitized(value) for column, value in equal.items()},
    )
    asyncio.run(_export(load(), entries))


@command.command("seal")
@config_option
@json_option
@click.option(
    "--older-than", "days", type=click.IntRange(min=0), required=True, metavar="DAYS", help="Seal rows older than this."
)
@click.option("--to", "folder", type=FOLDER, required=True, help="Folder for the file and its seal.")
def seal(*, load: LoadConfiguration, as_json: bool, days: int, folder: Path) -> None:
    """Move old rows from the database to a signed file."""
    sealed = asyncio.run(_seal(load(), days, folder))
    if as_json:
        data = sealed and {
            "first": sealed.first,
            "last": sealed.last,
            "file": str(sealed.file),
            "seal": str(sealed.seal_file),
        }
        click.echo(msgspec.json.encode(data))
    elif sealed is None:
        click.echo(f"No rows are older than {days} days.")
    else:
        click.echo(
            f"Sealed rows {sealed.first} to {sealed.last} in {sealed.file}. The seal is {sealed.seal_file.name}."
        )


def _verify_export(file: Path, head: SignedHead | None, public_key: Callable[[], bytes | None]) -> Verification:
    if head is not None:
        if (key := public_key()) is None:
            raise click.UsageError(
                "No key file found. Give --public-key: copy public_key from a signed head that you stored elsewhere."
            )
        documents.verify_signature(head, key)
    with file.open("rb") as stream:
        return export.verify(stream, head)


async def _verify(configuration: Configuration, head: SignedHead | None, public_key: bytes | None) -> Verification:
    async with acting(configuration) as context:
        return await context.log.verify(public_key, head)


async def _head(configuration: Configuration) -> SignedHead:
    async with acting(configuration) as context:
        return await context.log.head(keys.load(configuration.one(SecuritySettings).key_file).signing())


async def _export(configuration: Configuration, entries: AuditFilter) -> None:
    async with acting(configuration) as context:
        async for rows in context.log.rows(entries):
            click.echo(b"".join(map(ndjson.to_line, rows)), nl=False)


async def _seal(configuration: Configuration, days: int, folder: Path) -> SealedRows | None:
    before = system_clock() - days * DAY_S
    key = keys.load(configuration.one(SecuritySettings).key_file).signing()
    action = Action(name="seal audit log", target=str(folder), parameters={"older_than_days": days})
    async with acting(configuration) as context:
        retention = Retention(context.database, key, system_clock)

        async def run(permit: Permit) -> SealedRows | None:
            return await retention.seal(permit, before, folder)

        return await context.act(action, run)


def _public_key(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != keys.BYTES:
        raise click.UsageError(
            f"--public-key: Expected {2 * keys.BYTES} hexadecimal digits: copy public_key from a signed head that you stored elsewhere."
        )
    return key


def _own_public_key(configuration: Configuration) -> bytes | None:
    """Return the public key of the key file, or None: verifying does not create one."""
    file = configuration.one(SecuritySettings).key_file
    return keys.load(file).signing().public_key().public_bytes_raw() if file.exists() else None


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.replace(tzinfo=UTC).timestamp() * 1e6)
