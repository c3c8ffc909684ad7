"""Kafka's settings, and what each way of failing to connect is called."""

import pytest
from aiokafka import errors as kafka
from pydantic import ValidationError

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable, WrongProtocol
from signalbox.brokers.kafka.errors import translate
from signalbox.brokers.kafka.protocol.frames import StrangeFrame, Unsupported
from signalbox.brokers.kafka.protocol.metadata import METADATA
from signalbox.brokers.kafka.settings import KafkaSettings

RIGHT = {"name": "kafka-prod", "bootstrap": ["kafka-1:9092", "[::1]:9093"]}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"bootstrap": []}, "at least 1"),
        ({"bootstrap": ["kafka-1"]}, "host:port"),
        ({"bootstrap": ["kafka-1:99999"]}, "host:port"),
        ({"cert_file": "a.pem"}, "cert_file and key_file"),
        ({"user": "alice"}, "all three or none"),
        ({"sasl_mechanism": "GSSAPI", "user": "alice", "password": "x"}, "SCRAM-SHA-256"),
        ({"pasword": "x"}, "Extra inputs"),
    ],
)
def test_faults_say_what_is_expected(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        KafkaSettings.model_validate({**RIGHT, **wrong})


@pytest.mark.parametrize(
    ("given", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"tls": True}, "SSL"),
        ({"ca_file": "ca.pem"}, "SSL"),
        ({"sasl_mechanism": "PLAIN", "user": "a", "password": "b"}, "SASL_PLAINTEXT"),
        ({"tls": True, "sasl_mechanism": "SCRAM-SHA-512", "user": "a", "password": "b"}, "SASL_SSL"),
    ],
)
def test_the_security_protocol_follows_from_what_is_given(given: dict[str, object], protocol: str) -> None:
    assert KafkaSettings.model_validate({**RIGHT, **given}).security_protocol == protocol


def caused(by: BaseException) -> BaseException:
    error: BaseException = kafka.KafkaConnectionError("closed")
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (caused(StrangeFrame(b"\x15\x03\x03\x00")), WrongProtocol, "speaks TLS"),
        (caused(StrangeFrame(b"HTTP")), WrongProtocol, "web server"),
        (caused(StrangeFrame(b"+OK ")), WrongProtocol, "no Kafka broker"),
        (caused(EOFError()), BrokerUnavailable, "closed the connection"),
        (TimeoutError(), BrokerTimeout, "no answer in time"),
        (Unsupported(METADATA), WrongProtocol, "too old"),
        (ConnectionRefusedError(), BrokerUnavailable, "nothing listens"),
        (OSError("no route"), BrokerUnavailable, "cannot be reached"),
        (kafka.UnknownError(), BrokerUnavailable, "UnknownError"),
    ],
)
def test_failures_are_named(error: BaseException, kind: type[BrokerError], says: str) -> None:
    found = translate(error, KafkaSettings.model_validate(RIGHT), "kafka-1:9092")
    assert type(found) is kind
    assert says in found.problem
    assert "kafka-1:9092" in str(found)
    assert found.hint
