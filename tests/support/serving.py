"""Signalbox itself as a process of its own, as an operator runs it: `signalbox serve` on a free port."""

import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx

from signalbox.servers.process import ServerProcess, free_port

COMMAND = Path(sys.executable).with_name("signalbox")


class Serving:
    """A running `signalbox serve`; may be stopped and started again: the same port, the same database."""

    def __init__(
        self,
        folder: Path,
        connections: str,
        *,
        environment: Mapping[str, str] | None = None,
        verbose: bool = False,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "signalbox.toml"
        database = f'[database]\nurl = "sqlite+aiosqlite:///{folder}/signalbox.db"\n'
        config.write_text(f"[server]\nport = {self.port}\n{database}{connections}", encoding="utf-8")
        config.chmod(0o600)
        self.process = ServerProcess(
            name="signalbox",
            argv=[str(COMMAND), *(["-v"] if verbose else []), "serve", "--config", str(config)],
            folder=folder,
            ready=self._ready,
            env=environment or {},
            start_timeout_s=90.0,
        )

    async def _ready(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=1.0) as client:
                return (await client.get(f"{self.url}/health/live")).is_success
        except httpx.HTTPError:
            return False


@contextlib.asynccontextmanager
async def serving(folder: Path, connections: str, *, verbose: bool = False) -> AsyncIterator[Serving]:
    """Run `signalbox serve` with these `[[connections]]` tables until the block ends."""
    served = Serving(folder, connections, verbose=verbose)
    try:
        await served.process.start()
        yield served
    finally:
        await served.process.stop()
