"""`signalbox serve`: run the dashboard, the collectors and the history in one process."""

import asyncio
import threading

import click

from signalbox.bootstrap import end_process, serve
from signalbox.commands.options import LoadConfiguration, config_option
from signalbox.kernel.configuration import Configuration

EXIT_MAX_S = 2.0  # for tasks and threads that were left behind


@click.command("serve")
@config_option
def command(*, load: LoadConfiguration) -> None:
    """Serve the dashboard until interrupted."""
    asyncio.run(_serve(load()))


async def _serve(configuration: Configuration) -> None:
    await serve(configuration)
    end = threading.Timer(EXIT_MAX_S, end_process, (0,))  # else Python waits for each of them, however long
    end.daemon = True
    end.start()
