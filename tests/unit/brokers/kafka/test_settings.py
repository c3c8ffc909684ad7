"""Kafka's settings, and the error for each way in which a connection can fail."""

import pytest
from aiokafka import errors as kafka
from pydantic import ValidationError

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable, WrongProtocol
from signalbox.brokers.kafka.errors import Peer, translate
from signalbox.brokers.kafka.protocol.connection import UnexpectedFrame, UnsupportedVersion
from signalbox.brokers.kafka.protocol.metadata import METADATA
from signalbox.brokers.kafka.settings import KafkaSettings

VALID = {"name": "kafka-prod", "bootstrap": ["kafka-1:9092", "[::1]:9093"]}


@pytest.mark.parametrize(
    ("invalid", "message"),
    [
        ({"bootstrap": []}, "at least one address"),
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
        (TimeoutError(), BrokerTimeout, "no connection within 5 s"),
        (UnsupportedVersion(METADATA, {3: (0, 1)}), WrongProtocol, "too old"),
        (UnsupportedVersion(METADATA, {3: (13, 14)}), WrongProtocol, "too new"),
        (UnsupportedVersion(METADATA, {1: (4, 17), 52: (0, 2)}), WrongProtocol, "KRaft controller"),
        (
            OSError("Multiple exceptions: [Errno 111] ('::1', 1), [Errno 111] x"),
            BrokerUnavailable,
            "connection refused",
        ),
        (OSError(113, "Connect call failed ('10.0.0.1', 9092)"), BrokerUnavailable, "no route to host"),
        (ConnectionRefusedError(), BrokerUnavailable, "connection refused"),
        (OSError("no route"), BrokerUnavailable, "Cannot reach"),
        (kafka.UnknownError(), BrokerUnavailable, "UnknownError"),
    ],
)
def test_each_failure_has_its_own_error(error: BaseException, error_type: type[BrokerError], message: str) -> None:
    peer = Peer(address="kafka-1:9092", timeout_s=5.0)
    translated = translate(error, KafkaSettings.model_validate(VALID), peer)
    assert type(translated) is error_type
    assert message in translated.problem
    assert "kafka-1:9092" in str(translated)
    assert translated.hint
