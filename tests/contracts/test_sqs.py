"""The broker contract on Amazon SQS's API: ElasticMQ and moto."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest

from signalbox.brokers.port import Broker
from signalbox.servers.sqs import SqsServer
from tests.contracts.broker_contract import BrokerContract
from tests.support.proxy import Proxy
from tests.support.sqs import SqsStub, opened, plain_client, refusal


class SqsHarness:
    own_groups = False
    reports_redelivery = True
    figures_within_s = 3.0
    large_body = 150_000  # in base64 this is below 256 KiB, SQS's limit until 2025

    def __init__(self, server: SqsServer, proxy: Proxy, stub: SqsStub) -> None:
        self._proxy = proxy
        self._stub = stub
        self._plain: Any = plain_client(server.endpoint)

    def open(self, **overrides: object) -> Broker:
        return opened(f"http://127.0.0.1:{self._proxy.port}", **overrides)

    def at(self, port: int) -> Mapping[str, object]:
        return {"endpoint_url": f"http://127.0.0.1:{port}"}

    def wrong_login(self, secret: str) -> Mapping[str, object]:
        """The servers accept any key, so a stub refuses the login like Amazon."""
        return {"endpoint_url": self._stub.endpoint, "secret_access_key": secret, "session_token": secret + "-token"}

    def unique(self, hint: str) -> str:
        return f"{hint}-{uuid.uuid4().hex[:12]}"

    def nasty_destinations(self) -> Sequence[str]:
        return ["-", "_" + self.unique("a")[:8], self.unique("x").ljust(80, "Q"), self.unique("0")]

    def nasty_groups(self) -> Sequence[str]:
        return ()

    def illegal_destinations(self) -> Sequence[str]:
        return ["", "a b", "orders|eu", "a/b", "a.b", "Zoë", "x" * 81, "a\n", "../a", ".fifo"]

    def group_name(self, destination: str, group: str) -> str:
        return destination

    async def actual_lag(self, destination: str, group: str) -> int:
        return await asyncio.to_thread(self._read_lag, destination)

    def _read_lag(self, destination: str) -> int:
        url = self._plain.get_queue_url(QueueName=destination)["QueueUrl"]
        attributes = self._plain.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return sum(int(attributes[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible", "Delayed"))

    async def break_connections(self) -> None:
        self._proxy.cut()


async def _harness(server: SqsServer) -> AsyncIterator[SqsHarness]:
    stub = SqsStub(lambda *_: refusal("UnrecognizedClientException", "The security token is invalid."))
    port = urlsplit(server.endpoint).port
    assert port is not None
    async with Proxy(port) as proxy, stub.running():
        yield SqsHarness(server, proxy, stub)


class SqsContract(BrokerContract):
    test_any_legal_group_name_works = None  # type: ignore[assignment] # queues have no named groups


class TestElasticMq(SqsContract):
    adapter = "sqs-elasticmq"

    @pytest.fixture
    async def harness(self, elasticmq: SqsServer) -> AsyncIterator[SqsHarness]:
        async for harness in _harness(elasticmq):
            yield harness


class TestMoto(SqsContract):
    adapter = "sqs-moto"

    @pytest.fixture
    async def harness(self, moto: SqsServer) -> AsyncIterator[SqsHarness]:
        async for harness in _harness(moto):
            yield harness
