"""The `signalbox` command as an operator types it: as a process, or in this one, which is quicker."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from signalbox.cli import main
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
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **(environment or {}),
        },
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


async def run_here(*words: str, folder: Path) -> Ran:
    """Run `signalbox` in a folder, in a thread of this process: a second less than a start. An error that is not ours is raised."""
    runner = CliRunner(catch_exceptions=False)
    with contextlib.chdir(folder):
        ran = await asyncio.to_thread(runner.invoke, main, words, env={"SIGNALBOX_CONFIG": None})
    return Ran(ran.exit_code, ran.stdout, ran.stderr)


def configured(folder: Path, text: str) -> Path:
    """Write signalbox.toml, readable by its owner alone."""
    path = folder / "signalbox.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path
