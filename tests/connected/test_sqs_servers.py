"""The SQS servers of the tests themselves: given, started and ended."""

from importlib.metadata import PackageNotFoundError

import pytest

from signalbox.servers import sqs as module
from signalbox.servers.process import ServerNotInstalled
from signalbox.servers.sqs import SqsServer, moto_server, sqs_server
from tests.support.sqs import opened


async def test_a_server_that_was_given_is_used_and_not_ended(monkeypatch: pytest.MonkeyPatch, moto: SqsServer) -> None:
    monkeypatch.setenv(module.ADDRESS, moto.endpoint)
    async with sqs_server() as given:
        assert (given.endpoint, given.process) == (moto.endpoint, None)
    broker = opened(moto.endpoint)
    await broker.connect()
    await broker.close()


async def test_a_server_that_was_started_is_ended_and_listens_on_loopback_only() -> None:
    async with moto_server() as server:
        assert server.process is not None
        assert server.process.running()
        assert server.endpoint.startswith("http://127.0.0.1:")
    assert not server.process.running()


async def test_without_the_wheel_the_line_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", missing)
    with pytest.raises(ServerNotInstalled, match="pip install"):
        async with moto_server():
            pass
