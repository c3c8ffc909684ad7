"""The collector on a real nats-server: it shows lag, reports failures and recovers."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client

from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.kernel.clock import system_clock
from signalbox.kernel.feed import Feed
from signalbox.monitoring import keys
from signalbox.monitoring.collector import Collector
from signalbox.monitoring.model import ConnectionView, GroupView, LinkState, Status, TimeLagMethod
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.monitoring.settings import GroupThresholds
from signalbox.servers.nats import NatsOptions, NatsServer, nats_server
from signalbox.storage.engine import Database
from tests.support.database import settings as database_settings
from tests.support.nats import durable, nats_settings, plain_client, stream
from tests.support.proxy import Proxy
from tests.support.servers import require_server
from tests.support.waiting import eventually

NAME = "nats-test"
READER = "orders/reader"


class CollectorBench:
    """A running collector and its monitor."""

    def __init__(self, settings: NatsSettings) -> None:
        self.feed = Feed(epoch=1)
        series = Series(Database(database_settings("sqlite+aiosqlite:///never-opened.db")), system_clock, 2**20)
        limits = (GroupThresholds(groups=("*/orders/late",), ok_below_s=4.0),)
        self.monitor = Monitor(feed=self.feed, clock=system_clock, series=series, thresholds=limits)
        self.collector = Collector(NatsBroker(settings), settings, self.monitor, self.feed, system_clock)

    @property
    def link(self) -> ConnectionView:
        view = self.monitor.connection(NAME)
        assert view is not None
        return view

    def reader(self) -> GroupView:
        view = self.monitor.group(NAME, READER)
        assert view is not None, "the group has not been read yet"
        return view

    def status_of(self, name: str) -> Status | None:
        view = self.monitor.group(NAME, name)
        return view.verdict.status if view is not None else None

    async def until(self, condition: Callable[[], bool], within_s: float = 20.0) -> None:
        async def check() -> None:
            assert condition()

        await eventually(check, within_s=within_s, every_s=0.02)

    def measured(self, name: str) -> bool:
        view = self.monitor.group(NAME, name)
        lag = None if view is None else view.flow.time_lag
        return lag is not None and lag.method is TimeLagMethod.MEASURED


@asynccontextmanager
async def collecting(settings: NatsSettings) -> AsyncIterator[CollectorBench]:
    bench = CollectorBench(settings)
    await bench.collector.start()
    bench.feed.subscribe([keys.group(NAME, READER)])  # like a page that shows the group
    try:
        yield bench
    finally:
        await bench.collector.stop()


@pytest.fixture
async def server() -> AsyncIterator[NatsServer]:
    require_server("nats")
    async with nats_server(NatsOptions()) as started:
        yield started


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    connected = await plain_client(server)
    await stream(connected, "orders")
    await durable(connected, "orders", "reader")
    yield connected
    await connected.close()


async def produce(client: Client, count: int) -> None:
    jetstream = client.jetstream()
    for _ in range(count):
        await jetstream.publish("orders", b"x")


async def consume(client: Client, count: int) -> None:
    subscription = await client.jetstream().pull_subscribe_bind("reader", "orders")
    for message in await subscription.fetch(count, timeout=5):
        await message.ack_sync()
    await subscription.unsubscribe()


async def test_publishing_raises_lag_and_consuming_lowers_it(server: NatsServer, client: Client) -> None:
    async with collecting(nats_settings(server)) as bench:
        await bench.until(lambda: bench.monitor.group(NAME, READER) is not None)
        assert bench.link.link is LinkState.CONNECTED
        await produce(client, 12)
        await bench.until(lambda: bench.reader().flow.lag == 12)
        assert bench.reader().interval_s == 1.0, "a page shows the group, so it is read every second"
        await consume(client, 5)
        await bench.until(lambda: bench.reader().flow.lag == 7)
        destination = bench.monitor.destination(NAME, "orders")
        assert destination is not None
        assert destination.consumer_groups == (READER,)


async def test_a_group_that_nobody_reads_is_said_at_once_then_stopped_and_measured(
    server: NatsServer, client: Client
) -> None:
    await durable(client, "orders", "late")
    await produce(client, 3)
    published_at = time.time()
    async with collecting(nats_settings(server)) as bench:
        await bench.until(lambda: bench.monitor.group(NAME, "orders/late") is not None)
        assert bench.status_of("orders/late") is Status.NO_MEMBERS, "one reading proves only that nobody reads now"
        await bench.until(lambda: bench.status_of("orders/late") is Status.STOPPED)
        await bench.until(lambda: bench.measured("orders/late"))
        view = bench.monitor.group(NAME, "orders/late")
        assert view is not None
        assert view.flow.time_lag is not None
        assert view.flow.time_lag.method is TimeLagMethod.MEASURED
        assert view.flow.time_lag.seconds == pytest.approx(view.read_at - published_at, abs=1.0)


async def test_a_killed_server_is_down_keeps_its_figures_and_recovers(server: NatsServer, client: Client) -> None:
    await produce(client, 12)
    async with collecting(nats_settings(server)) as bench:
        await bench.until(lambda: bench.monitor.group(NAME, READER) is not None and bench.reader().flow.lag == 12)
        await client.close()
        await server.kill()
        await bench.until(lambda: bench.link.link is LinkState.DOWN)
        assert bench.link.error
        assert bench.link.groups_ok == 0
        assert bench.reader().flow.lag == 12, "the last figures are kept"
        read_at = bench.reader().read_at
        await bench.until(lambda: bench.link.attempts >= 2)
        assert bench.reader().read_at == read_at, "their age shows how old they are"
        assert bench.collector.healthy()
        await server.start()
        await bench.until(lambda: bench.link.link is LinkState.CONNECTED)
        await bench.until(lambda: bench.reader().read_at > read_at and bench.reader().flow.lag == 12)
        changes = [change.after for change in bench.monitor.changes() if change.group is None]
        assert changes == [LinkState.CONNECTED, LinkState.DOWN, LinkState.CONNECTED]


async def test_a_hanging_network_makes_the_connection_stale_or_down(server: NatsServer, client: Client) -> None:
    await produce(client, 4)
    async with Proxy(server.port) as proxy:
        settings = nats_settings(server, urls=(f"nats://127.0.0.1:{proxy.port}",), timeout_s=1.0)
        async with collecting(settings) as bench:
            await bench.until(lambda: bench.monitor.group(NAME, READER) is not None and bench.reader().flow.lag == 4)
            proxy.hang()
            await bench.until(lambda: bench.link.link in (LinkState.STALE, LinkState.DOWN), within_s=40)
            assert bench.reader().flow.lag == 4
            await produce(client, 2)
            proxy.resume()
            await bench.until(lambda: bench.link.link is LinkState.CONNECTED, within_s=40)
            await bench.until(lambda: bench.reader().flow.lag == 6)


async def test_a_deleted_consumer_disappears(server: NatsServer, client: Client) -> None:
    async with collecting(nats_settings(server)) as bench:
        await bench.until(lambda: bench.monitor.group(NAME, READER) is not None)
        await client.jetstream().delete_consumer("orders", "reader")
        await bench.until(lambda: bench.monitor.group(NAME, READER) is None, within_s=30)
        assert bench.link.groups == 0
