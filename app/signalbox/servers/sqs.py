"""Servers that speak Amazon SQS's API: ElasticMQ, which people run, and moto, which only the tests have.

Neither checks credentials or regions.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from signalbox.servers.maven import class_path, jars, java
from signalbox.servers.process import ServerNotInstalled, ServerProcess, free_port, port_open

ADDRESS = "SIGNALBOX_SQS_ENDPOINT"
ELASTICMQ = "1.7.1"
JVM = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

_CONFIGURATION = """include classpath("application.conf")
node-address {{ protocol = http, host = "127.0.0.1", port = {port}, context-path = "" }}
rest-sqs {{ enabled = true, bind-hostname = "127.0.0.1", bind-port = {port} }}
rest-stats.enabled = false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsServer:
    """A server to use. One that is not ours (`process` is None) is neither stopped nor disturbed."""

    endpoint: str  # "http://127.0.0.1:9324"
    origin: str  # where it comes from, for the line that a test run prints
    version: str | None
    process: ServerProcess | None


@contextlib.asynccontextmanager
async def sqs_server() -> AsyncIterator[SqsServer]:
    """Give the server at $SIGNALBOX_SQS_ENDPOINT, else start ElasticMQ (2 s) and end it afterwards.

    Raises:
        ServerNotInstalled: Java or Maven is not installed.
        ServerFailed: it did not start, or its jars could not be got.
    """
    if given := os.environ.get(ADDRESS):
        yield SqsServer(endpoint=given, origin=f"${ADDRESS}", version=None, process=None)
        return
    folder = await jars("ElasticMQ", [f"org.elasticmq:elasticmq-server_2.13:{ELASTICMQ}"])
    with tempfile.TemporaryDirectory(prefix="signalbox-elasticmq-") as place:
        port, file = free_port(), Path(place) / "elasticmq.conf"
        file.write_text(_CONFIGURATION.format(port=port))
        main = [f"-Dconfig.file={file}", "-cp", class_path(folder), "org.elasticmq.server.Main"]
        process = _process("elasticmq", [java("ElasticMQ"), *JVM, *main], Path(place), port)
        async with _running(process):
            yield SqsServer(
                endpoint=f"http://127.0.0.1:{port}", origin="ElasticMQ by Maven", version=ELASTICMQ, process=process
            )


@contextlib.asynccontextmanager
async def moto_server() -> AsyncIterator[SqsServer]:
    """Start moto, which pages ListQueues as Amazon does (ElasticMQ does not), and end it afterwards.

    Raises:
        ServerNotInstalled: the wheel is not installed: it is among the development requirements only.
        ServerFailed: it did not start.
    """
    try:
        found = version("moto")
    except PackageNotFoundError:
        raise ServerNotInstalled("moto", "its wheel is not installed", "pip install 'moto[server]'") from None
    with tempfile.TemporaryDirectory(prefix="signalbox-moto-") as place:
        port = free_port()
        argv = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = _process("moto", argv, Path(place), port)
        async with _running(process):
            yield SqsServer(endpoint=f"http://127.0.0.1:{port}", origin="wheel moto", version=found, process=process)


def _process(name: str, argv: list[str], folder: Path, port: int) -> ServerProcess:
    return ServerProcess(name=name, argv=argv, folder=folder, ready=lambda: port_open(port))


@contextlib.asynccontextmanager
async def _running(process: ServerProcess) -> AsyncIterator[None]:
    try:
        await process.start()
        yield
    finally:
        await process.stop()
