"""NATS for tests: one server with JetStream for the whole run, and a plain client to it as an oracle."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.servers.nats import NatsServer, nats_server
from tests.support.servers import record_server, require_server


@pytest.fixture(scope="session")
async def nats_broker() -> AsyncIterator[NatsServer]:
    """The server of this run. A test that stops, kills or pauses it starts its own (`nats_server`)."""
    require_server("nats")
    async with nats_server() as server:
        client = await plain_client(server)
        record_server("nats-server", server.version or str(client.connected_server_version), server.origin)
        await client.close()
        yield server


@pytest.fixture
async def oracle(nats_broker: NatsServer) -> AsyncIterator[Client]:
    """A client of nats-py to that server, for what the tests do and ask without our adapter."""
    client = await plain_client(nats_broker)
    yield client
    await client.close()


async def plain_client(server: NatsServer) -> Client:
    return await nats.connect(server.url, user=server.user, password=server.password, connect_timeout=5)


def nats_settings(server: NatsServer, **overrides: object) -> NatsSettings:
    """Settings that reach this server with its own login."""
    fields: dict[str, object] = {"name": "nats-test", "kind": "nats", "urls": (server.url,)}
    if server.user:
        fields |= {"user": server.user, "password": server.password}
    return NatsSettings.model_validate(fields | overrides)


@contextlib.asynccontextmanager
async def opened(settings: NatsSettings) -> AsyncIterator[NatsBroker]:
    """A connected adapter, closed afterwards."""
    broker = NatsBroker(settings)
    await broker.connect(timeout_s=5.0)
    try:
        yield broker
    finally:
        await broker.close()


async def api(client: Client, what: str, **body: object) -> dict[str, Any]:
    """Ask JetStream's API without our adapter; an error fails the test."""
    answer = await client.request(f"$JS.API.{what}", json.dumps(body).encode() if body else b"", timeout=5)
    said: dict[str, Any] = json.loads(answer.data)
    assert "error" not in said, said["error"]
    return said


async def stream(client: Client, name: str, **config: object) -> None:
    await api(client, f"STREAM.CREATE.{name}", **{"name": name, "subjects": [name, f"{name}.*"], **config})


async def durable(client: Client, of: str, name: str, **config: object) -> None:
    """Make a durable pull consumer with explicit acknowledgement, unless `config` says otherwise."""
    settings = {"durable_name": name, "name": name, "ack_policy": "explicit", **config}
    await api(client, f"CONSUMER.CREATE.{of}.{name}", stream_name=of, config=settings)
