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


@dataclass(frozen=True, slots=True, kw_only=True)
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
        process = _process("elasticmq", [java("ElasticMQ"), *JVM, *main], Path(folder), port)
        async with _running(process):
            yield SqsServer(
                endpoint=f"http://127.0.0.1:{port}", origin="ElasticMQ by Maven", version=ELASTICMQ, process=process
            )


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
        process = _process("moto", argv, Path(folder), port)
        async with _running(process):
            yield SqsServer(
                endpoint=f"http://127.0.0.1:{port}", origin="wheel moto", version=moto_version, process=process
            )


def _process(name: str, argv: list[str], folder: Path, port: int) -> ServerProcess:
    return ServerProcess(name=name, argv=argv, folder=folder, ready=lambda: port_open(port))


@contextlib.asynccontextmanager
async def _running(process: ServerProcess) -> AsyncIterator[None]:
    try:
        await process.start()
        yield
    finally:
        await process.stop()
