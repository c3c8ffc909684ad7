"""RabbitMQ for tests: one node of each version per run, with statistics every 0.25 s instead of every 5 s."""

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractChannel

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import Cluster, DestinationSpec, Group, Message, Snapshot
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.brokers.rabbitmq.sampler import LISTING_INTERVAL_MAX_S
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.servers.rabbitmq import DEBIAN_13, INSTALLED, RabbitAddress, RabbitOptions, RabbitServer
from tests.support.servers import record_server, require_server

# Every 2 min the broker drops the counters of closed channels, counted or not: acknowledgements of a consumer that just left
# would sometimes be lost.
QUICK = RabbitOptions(
    settings={"collect_statistics_interval": "250"},
    erlang="-rabbit quorum_tick_interval 250 -rabbit core_metrics_gc_interval 86400000",
)
# The longest interval of listings on a slow machine; two listings confirm a deletion.
FIGURES_WITHIN_S = 2 * LISTING_INTERVAL_MAX_S + 10.0


@pytest.fixture(scope="session")
async def rabbitmq_3(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitServer]:
    """The shared node of RabbitMQ 3.10. Tests that stop, kill or pause a node start their own."""
    require_server("rabbitmq")
    async for server in _started(tmp_path_factory.mktemp("rabbitmq-3"), INSTALLED, "Debian's package"):
        yield server


@pytest.fixture(scope="session")
async def rabbitmq_4(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RabbitServer]:
    """The same of RabbitMQ 4.0, from Debian 13."""
    require_server("rabbitmq-4.0")
    folder = tmp_path_factory.mktemp("rabbitmq-4")
    async for server in _started(folder, DEBIAN_13, "Debian 13's package by debootstrap"):
        yield server


@pytest.fixture(params=["rabbitmq_3", "rabbitmq_4"])
def rabbit(request: pytest.FixtureRequest) -> RabbitServer:
    """Each version in turn."""
    server: RabbitServer = request.getfixturevalue(request.param)
    return server


async def _started(folder: Path, version: str, origin: str) -> AsyncIterator[RabbitServer]:
    async with running(folder, replace(QUICK, version=version, vhosts=("/", "second", "a/b%c"))) as server:
        overview = await management(server, "/api/overview")
        assert isinstance(overview, dict)
        record_server("RabbitMQ", str(overview["rabbitmq_version"]), origin)
        yield server


@asynccontextmanager
async def running(folder: Path, options: RabbitOptions) -> AsyncIterator[RabbitServer]:
    server = RabbitServer(folder, options)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


def rabbit_settings(address: RabbitAddress, **overrides: object) -> RabbitSettings:
    """Settings that reach this broker with its own login."""
    fields: dict[str, object] = {
        "name": "rabbitmq-test",
        "kind": "rabbitmq",
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "management_url": address.management_url,
        "tls": address.tls,
    }
    return RabbitSettings.model_validate(fields | overrides)


async def management(server: RabbitServer, path: str, *, method: str = "GET", body: object = None) -> object:
    """Request the management API with a client of the tests, not the adapter's."""
    address = server.address()
    async with httpx.AsyncClient(auth=(address.user, address.password), timeout=10) as client:
        answer = await client.request(method, f"{address.management_url}{path}", json=body)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


async def permit(server: RabbitServer, user: str, vhost: str, pattern: str) -> None:
    """Give a user this pattern for every permission. `vhost` is percent-encoded."""
    patterns = {"configure": pattern, "write": pattern, "read": pattern}
    await management(server, f"/api/permissions/{vhost}/{user}", method="PUT", body=patterns)


async def listed(server: RabbitServer, vhost: str = "/", node: int = 0) -> dict[str, dict[str, object]]:
    """Return the rows of `rabbitmqctl list_queues` by queue."""
    columns = ("name", "type", "messages_ready", "messages_unacknowledged", "messages", "consumers")
    output = await server.ctl("-q", "list_queues", "-p", vhost, *columns, "--formatter", "json", node=node)
    return {row["name"]: row for row in json.loads(output)}


def unused(hint: str) -> str:
    return f"{hint}-{secrets.token_hex(4)}"


@asynccontextmanager
async def opened(settings: RabbitSettings) -> AsyncIterator[RabbitBroker]:
    broker = RabbitBroker(settings)
    await broker.connect()
    try:
        yield broker
    finally:
        await broker.close()


async def refused(settings: RabbitSettings) -> BrokerError:
    """Return the error of `connect`."""
    broker = RabbitBroker(settings)
    with pytest.raises(BrokerError) as caught:
        await broker.connect()
    await broker.close()
    return caught.value


async def fill(broker: RabbitBroker, name: str, count: int, settings: Mapping[str, str] | None = None) -> None:
    """Create a queue and publish messages with the bodies 0, 1, 2 and so on."""
    await broker.ensure([DestinationSpec(name=name, settings=settings or {})])
    for number in range(count):
        await broker.publish(name, Message(body=b"%d" % number))


def cluster_of(snapshot: Snapshot) -> Cluster:
    assert snapshot.cluster is not None
    return snapshot.cluster


async def watched(broker: RabbitBroker, name: str) -> Group:
    """Return a group from its queue's own call, with current counters; a sweep's are as old as the last listing."""
    assert name in (await broker.sweep()).groups
    return (await broker.watch([name])).groups[name]


@asynccontextmanager
async def oracle(server: RabbitServer, vhost: str = "/") -> AsyncIterator[AbstractChannel]:
    """Yield a plain aio-pika channel, independent of our adapter."""
    connection = await aio_pika.connect(server.address().amqp_url(vhost))
    try:
        yield await connection.channel()
    finally:
        await connection.close()
