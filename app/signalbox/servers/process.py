"""Run a server process on loopback: start, wait until ready, stop. Used by every kind of server; POSIX only.

The process logs to a file in its folder.
"""

import asyncio
import contextlib
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from signalbox.kernel.errors import SignalboxError

STOP_TIMEOUT_S = 10.0  # then the process is killed
POLL_S = 0.05
PORTS = range(20000, 32000)


class ServerNotInstalled(SignalboxError):
    """A server cannot start because something is not installed; names it and the command that installs it."""

    def __init__(self, server: str, missing: str, install: str) -> None:
        super().__init__(f"Cannot start {server}: {missing}. To install it, run: {install}")
        self.install = install


class ServerFailed(SignalboxError):
    """A server exited or did not respond in time; carries the end of its log."""


def free_port() -> int:
    """Return a free loopback port. Ephemeral ports are avoided, because the server binds the port only later.

    Raises ServerFailed if no port is free.
    """
    for _ in PORTS:
        port = random.choice(PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerFailed(f"No loopback port between {PORTS.start} and {PORTS.stop - 1} is free.")


def cache_folder() -> Path:
    """Return the folder that keeps downloads between runs: $SIGNALBOX_CACHE or ~/.cache/signalbox."""
    return Path(os.environ.get("SIGNALBOX_CACHE") or Path.home() / ".cache" / "signalbox")


@contextlib.contextmanager
def cache_lock(name: str) -> Iterator[None]:
    """Hold the lock of one download: one process downloads, the others wait and find it done. Blocks the thread."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file releases it
        yield


def find_program(name: str, *, server: str, install: str) -> str:
    """Return the path of an installed program. Raises ServerNotInstalled."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        raise ServerNotInstalled(server, f"the program {name} is not installed", install)
    return path


def run_or_fail(
    argv: Sequence[str], problem: str, *, timeout_s: float, user: str | None = None, cwd: Path | None = None
) -> None:
    """Run a program that prepares a server. Raises ServerFailed with the end of its output."""
    run = subprocess.run(argv, user=user, cwd=cwd, capture_output=True, text=True, timeout=timeout_s, check=False)
    if run.returncode:
        raise ServerFailed(f"{problem}: {(run.stdout + run.stderr)[-1500:]}")


def _die_with_parent() -> list[str]:
    """Return a command prefix that lets the kernel kill the server when Signalbox is killed; empty without util-linux."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


@dataclass(eq=False)
class ServerProcess:
    """One process. `start` may be called again after the process ended; folder and ports stay the same."""

    name: str
    argv: Sequence[str]
    folder: Path
    ready: Callable[[], Awaitable[bool]]  # polled until True; must not raise and must return within about a second
    env: Mapping[str, str] = field(default_factory=dict)
    start_timeout_s: float = 60.0
    user: str | None = None  # run as this account, for servers that refuse to run as root
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None  # noqa: S101 - callers use it only while the process runs
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    async def start(self) -> None:
        """Start the process and wait until it is ready. Raises ServerFailed if it exits, or after `start_timeout_s`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - returns at once; the demo and tests only
                [*_die_with_parent(), *self.argv],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.env},
                cwd=self.folder,
                start_new_session=True,
                user=self.user,
            )
        try:
            async with asyncio.timeout(self.start_timeout_s):
                while not await self.ready():
                    if self._process.poll() is not None:
                        code = self._process.returncode
                        raise ServerFailed(f"{self.name} exited with code {code}: {self.log_tail()}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            await self.stop()
            problem = f"{self.name} was not ready within {self.start_timeout_s:.0f} s"
            raise ServerFailed(f"{problem}: {self.log_tail()}") from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Send SIGTERM, wait, then SIGKILL. Does nothing if the process is not running."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)
            os.killpg(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                while process.poll() is None:
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Simulate a crash: send SIGKILL to the process and its children."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        while process.poll() is None:
            await asyncio.sleep(POLL_S)

    def pause(self) -> None:
        """Freeze the process (SIGSTOP) and wait until it is frozen: connections stay open, and nothing responds."""
        os.killpg(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # a busy machine delivers the signal late

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        """Return how the process ended; None while it runs or was never started. Negative: by that signal."""
        return None if self._process is None else self._process.poll()

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines of the log, for an error message."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"


async def port_open(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether something listens on this port."""
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
