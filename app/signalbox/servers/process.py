"""A server program that we start on loopback, wait for, and end by its own process id. Shared by every kind of server.

POSIX only. Logs go to a file in the server's folder; nothing here reads a clock but to wait.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from signalbox.kernel.errors import SignalboxError

STOP_WAIT_S = 10.0  # a server that has not ended by then is killed
POLL_S = 0.05
PORTS = range(20000, 32000)


class ServerMissing(SignalboxError):
    """A server cannot be started here: names what is missing and the line that installs it."""

    def __init__(self, server: str, missing: str, install: str) -> None:
        super().__init__(f"{server} cannot be started: {missing}. To install it: {install}")
        self.install = install


class ServerFailed(SignalboxError):
    """A server ended or did not answer in time; carries the end of its log."""


def free_port() -> int:
    """Return a free loopback port below those that the system gives to outgoing connections: it is bound only later.

    Raises:
        ServerFailed: every one is taken.
    """
    for _ in PORTS:
        port = random.choice(PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerFailed("no loopback port is free")


def cache_folder() -> Path:
    """Return where downloads are kept between runs, outside the repository: $SIGNALBOX_CACHE or ~/.cache/signalbox."""
    return Path(os.environ.get("SIGNALBOX_CACHE") or Path.home() / ".cache" / "signalbox")


def program(name: str, *, server: str, install: str) -> str:
    """Return the path of an installed program.

    Raises:
        ServerMissing: it is not installed.
    """
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        raise ServerMissing(server, f"the program {name} is not installed", install)
    return found


def _ends_with_us() -> list[str]:
    """Return what makes the kernel end a server when Signalbox itself is killed; nothing where util-linux is not there."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


@dataclass(eq=False)
class ServerProcess:
    """One process: begun once, ended by its id. `start` may be called again after it ended (same folder, same ports)."""

    name: str
    argv: Sequence[str]
    folder: Path
    ready: Callable[
        [], Awaitable[bool]
    ]  # asked until it says True; must not raise and must return within a second or so
    env: Mapping[str, str] = field(default_factory=dict)
    start_wait_s: float = 60.0
    user: str | None = None  # another account to run under, where root is refused
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None  # noqa: S101 - asked only while it runs
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    async def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ServerFailed: it ended at once, or did not answer within `start_wait_s`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - returns at once; the demo and tests only
                [*_ends_with_us(), *self.argv],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.env},
                cwd=self.folder,
                start_new_session=True,
                user=self.user,
            )
        try:
            async with asyncio.timeout(self.start_wait_s):
                while not await self.ready():
                    if self._process.poll() is not None:
                        raise ServerFailed(f"{self.name} ended with code {self._process.returncode}: {self.log_end()}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            await self.stop()
            raise ServerFailed(f"{self.name} did not answer in {self.start_wait_s:.0f} s: {self.log_end()}") from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Ask it to end, wait, then kill. Fine when it has ended or never began."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)
            os.killpg(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WAIT_S):
                while process.poll() is None:
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it as a crash would: SIGKILL to the process and all that it started."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        while process.poll() is None:
            await asyncio.sleep(POLL_S)

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log_end(self, lines: int = 15) -> str:
        """Return the last lines of its log, for an error message."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"


async def port_open(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether something listens there."""
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
