"""`signalbox serve`: run the dashboard, the collectors and the history in one process."""

import asyncio

import click

from signalbox.bootstrap import serve
from signalbox.commands.options import LoadConfiguration, config_option


@click.command("serve")
@config_option
def command(*, load: LoadConfiguration) -> None:
    """Serve the dashboard until interrupted."""
    asyncio.run(serve(load()))
