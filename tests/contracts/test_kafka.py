"""The broker contract on Apache Kafka 4.3.1, through a proxy that can break connections."""

import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace

import pytest
from typing_extensions import override

from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.model import DestinationSpec
from signalbox.brokers.port import Broker, Delivery
from tests.contracts.broker_contract import BrokerContract
from tests.support.kafka import EVERY_SWEEP, KafkaClient, KafkaUnderTest, kafka_settings


def group_per_topic(destination: str, group: str) -> str:
    """Return a group name for one topic: Kafka's groups belong to the cluster, but the contract's belong to a destination."""
    return f"{group} of {destination}"


class GroupPerTopicBroker(KafkaBroker):
    @override
    def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        return super().receive(destination, group_per_topic(destination, group))

    @override
    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        groups = {spec.name: tuple(group_per_topic(spec.name, group) for group in spec.groups) for spec in specs}
        await super().ensure([replace(spec, groups=groups[spec.name]) for spec in specs])


class KafkaHarness:
    own_groups = True
    reports_redelivery = False
    figures_within_s = 15.0
    large_body = 200_000

    def __init__(self, kafka: KafkaUnderTest) -> None:
        self._kafka = kafka
        self._client = KafkaClient(kafka.bootstrap)

    def open(self, **overrides: object) -> Broker:
        settings = kafka_settings("127.0.0.1:1", **(self.at(self._kafka.proxy.port) | overrides))
        return GroupPerTopicBroker(settings, intervals=EVERY_SWEEP)

    def at(self, port: int) -> dict[str, object]:
        return {"bootstrap": (f"127.0.0.1:{port}",)}

    def wrong_login(self, secret: str) -> Mapping[str, object]:
        login = {"sasl_mechanism": "PLAIN", "user": "alice", "password": secret}
        return {**self.at(self._kafka.server.port("SASL")), **login}

    def unique(self, hint: str) -> str:
        return f"{hint}-{secrets.token_hex(4)}"

    def nasty_destinations(self) -> Sequence[str]:
        mark = secrets.token_hex(4)
        return [f"...{mark}", f"-_-{mark}.", f"__{mark}.a_b"[2:], "n" * (249 - len(mark)) + mark]

    def nasty_groups(self) -> Sequence[str]:
        names = ['"hi"', "it's", "<script>", "100%25", "a/b\\c", "a b;&", "Zoë🚲", "\u202eevil\u2066", "tab\t", "{{x}}"]
        return [*(f"{name} {secrets.token_hex(2)}" for name in names), "é" * 300]

    def illegal_destinations(self) -> Sequence[str]:
        return ["", ".", "..", "a b", "a/b", "a:b", "é", "<b>", '"a"', "x" * 250, "a\n"]

    def group_name(self, destination: str, group: str) -> str:
        return group_per_topic(destination, group)

    async def actual_lag(self, destination: str, group: str) -> int:
        return sum((await self._client.lag(group_per_topic(destination, group))).values())

    async def break_connections(self) -> None:
        self._kafka.proxy.cut()


class TestKafka(BrokerContract):
    adapter = "kafka"

    @pytest.fixture
    async def harness(self, kafka: KafkaUnderTest) -> KafkaHarness:
        return KafkaHarness(kafka)
