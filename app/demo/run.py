"""The demo from start to end: servers, shop, dashboard; all of it ends together."""

import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from pydantic import SecretStr

from app.bootstrap import serve
from app.brokers.model import Kind
from app.config import Configuration
from app.demo.brokers import start_brokers
from app.demo.service import Shop
from app.monitoring.settings import MonitoringSettings
from app.storage.settings import DatabaseSettings
from app.web.settings import ServerSettings

FOLDER = Path(".demo")  # begun anew each time: streams and history belong together


async def run(kinds: Sequence[Kind], port: int) -> None:
    """Serve the demo until interrupted.

    Raises:
        ServerMissing: a broker that was asked for cannot be started here; carries the line that installs it.
    """
    folder = _emptied(FOLDER)
    async with AsyncExitStack() as stack:
        connections = await start_brokers(stack, kinds, folder)
        configuration = Configuration(
            path=None,
            server=ServerSettings(port=port),
            database=DatabaseSettings(url=SecretStr(f"sqlite+aiosqlite:///{folder}/signalbox.db")),
            monitoring=MonitoringSettings(),
            connections=tuple(connections),
        )
        await serve(configuration, extra=[Shop(connections)], demo=True)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder.resolve()
