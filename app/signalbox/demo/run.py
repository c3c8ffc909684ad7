"""Run the demo: the brokers, the scenes and the dashboard."""

import asyncio
import fcntl
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from signalbox.bootstrap import serve
from signalbox.brokers.model import BrokerKind
from signalbox.brokers.settings import ConnectionSettings
from signalbox.config import from_document
from signalbox.demo.brokers import start_brokers
from signalbox.demo.scenes import SCENES
from signalbox.kernel.errors import SignalboxError
from signalbox.web.app import WebOptions
from signalbox.web.shell import Banner

LOCK = "lock"
FOLDER = Path(".demo")  # emptied at each start: streams and history must match
BANNER = Banner(
    tone="motion",
    mark="m-running",
    strong="Demo, signed in as demo operator, on this machine only:",
    text="the shop is fictional; its messages and the lag are real.",
)


class DemoAlreadyRunning(SignalboxError):
    """Another demo runs in this folder."""


async def run(kinds: Sequence[BrokerKind], port: int) -> None:
    """Serve the demo until interrupted.

    Raises:
        DemoAlreadyRunning: another demo runs in this folder.
        ServerNotInstalled: a program is missing; the error has the command that installs it.
    """
    _stop_servers_on_sigterm()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_locked(FOLDER))
        connections = await start_brokers(stack, kinds, folder)
        document = {
            "server": {"port": port},
            "database": {"url": f"sqlite+aiosqlite:///{folder}/signalbox.db"},
            "security": {"key_file": f"{folder}/signalbox.key"},
        }
        configuration = from_document(document, folder, {}).having(ConnectionSettings, connections)
        options = WebOptions(demo=True, banners=(BANNER,))
        await serve(configuration, extra=[scene(connections) for scene in SCENES], options=options)


def _stop_servers_on_sigterm() -> None:
    """Cancel this task on SIGTERM, so that the servers stop, until `serve` handles the signal itself."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - called from a coroutine
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Lock the folder against a second demo, and empty it."""
    folder.mkdir(exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoAlreadyRunning(
                f"A demo already runs in {folder.resolve().parent}. Stop it first, with Ctrl-C."
            ) from None
        for child in folder.iterdir():
            if child.is_dir():
                shutil.rmtree(child)
            elif child.name != LOCK:
                child.unlink()
        yield folder.resolve()
