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
from signalbox.servers.process import port_open
from signalbox.servers.rabbitmq import RabbitServer
from signalbox.storage.engine import Database
from signalbox.web.urls import api
from tests.support.database import settings
from tests.support.history import BUDGET
from tests.support.nats import durable, stream
from tests.support.proxy import Proxy
from tests.support.serving import Serving, serving
from tests.support.tables import connection
from tests.support.waiting import eventually

READ = "nats"
HANGING = [
    f"hanging-{number}" for number in range(16)
]  # one after the other they take longer to close than Kubernetes waits
GROUP = "stopping/reader"
KUBERNETES_S = 30.0  # then it kills a container that does not end
READINGS = 2


class Stopping:
    """A running `signalbox serve` with one connection that is read, and others that can hang."""

    def __init__(self, served: Serving, folder: Path, proxies: list[Proxy]) -> None:
        self.served, self.folder, self.proxies = served, folder, proxies
        self.read_at: set[float] = set()

    async def read(self) -> None:
        """Note the time of the last reading; fail until there are a few, and all connections respond."""
        async with httpx.AsyncClient(base_url=self.served.url) as client:
            group = await client.get(api("groups", READ, GROUP))
            connections = (await client.get(api("connections"))).json()
        assert group.status_code == 200, group.text
        self.read_at.add(group.json()["read_at"])
        assert len(self.read_at) >= READINGS
        assert {connection["status"] for connection in connections} == {"connected"}

    def hang(self) -> None:
        for proxy in self.proxies:
            proxy.hang()

    def signal(self, number: int) -> None:
        os.kill(self.served.process.pid, number)

    async def refuses(self) -> None:
        """Fail until it takes no more requests: it is stopping."""
        assert not await port_open(self.served.port)

    async def ended(self) -> None:
        assert not self.served.process.running()

    async def lost(self) -> list[float]:
        """Return the readings that are not in the database."""
        database = Database(settings(f"sqlite+aiosqlite:///{self.folder}/signalbox.db"))
        series = Series(database, system_clock, BUDGET)
        await series.start()
        try:
            assert await series.wait_restored(20)
            samples = series.recent(READ, GROUP)
            return sorted(at for at in self.read_at if samples is None or int(at * 1000) not in samples.at)
        finally:
            await series.stop()
            await database.close()


@asynccontextmanager
async def stopping(folder: Path, nats: NatsServer, rabbit: RabbitServer) -> AsyncIterator[Stopping]:
    address = rabbit.address()
    login = {"user": address.user, "password": address.password, "management_url": address.management_url}
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Proxy(address.port)) for _ in HANGING]
        tables = [
            connection(READ, "nats", urls=[nats.url], user=nats.user, password=nats.password, watch=["stopping/*"])
        ]
        for name, proxy in zip(HANGING, proxies, strict=True):
            tables.append(connection(name, "rabbitmq", host="127.0.0.1", port=proxy.port, **login))
        served = await stack.enter_async_context(serving(folder, "\n".join(tables)))
        yield Stopping(served, folder, proxies)


@pytest.fixture
async def reader(oracle: Client) -> None:
    await stream(oracle, "stopping")
    await durable(oracle, "stopping", "reader")


@pytest.mark.usefixtures("reader")
async def test_sigterm_ends_it_in_time_with_all_history(
    tmp_path: Path, nats_broker: NatsServer, rabbitmq_3: RabbitServer
) -> None:
    async with stopping(tmp_path, nats_broker, rabbitmq_3) as run:
        await eventually(run.read, within_s=60)
        run.hang()
        run.signal(signal.SIGTERM)
        await eventually(run.ended, within_s=KUBERNETES_S)
        assert run.served.process.exit_code() == 0
        assert await run.lost() == []


@pytest.mark.usefixtures("reader")
async def test_a_second_sigint_ends_it_at_once_with_all_history(
    tmp_path: Path, nats_broker: NatsServer, rabbitmq_3: RabbitServer
) -> None:
    async with stopping(tmp_path, nats_broker, rabbitmq_3) as run:
        await eventually(run.read, within_s=60)
        run.hang()
        run.signal(signal.SIGTERM)
        await eventually(run.refuses, within_s=20)
        assert run.served.process.running()
        run.signal(signal.SIGINT)
        await eventually(run.ended, within_s=KUBERNETES_S)
        assert run.served.process.exit_code() == 130  # 0: it stopped by itself
        assert await run.lost() == []
