"""`signalbox migrate`: bring the database to this version's schema. `serve` does it by itself on SQLite."""

import asyncio
from pathlib import Path

import click

from app.bootstrap import migrate
from app.cli import config_option
from app.config import load


@click.command("migrate")
@config_option
def command(*, config_path: Path | None) -> None:
    """Bring the database to this version's schema."""
    configuration = load(config_path)
    changed = asyncio.run(migrate(configuration))
    place = configuration.database.shown()
    click.echo(f"{place} {'is now' if changed else 'was already'} at this version's schema.")
