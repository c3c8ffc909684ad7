"""The broker contract on RabbitMQ 3.10 and 4.0, with classic and quorum queues, through a proxy that breaks connections."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack

import pytest
from typing_extensions import override

from signalbox.brokers.model import DestinationSpec
from signalbox.brokers.port import Broker
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.servers.rabbitmq import RabbitServer
from tests.contracts.broker_contract import BrokerContract
from tests.support.proxy import Proxy
from tests.support.rabbitmq import FIGURES_WITHIN_S, listed, rabbit_settings, unused


class TypedQueuesBroker(RabbitBroker):
    """The adapter with default arguments for new queues."""

    arguments: Mapping[str, str] = {}

    @override
    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        await super().ensure(
            [DestinationSpec(name=spec.name, settings={**self.arguments, **spec.settings}) for spec in specs]
        )


class RabbitHarness:
    own_groups = False
    reports_redelivery = True
    figures_within_s = FIGURES_WITHIN_S
    large_body = 200_000

    def __init__(self, server: RabbitServer, amqp: Proxy, web: Proxy, arguments: Mapping[str, str]) -> None:
        self._server = server
        self._proxies = (amqp, web)
        self._arguments = arguments

    def open(self, **overrides: object) -> Broker:
        amqp, web = self._proxies
        addresses = {"port": amqp.port, "management_url": f"http://127.0.0.1:{web.port}"}
        broker = TypedQueuesBroker(rabbit_settings(self._server.address(), **(addresses | overrides)))
        broker.arguments = self._arguments
        return broker

    def at(self, port: int) -> dict[str, object]:
        return {"port": port, "management_url": f"http://127.0.0.1:{port}"}

    def wrong_login(self, secret: str) -> Mapping[str, object]:
        return {"password": secret}

    def unique(self, hint: str) -> str:
        return unused(hint)

    def nasty_destinations(self) -> Sequence[str]:
        mark = secrets.token_hex(3)
        names = ['"hi"', "it's", "<script>", "a/../b", "100%25", "q?a=1&b=2#c", "orders|eu", "Zoë🚲"]
        names += ["\u202eevil\u2066", "a b\tc", "{{x}}", "back\\slash", "$JS", "*.>", "new\x7f"]
        return [*(f"{name}{mark}" for name in names), "é" * 124 + mark, "n" * 249 + mark]

    def nasty_groups(self) -> Sequence[str]:
        return ()

    def illegal_destinations(self) -> Sequence[str]:
        return ["", "x" * 256, "é" * 128, "line\nbreak", "amq.mine"]

    def group_name(self, destination: str, group: str) -> str:
        return destination

    async def actual_lag(self, destination: str, group: str) -> int:
        messages = (await listed(self._server))[destination]["messages"]
        assert isinstance(messages, int)
        return messages

    async def break_connections(self) -> None:
        for proxy in self._proxies:
            proxy.cut()


class RabbitContract(BrokerContract):
    """A queue's consumers are one group with the queue's name."""

    test_any_legal_group_name_works = None  # type: ignore[assignment] # queues have no named groups

    arguments: Mapping[str, str] = {}

    @pytest.fixture
    async def server(self) -> RabbitServer:
        raise NotImplementedError

    @pytest.fixture
    async def harness(self, server: RabbitServer) -> AsyncIterator[RabbitHarness]:
        ports = server.ports[0]
        async with AsyncExitStack() as stack:
            amqp, web = [await stack.enter_async_context(Proxy(port)) for port in (ports.amqp, ports.management)]
            yield RabbitHarness(server, amqp, web, self.arguments)


class TestRabbit3(RabbitContract):
    adapter = "rabbitmq-3.10"

    @pytest.fixture
    @override
    async def server(self, rabbitmq_3: RabbitServer) -> RabbitServer:
        return rabbitmq_3


class TestRabbit4(RabbitContract):
    adapter = "rabbitmq-4.0"

    @pytest.fixture
    @override
    async def server(self, rabbitmq_4: RabbitServer) -> RabbitServer:
        return rabbitmq_4


class TestRabbit4Quorum(TestRabbit4):
    adapter = "rabbitmq-4.0-quorum"
    arguments: Mapping[str, str] = {"x-queue-type": "quorum"}
