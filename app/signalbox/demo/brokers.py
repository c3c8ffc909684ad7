"""Start the real brokers of the demo and return the settings of the connections to them."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from signalbox.brokers.model import BrokerKind
from signalbox.brokers.registry import settings_class
from signalbox.brokers.settings import ConnectionSettings
from signalbox.servers.kafka import KafkaServer, bootstrap_from_environment
from signalbox.servers.nats import nats_server
from signalbox.servers.rabbitmq import RabbitAddress, RabbitServer, given_address
from signalbox.servers.sqs import sqs_server

PARTNER_REGION = "eu-central-1"


async def start_brokers(stack: AsyncExitStack, kinds: Sequence[BrokerKind], folder: Path) -> list[ConnectionSettings]:
    """Start a server of each kind and return the connections; `stack` stops the servers.

    Raises:
        ServerNotInstalled: a program is missing; the error has the command that installs it.
        ServerFailed: a server did not start.
    """
    return [await STARTERS[kind](stack, folder / kind) for kind in kinds]


def _settings(kind: BrokerKind, table: Mapping[str, object]) -> ConnectionSettings:
    return settings_class(kind).model_validate({"kind": kind, **table})


async def _nats(stack: AsyncExitStack, folder: Path) -> ConnectionSettings:
    server = await stack.enter_async_context(nats_server(folder=folder))
    table = {"name": "nats-demo", "urls": [server.url], "user": server.user, "password": server.password}
    return _settings(BrokerKind.NATS, table)


async def _kafka(stack: AsyncExitStack, folder: Path) -> ConnectionSettings:
    bootstrap = bootstrap_from_environment()
    if bootstrap is None:
        server = KafkaServer(folder)
        stack.push_async_callback(server.stop)
        await server.start()
        bootstrap = server.bootstrap
    return _settings(BrokerKind.KAFKA, {"name": "kafka-demo", "bootstrap": bootstrap.split(",")})


async def _rabbitmq(stack: AsyncExitStack, folder: Path) -> ConnectionSettings:
    address = given_address()
    if address is None:
        server = RabbitServer(folder)
        stack.push_async_callback(server.stop)
        await server.start()
        address = server.address()
    return _settings(BrokerKind.RABBITMQ, _rabbit_table(address))


def _rabbit_table(address: RabbitAddress) -> dict[str, object]:
    return {
        "name": "rabbit-demo",
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "management_url": address.management_url,
        "prometheus_urls": list(address.prometheus_urls),
    }


async def _sqs(stack: AsyncExitStack, folder: Path) -> ConnectionSettings:
    del folder  # ElasticMQ keeps its queues in memory
    server = await stack.enter_async_context(sqs_server())
    table = {
        "name": "sqs-demo",
        "region": PARTNER_REGION,
        "endpoint_url": server.endpoint,
        "access_key_id": "demo",
        "secret_access_key": "demo",
        "interval_s": 5,
    }
    return _settings(BrokerKind.SQS, table)


STARTERS = {BrokerKind.NATS: _nats, BrokerKind.KAFKA: _kafka, BrokerKind.RABBITMQ: _rabbitmq, BrokerKind.SQS: _sqs}
