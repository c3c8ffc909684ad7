"""`signalbox serve` with brokers that hang: SIGTERM ends it in time, a second SIGINT at once, and history is saved."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from nats.aio.client import Client

from signalbox.kernel.clock import system_clock
from signalbox.monitoring.series import Series
from signalbox.servers.nats import NatsServer
from signalbox.storage.engine import Database
from signalbox.web.urls import api
from tests.support.database import settings
from tests.support.history import BUDGET
from tests.support.nats import durable, stream
from tests.support.proxy import Proxy
from tests.support.serving import Serving, serving
from tests.support.tables import connection
from tests.support.waiting import eventually

HANGING = [f"hanging-{number}" for number in range(9)]  # each takes 5 s to close
GROUP = "stopping/reader"
KUBERNETES_S = 30.0  # then it kills a container that does not end
READINGS = 2


class Stopping:
    """A running `signalbox serve`, and the time of the last reading that it showed for each connection."""

    def __init__(self, served: Serving, folder: Path, proxies: list[Proxy]) -> None:
        self.served, self.folder, self.proxies = served, folder, proxies
        self.read_at: dict[str, set[float]] = {name: set() for name in HANGING}

    async def read(self) -> None:
        """Note the times of the readings; fail until each connection was read a few times."""
        async with httpx.AsyncClient(base_url=self.served.url) as client:
            for name, times in self.read_at.items():
                answer = await client.get(api("groups", name, GROUP))
                assert answer.status_code == 200, answer.text
                times.add(answer.json()["read_at"])
        assert min(map(len, self.read_at.values())) >= READINGS

    def hang(self) -> None:
        for proxy in self.proxies:
            proxy.hang()

    def signal(self, number: int) -> None:
        os.kill(self.served.process.pid, number)

    async def refuses(self) -> None:
        """Fail until it takes no more requests: it is stopping."""
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{self.served.url}/health/live")

    async def ended(self) -> None:
        assert not self.served.process.running()

    async def lost(self) -> dict[str, list[float]]:
        """Return the readings that are not in the database."""
        database = Database(settings(f"sqlite+aiosqlite:///{self.folder}/signalbox.db"))
        series = Series(database, system_clock, BUDGET)
        await series.start()
        try:
            assert await series.wait_restored(20)
            missing = {}
            for name, times in self.read_at.items():
                samples = series.recent(name, GROUP)
                stored = set(samples.at) if samples is not None else set()
                missing[name] = sorted(at for at in times if int(at * 1000) not in stored)
            return {name: times for name, times in missing.items() if times}
        finally:
            await series.stop()
            await database.close()


@asynccontextmanager
async def stopping(folder: Path, server: NatsServer) -> AsyncIterator[Stopping]:
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Proxy(server.port)) for _ in HANGING]
        login = {"user": server.user, "password": server.password}
        tables = [
            connection(name, "nats", urls=[f"nats://127.0.0.1:{proxy.port}"], watch=["stopping/*"], **login)
            for name, proxy in zip(HANGING, proxies, strict=True)
        ]
        served = await stack.enter_async_context(serving(folder, "\n".join(tables)))
        yield Stopping(served, folder, proxies)


@pytest.fixture
async def reader(oracle: Client) -> None:
    await stream(oracle, "stopping")
    await durable(oracle, "stopping", "reader")


@pytest.mark.usefixtures("reader")
async def test_sigterm_ends_it_in_time_with_all_history(tmp_path: Path, nats_broker: NatsServer) -> None:
    async with stopping(tmp_path, nats_broker) as run:
        await eventually(run.read, within_s=60)
        run.hang()
        run.signal(signal.SIGTERM)
        await eventually(run.ended, within_s=KUBERNETES_S)
        assert run.served.process.exit_code() == 0
        assert await run.lost() == {}


@pytest.mark.usefixtures("reader")
async def test_a_second_sigint_ends_it_at_once_with_all_history(tmp_path: Path, nats_broker: NatsServer) -> None:
    async with stopping(tmp_path, nats_broker) as run:
        await eventually(run.read, within_s=60)
        run.hang()
        run.signal(signal.SIGTERM)
        await eventually(run.refuses, within_s=20)
        assert run.served.process.running()
        run.signal(signal.SIGINT)
        await eventually(run.ended, within_s=KUBERNETES_S)
        assert run.served.process.exit_code() == 130  # 0: it stopped by itself
        assert await run.lost() == {}
