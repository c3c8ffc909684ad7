"""A host that cannot exist is a fault of the configuration in every kind, so no client library raises something of its own."""

import pytest
from pydantic import ValidationError

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.model import BrokerKind
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.brokers.settings import ConnectionSettings
from signalbox.brokers.sqs.adapter import SqsBroker
from signalbox.brokers.sqs.settings import SqsSettings

NO_HOSTS = {
    "a..b": "a part of the host name is empty or longer than 63 characters",
    "a" * 64 + ".example": "a part of the host name is empty or longer than 63 characters",
    "xn--" + "z" * 70: "a part of the host name is empty or longer than 63 characters",
    "é" * 70 + ".com": "a part of the host name is empty or longer than 63 characters",
    "a." * 150 + "b": "the host name has more than 253 characters",
    "xn--a": "a part of the host name begins with xn-- and is no encoded name",
    "%00": "the host is neither a host name nor an IP address",
}
HOSTS = ("localhost", "kafka_1", "broker.example.", "127.0.0.1", "bücher.example", "xn--bcher-kva.example")
KINDS = ("nats", "rabbitmq", "management", "prometheus", "sqs", "kafka")


def settings(kind: str, host: str) -> ConnectionSettings:
    match kind:
        case "nats":
            return NatsSettings(name="a", urls=(f"nats://{host}:4222",))
        case "rabbitmq":
            return RabbitSettings(name="a", kind=BrokerKind.RABBITMQ, host=host)
        case "management":
            return RabbitSettings(name="a", kind=BrokerKind.RABBITMQ, host="r", management_url=f"http://{host}:15672")
        case "prometheus":
            return RabbitSettings(name="a", kind=BrokerKind.RABBITMQ, host="r", prometheus_urls=(f"http://{host}:1",))
        case "sqs":
            return SqsSettings(name="a", region="eu-west-1", endpoint_url=f"http://{host}:9324")
        case _:
            return KafkaSettings(name="a", kind=BrokerKind.KAFKA, bootstrap=(f"{host}:9092",))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", NO_HOSTS)
def test_a_host_that_cannot_exist_is_refused_with_the_reason(kind: str, host: str) -> None:
    with pytest.raises(ValidationError, match=NO_HOSTS[host]):
        settings(kind, host)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", HOSTS)
def test_host_names_and_addresses_are_accepted(kind: str, host: str) -> None:
    settings(kind, host)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"rabbitmq", "kafka"}])
@pytest.mark.parametrize("host", ["[::1", "::1%eth9", "a:70000"])
def test_a_url_that_cannot_be_split_is_refused_with_its_form(kind: str, host: str) -> None:
    with pytest.raises(ValidationError, match="a URL"):
        settings(kind, host)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "rabbitmq"])
def test_ipv6_in_brackets_is_accepted(kind: str) -> None:
    settings(kind, "[2001:db8::1]")


def test_ipv6_of_an_amqp_host_needs_no_brackets() -> None:
    settings("rabbitmq", "2001:db8::1")
    with pytest.raises(ValidationError, match="neither a host name nor an IP address"):
        settings("rabbitmq", "[2001:db8::1]")


async def test_a_name_that_only_the_http_client_refuses_is_an_error_of_ours() -> None:
    settings_of_it = RabbitSettings(
        name="a", kind=BrokerKind.RABBITMQ, host="127.0.0.1", port=1, management_url="http://xn--ls8h.la:1", timeout_s=5
    )
    broker = RabbitBroker(settings_of_it)
    with pytest.raises(BrokerError):
        await broker.connect(timeout_s=5)
    await broker.close()


@pytest.mark.parametrize("host", ["a_b", "bücher.example"])
async def test_a_name_that_only_the_aws_client_refuses_is_an_error_of_ours(host: str) -> None:
    pair = {"access_key_id": "no-such-key", "secret_access_key": "no-such-secret"}
    broker = SqsBroker(
        SqsSettings.model_validate({"name": "a", "region": "eu-west-1", "endpoint_url": f"http://{host}:1", **pair})
    )
    with pytest.raises(BrokerError, match="does not accept the host name"):
        await broker.connect(timeout_s=30)
    await broker.close()
