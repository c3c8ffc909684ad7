"""`signalbox migrate`: bring the database to this version's schema. `serve` does it by itself on SQLite."""

import asyncio

import click

from signalbox.bootstrap import migrate
from signalbox.commands.options import LoadConfiguration, config_option
from signalbox.storage.settings import DatabaseSettings


@click.command("migrate")
@config_option
def command(*, load: LoadConfiguration) -> None:
    """Bring the database to this version's schema."""
    configuration = load()
    changed = asyncio.run(migrate(configuration))
    place = configuration.one(DatabaseSettings).redacted_url
    click.echo(f"{place} {'is now' if changed else 'was already'} at this version's schema.")
