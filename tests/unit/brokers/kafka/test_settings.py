"""Kafka's settings, and the error for each way in which a connection can fail."""

import pytest
from aiokafka import errors as kafka
from pydantic import ValidationError

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable, WrongProtocol
from signalbox.brokers.kafka.errors import translate
from signalbox.brokers.kafka.protocol.connection import UnexpectedFrame, UnsupportedVersion
from signalbox.brokers.kafka.protocol.metadata import METADATA
from signalbox.brokers.kafka.settings import KafkaSettings

VALID = {"name": "kafka-prod", "bootstrap": ["kafka-1:9092", "[::1]:9093"]}


@pytest.mark.parametrize(
    ("invalid", "message"),
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
def test_invalid_settings_name_what_is_expected(invalid: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        KafkaSettings.model_validate({**VALID, **invalid})


@pytest.mark.parametrize(
    ("settings", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"tls": True}, "SSL"),
        ({"ca_file": "ca.pem"}, "SSL"),
        ({"sasl_mechanism": "PLAIN", "user": "a", "password": "b"}, "SASL_PLAINTEXT"),
        ({"tls": True, "sasl_mechanism": "SCRAM-SHA-512", "user": "a", "password": "b"}, "SASL_SSL"),
    ],
)
def test_security_protocol(settings: dict[str, object], protocol: str) -> None:
    assert KafkaSettings.model_validate({**VALID, **settings}).security_protocol == protocol


def closed_by(cause: BaseException) -> BaseException:
    error: BaseException = kafka.KafkaConnectionError("closed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "error_type", "message"),
    [
        (closed_by(UnexpectedFrame(b"\x15\x03\x03\x00")), WrongProtocol, "speaks TLS"),
        (closed_by(UnexpectedFrame(b"HTTP")), WrongProtocol, "web server"),
        (closed_by(UnexpectedFrame(b"+OK ")), WrongProtocol, "no Kafka broker"),
        (closed_by(EOFError()), BrokerUnavailable, "closed the connection"),
        (TimeoutError(), BrokerTimeout, "did not respond in time"),
        (UnsupportedVersion(METADATA), WrongProtocol, "too old"),
        (ConnectionRefusedError(), BrokerUnavailable, "connection refused"),
        (OSError("no route"), BrokerUnavailable, "Cannot reach"),
        (kafka.UnknownError(), BrokerUnavailable, "UnknownError"),
    ],
)
def test_each_failure_has_its_own_error(error: BaseException, error_type: type[BrokerError], message: str) -> None:
    translated = translate(error, KafkaSettings.model_validate(VALID), "kafka-1:9092")
    assert type(translated) is error_type
    assert message in translated.problem
    assert "kafka-1:9092" in str(translated)
    assert translated.hint
