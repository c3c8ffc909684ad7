"""Kafka's own Java programs, beside the tools of tests/support/kafka.py."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from signalbox.servers.maven import class_path, java


@asynccontextmanager
async def running_java(jars: Path, main: str, *arguments: str) -> AsyncIterator[None]:
    """Run a program until the block ends."""
    argv = [java("Apache Kafka"), "-XX:TieredStopAtLevel=1", "-cp", class_path(jars), main, *arguments]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - returns at once
    try:
        yield
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)
