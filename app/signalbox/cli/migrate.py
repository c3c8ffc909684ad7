"""`signalbox migrate`: upgrade the database schema. On SQLite `serve` does this itself."""

import asyncio

import click

from signalbox.bootstrap import migrate
from signalbox.commands.options import LoadConfiguration, config_option
from signalbox.storage.settings import DatabaseSettings


@click.command("migrate")
@config_option
def command(*, load: LoadConfiguration) -> None:
    """Upgrade the database schema to this version."""
    configuration = load()
    changed = asyncio.run(migrate(configuration))
    place = configuration.one(DatabaseSettings).redacted_url
    click.echo(f"{place} {'is now' if changed else 'was already'} at this version's schema.")
