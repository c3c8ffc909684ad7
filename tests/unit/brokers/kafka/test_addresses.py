"""How addresses are written in the configuration, and what brokers may advertise."""

import pytest

from signalbox.brokers.kafka.addresses import address_fault, join_address, split_address
from signalbox.brokers.kafka.aiokafka_options import aiokafka_options
from signalbox.brokers.kafka.cluster_client import ClusterClient
from signalbox.brokers.kafka.protocol.metadata import BrokerAddress
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.config import ConfigurationError, from_document


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("kafka-1:9092", ("kafka-1", 9092)),
        ("LOCALHOST:1", ("LOCALHOST", 1)),
        ("10.0.0.1:65535", ("10.0.0.1", 65535)),
        ("my_kafka.internal.:9092", ("my_kafka.internal.", 9092)),
        ("bücher.example:9092", ("bücher.example", 9092)),
        ("[::1]:9093", ("::1", 9093)),
        ("[fe80::1%eth0]:9093", ("fe80::1%eth0", 9093)),
        ("a" * 63 + ".x:9092", ("a" * 63 + ".x", 9092)),
    ],
)
def test_valid_addresses(address: str, expected: tuple[str, int]) -> None:
    assert split_address(address) == expected
    assert join_address(*expected) == address
    assert not address_fault(*expected)


WRONG = {
    "PLAINTEXT://kafka-1:9092": "without a scheme",
    "SASL_SSL://kafka-1:9092": "set tls and sasl_mechanism",
    "kafka://kafka-1:9092": "without a scheme",
    "http://kafka-1:9092": "without a scheme",
    "kafka-1:9092,kafka-2:9092": "one address in each string",
    "kafka-1:9092, kafka-2:9092": "one address in each string",
    "kafka-1:9092;kafka-2:9092": "one address in each string",
    "kafka-1:9092 kafka-2:9092": "without spaces",
    " kafka-1:9092": "without spaces",
    "kafka-1:9092\n": "without spaces",
    "kafka-1 :9092": "without spaces",
    "alice@kafka-1:9092": "without a user",
    "alice:secret-Pa55@kafka-1:9092": "without a user",
    "kafka-1:9092/": "without a path",
    "kafka-1:9092:9092": "with one port",
    "kafka-1:": "a port from 1 to 65535",
    "kafka-1:99999": "a port from 1 to 65535",
    "kafka-1:0": "a port from 1 to 65535",
    "kafka-1:-1": "a port from 1 to 65535",
    "kafka-1:٩٠٩٢": "a port from 1 to 65535",
    "kafka-1": "host:port",
    ":9092": "host:port",
    "": "host:port",
    "::1:9092": "in brackets",
    "::1": "in brackets",
    "fe80::1:2:3:4:9092": "in brackets",
    "[127.0.0.1]:9092": "only an IPv6 address is in brackets",
    "[::1:9092": "only an IPv6 address is in brackets",
    "[::1]": "only an IPv6 address is in brackets",
    "x..y:9092": "empty or longer than 63 characters",
    ".x:9092": "empty or longer than 63 characters",
    "a" * 64 + ".x:9092": "empty or longer than 63 characters",
    "ü" * 64 + ".x:9092": "empty or longer than 63 characters",
    ".".join(["abc"] * 64) + ":9092": "more than 253 characters",
    "a\0b:9092": "neither a host name nor an IP address",
    "a|b:9092": "neither a host name nor an IP address",
    "\ud800:9092": "empty or longer than 63 characters",
}


@pytest.mark.parametrize(("address", "expected"), WRONG.items())
def test_an_invalid_address_is_a_fault_that_says_what_is_expected(address: str, expected: str) -> None:
    for good in (["kafka-1:9092"], []):
        connection = {"name": "k", "kind": "kafka", "bootstrap": [*good, address]}
        with pytest.raises(ConfigurationError) as caught:
            from_document({"connections": [connection]}, None, {})
        (fault,) = caught.value.faults
        assert fault.key == f"connections[0] (k).bootstrap[{len(good)}]"
        assert expected in fault.expected
        assert "secret-Pa55" not in str(caught.value)


def test_one_string_is_no_list() -> None:
    with pytest.raises(ConfigurationError) as caught:
        from_document({"connections": [{"name": "k", "kind": "kafka", "bootstrap": "a:9092,b:9092"}]}, None, {})
    assert caught.value.faults[0].expected == 'a list of at least one address, such as ["kafka-1:9092", "kafka-2:9092"]'


@pytest.mark.parametrize(
    ("host", "port"),
    [("", 9092), ("x..y", 9092), ("a" * 300, 9092), ("a\0b", 9092), ("kafka-1", 0), ("kafka-1", 70_000), ("::1", -1)],
)
def test_an_advertised_address_may_be_none(host: str, port: int) -> None:
    assert address_fault(host, port)


async def test_ipv6_addresses_are_in_brackets_wherever_they_are_shown_or_used() -> None:
    settings = KafkaSettings.model_validate({"name": "k", "bootstrap": ["[::1]:9092"]})
    client = ClusterClient(settings)
    client.addresses = {3: BrokerAddress("2001:db8::3", 9093), 4: BrokerAddress("kafka-4", 9094)}
    assert [client.address_of(node) for node in (3, 4, 5)] == ["[2001:db8::3]:9093", "kafka-4:9094", ""]
    assert (await aiokafka_options(settings, client))["bootstrap_servers"] == ["[2001:db8::3]:9093", "kafka-4:9094"]
