"""The demo from start to end: servers, shop, dashboard; all of it ends together."""

import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from app.bootstrap import serve
from app.brokers.model import Kind
from app.config import from_document
from app.demo.brokers import start_brokers
from app.demo.service import Shop

FOLDER = Path(".demo")  # begun anew each time: streams and history belong together


async def run(kinds: Sequence[Kind], port: int) -> None:
    """Serve the demo until interrupted.

    Raises:
        ServerMissing: a broker that was asked for cannot be started here; carries the line that installs it.
    """
    folder = _emptied(FOLDER)
    async with AsyncExitStack() as stack:
        connections = await start_brokers(stack, kinds, folder)
        document = {
            "server": {"port": port},
            "database": {"url": f"sqlite+aiosqlite:///{folder}/signalbox.db"},
        }
        configuration = replace(from_document(document, folder, {}), connections=tuple(connections))
        await serve(configuration, extra=[Shop(connections)], demo=True)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder.resolve()
