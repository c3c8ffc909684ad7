"""Run servers with Amazon SQS's API: ElasticMQ, and moto for the tests. Neither checks credentials or regions."""

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


@dataclass(frozen=True, slots=True)
class SqsServer:
    """A running server. `process` is None for an external server, which is never stopped."""

    endpoint: str  # "http://127.0.0.1:9324"
    origin: str  # where the server comes from; test runs print it
    version: str | None
    process: ServerProcess | None


@contextlib.asynccontextmanager
async def sqs_server() -> AsyncIterator[SqsServer]:
    """Yield the server at $SIGNALBOX_SQS_ENDPOINT, or start ElasticMQ (2 s) and stop it afterwards.

    Raises ServerNotInstalled without Java or Maven, ServerFailed if ElasticMQ did not start or be downloaded.
    """
    if address := os.environ.get(ADDRESS):
        yield SqsServer(endpoint=address, origin=f"${ADDRESS}", version=None, process=None)
        return
    jar_folder = await jars("ElasticMQ", [f"org.elasticmq:elasticmq-server_2.13:{ELASTICMQ}"])
    with tempfile.TemporaryDirectory(prefix="signalbox-elasticmq-") as folder:
        port, file = free_port(), Path(folder) / "elasticmq.conf"
        file.write_text(_CONFIGURATION.format(port=port))
        main = [f"-Dconfig.file={file}", "-cp", class_path(jar_folder), "org.elasticmq.server.Main"]
        argv = [java("ElasticMQ"), *JVM, *main]
        async with _running("elasticmq", argv, Path(folder), port) as process:
            yield SqsServer(f"http://127.0.0.1:{port}", "ElasticMQ by Maven", ELASTICMQ, process)


@contextlib.asynccontextmanager
async def moto_server() -> AsyncIterator[SqsServer]:
    """Start moto, which pages ListQueues like Amazon (ElasticMQ does not), and stop it afterwards.

    Raises ServerNotInstalled: only the development requirements contain moto.
    """
    try:
        moto_version = version("moto")
    except PackageNotFoundError:
        raise ServerNotInstalled("moto", "its wheel is not installed", "pip install 'moto[server]'") from None
    with tempfile.TemporaryDirectory(prefix="signalbox-moto-") as folder:
        port = free_port()
        argv = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        async with _running("moto", argv, Path(folder), port) as process:
            yield SqsServer(f"http://127.0.0.1:{port}", "wheel moto", moto_version, process)


@contextlib.asynccontextmanager
async def _running(name: str, argv: list[str], folder: Path, port: int) -> AsyncIterator[ServerProcess]:
    process = ServerProcess(name, argv, folder, ready=lambda: port_open(port))
    try:
        await process.start()
        yield process
    finally:
        await process.stop()
