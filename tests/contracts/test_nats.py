"""The broker contract on nats-server with JetStream, through a proxy that breaks connections."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from nats.aio.client import Client

from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.brokers.port import Broker
from signalbox.servers.nats import NatsServer
from tests.contracts.broker_contract import BrokerContract
from tests.support.nats import nats_settings
from tests.support.proxy import Proxy


class NatsHarness:
    own_groups = True
    reports_redelivery = True
    figures_within_s = 15.0
    large_body = 200_000

    def __init__(self, server: NatsServer, oracle: Client, proxy: Proxy) -> None:
        self._server = server
        self._oracle = oracle
        self._proxy = proxy

    def open(self, **overrides: object) -> Broker:
        return NatsBroker(nats_settings(self._server, **(self.at(self._proxy.port) | overrides)))

    def at(self, port: int) -> dict[str, object]:
        return {"urls": (f"nats://127.0.0.1:{port}",)}

    def wrong_login(self, secret: str) -> Mapping[str, object]:
        return {"password": secret}

    def unique(self, hint: str) -> str:
        return f"{hint}-{secrets.token_hex(4)}"

    def nasty_groups(self) -> Sequence[str]:
        return self.nasty_destinations()

    def nasty_destinations(self) -> Sequence[str]:
        mark = secrets.token_hex(3)
        bidi = "\u202eevil\u2066"
        names = ['"hi"', "it's", "<script", "100%25", "a&b;c", "Zoë🚲", bidi, "$JS", "_INBOX", "{{x}}", "a|b\x7f"]
        return [*(f"{name}{mark}" for name in names), "é" * 100 + mark, "n" * (249 - len(mark)) + mark]

    def illegal_destinations(self) -> Sequence[str]:
        return ["", "a.b", "a b", "a*", "a>b", "a/b", "a\\b", "tab\t", "nul\0", "line\n", "x" * 256, "é" * 128]

    def group_name(self, destination: str, group: str) -> str:
        return f"{destination}/{group}"

    async def actual_lag(self, destination: str, group: str) -> int:
        info = await self._oracle.jetstream().consumer_info(destination, group)
        assert info.num_pending is not None
        assert info.num_ack_pending is not None
        return int(info.num_pending + info.num_ack_pending)

    async def break_connections(self) -> None:
        self._proxy.cut()


class TestNats(BrokerContract):
    adapter = "nats"

    @pytest.fixture
    async def harness(self, nats_broker: NatsServer, oracle: Client) -> AsyncIterator[NatsHarness]:
        async with Proxy(nats_broker.port) as proxy:
            yield NatsHarness(nats_broker, oracle, proxy)
