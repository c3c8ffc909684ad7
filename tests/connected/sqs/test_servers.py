"""The SQS servers that the tests use: external, started and stopped."""

from importlib.metadata import PackageNotFoundError

import pytest

from signalbox.servers import sqs as module
from signalbox.servers.process import ServerNotInstalled
from signalbox.servers.sqs import SqsServer, moto_server, sqs_server
from tests.support.sqs import opened


async def test_an_external_server_is_used_and_not_stopped(monkeypatch: pytest.MonkeyPatch, moto: SqsServer) -> None:
    monkeypatch.setenv(module.ADDRESS, moto.endpoint)
    async with sqs_server() as external:
        assert (external.endpoint, external.process) == (moto.endpoint, None)
    broker = opened(moto.endpoint)
    await broker.connect()
    await broker.close()


async def test_a_started_server_listens_on_loopback_and_is_stopped() -> None:
    async with moto_server() as server:
        assert server.process is not None
        assert server.process.running()
        assert server.endpoint.startswith("http://127.0.0.1:")
    assert not server.process.running()


async def test_a_missing_wheel_names_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", missing)
    with pytest.raises(ServerNotInstalled, match="pip install"):
        async with moto_server():
            pass
