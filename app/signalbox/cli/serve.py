"""`signalbox serve`: the dashboard, its collectors and its history, in one process."""

import asyncio
from pathlib import Path

import click

from signalbox.bootstrap import serve
from signalbox.commands.options import config_option
from signalbox.config import load


@click.command("serve")
@config_option
def command(*, config_path: Path | None) -> None:
    """Serve the dashboard until interrupted."""
    asyncio.run(serve(load(config_path)))
