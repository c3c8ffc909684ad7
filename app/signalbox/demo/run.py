"""The demo from start to end: servers, shop, dashboard; all of it ends together."""

import asyncio
import fcntl
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from signalbox.bootstrap import serve
from signalbox.brokers.model import BrokerKind
from signalbox.config import from_document
from signalbox.demo.brokers import start_brokers
from signalbox.demo.service import Shop
from signalbox.kernel.errors import SignalboxError

LOCK = "lock"
FOLDER = Path(".demo")  # begun anew each time: streams and history belong together


class DemoRuns(SignalboxError):
    """Another demo has this clone's folder."""


async def run(kinds: Sequence[BrokerKind], port: int) -> None:
    """Serve the demo until interrupted.

    Raises:
        DemoRuns: another demo runs in this folder.
        ServerNotInstalled: a broker that was asked for cannot be started here; carries the line that installs it.
    """
    _end_in_order_on_sigterm()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder(FOLDER))
        connections = await start_brokers(stack, kinds, folder)
        document = {
            "server": {"port": port},
            "database": {"url": f"sqlite+aiosqlite:///{folder}/signalbox.db"},
            "security": {"key_file": f"{folder}/signalbox.key"},
        }
        configuration = replace(from_document(document, folder, {}), connections=tuple(connections))
        await serve(configuration, extra=[Shop(connections)], demo=True)


def _end_in_order_on_sigterm() -> None:
    """Until the dashboard serves, SIGTERM too must stop the servers that were started."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - called from a coroutine
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


@contextmanager
def _folder(folder: Path) -> Iterator[Path]:
    """Give the demo's folder, emptied; only one demo at a time may have it."""
    folder.mkdir(exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoRuns(f"A demo already runs in {folder.resolve().parent}. Stop it first, with Ctrl-C.") from None
        for child in folder.iterdir():
            if child.is_dir():
                shutil.rmtree(child)
            elif child.name != LOCK:
                child.unlink()
        yield folder.resolve()
