"""Programs that build and install."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path


async def run(argv: Sequence[str], folder: Path) -> str:
    """Run a program that has to succeed; return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ""},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, f"{' '.join(argv)}\n{output.decode()}"
    return output.decode()
