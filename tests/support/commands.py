"""The `signalbox` command as a process, as an operator types it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.serving import COMMAND


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and all that it printed."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


async def signalbox(*words: str, folder: Path, environment: Mapping[str, str] | None = None) -> Ran:
    """Run `signalbox` in a folder until it ends, at most 60 s."""
    process = await asyncio.create_subprocess_exec(
        str(COMMAND),
        *words,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


def configured(folder: Path, text: str) -> Path:
    """Write signalbox.toml, readable by its owner alone."""
    path = folder / "signalbox.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path
