"""`signalbox migrate`: bring the database to this version's schema. `serve` does it by itself on SQLite."""

import asyncio
from pathlib import Path

import click

from signalbox.bootstrap import migrate
from signalbox.commands.options import config_option
from signalbox.config import load


@click.command("migrate")
@config_option
def command(*, config_path: Path | None) -> None:
    """Bring the database to this version's schema."""
    configuration = load(config_path)
    changed = asyncio.run(migrate(configuration))
    place = configuration.database.redacted_url
    click.echo(f"{place} {'is now' if changed else 'was already'} at this version's schema.")
