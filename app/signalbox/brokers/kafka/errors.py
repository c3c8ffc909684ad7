"""Translate exceptions of aiokafka and the operating system into broker errors, each with what to do about it."""

import socket
import ssl
from collections.abc import Callable

from aiokafka import errors as kafka

from signalbox.brokers.errors import (
    BrokerError,
    BrokerTimeout,
    BrokerUnavailable,
    CertificateRefused,
    LoginRefused,
    PermissionMissing,
    WrongProtocol,
)
from signalbox.brokers.kafka.protocol.connection import UnexpectedFrame, UnsupportedVersion
from signalbox.brokers.kafka.protocol.wire import MalformedResponse
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.model import Why

CLIENT_ERRORS = (kafka.KafkaError, OSError, TimeoutError, AssertionError, MalformedResponse, UnsupportedVersion)
"""What a connection may raise. aiokafka raises AssertionError for an impossible version range or SASL response."""

# Error codes of the protocol
NONE, UNKNOWN_TOPIC, LEADER_NOT_AVAILABLE = 0, 3, 5
TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED = 29, 30, 31
TOPIC_EXISTS, INVALID_TOPIC, GROUP_ID_NOT_FOUND = 36, 17, 69
DENIED = frozenset({TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED})

TLS_ALERT = b"\x15\x03"

Translator = Callable[[BaseException, KafkaSettings, str], BrokerError]


def why_unknown(code: int) -> Why:
    """Return why a figure is unknown, from the error code of its row, group or topic."""
    if code in DENIED:
        return Why.NOT_PERMITTED
    if code == LEADER_NOT_AVAILABLE:
        return Why.NO_LEADER
    return Why.NO_ANSWER


def error_name(code: int) -> str:
    """Return the protocol's name of an error code, for the detail of a fault."""
    return f"{kafka.for_code(code).message} (error {code})"


def translate(error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    """Return the broker error for a failed connection or request to this address."""
    if isinstance(error, BrokerError):
        return error
    for raised, translator in _TRANSLATORS:
        if isinstance(error, raised):
            return translator(error, settings, address)
    for raised, error_type, problem, hint in _MESSAGES:
        if isinstance(error, raised):
            reason = getattr(error, "strerror", None) or "network error"
            words = {"user": settings.user, "mechanism": settings.sasl_mechanism, "reason": reason}
            return error_type(settings.name, problem.format(address=address, **words), hint)
    problem = f"Request to {address} failed: {type(error).__name__}."
    return BrokerUnavailable(settings.name, problem, "Check the broker's log.")


def _connection_closed(error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    cause = error.__cause__
    if isinstance(cause, UnexpectedFrame):
        return _not_kafka(cause, settings, address)
    hint = "Is the broker up? Check its log."
    if settings.sasl_mechanism is None:
        hint = "Is the broker up? The listener may require a login (user, password, sasl_mechanism) or be a controller."
    return BrokerUnavailable(settings.name, f"The broker at {address} closed the connection.", hint)


def _not_kafka(error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    first_bytes = error.first_bytes if isinstance(error, UnexpectedFrame) else b""
    if first_bytes.startswith(TLS_ALERT):
        return WrongProtocol(settings.name, f"The listener at {address} speaks TLS, but tls is off.", "Set tls = true.")
    what = "is a web server" if first_bytes == b"HTTP" else f"sent {first_bytes!r}, which no Kafka broker sends"
    hint = "Check the port: it must be a Kafka listener."
    return WrongProtocol(settings.name, f"The server at {address} {what}.", hint)


def _connection_reset(_error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    if settings.uses_tls:
        problem = f"TLS handshake with {address} failed: connection reset. The port probably does not speak TLS."
        return WrongProtocol(settings.name, problem, "Check the port, or set tls = false.")
    return BrokerUnavailable(settings.name, f"The broker at {address} reset the connection.", "Is the broker up?")


def _certificate(error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    message = getattr(error, "verify_message", "")
    if "ostname mismatch" in message or "IP address mismatch" in message:
        problem = f"The certificate of {address} is for another name: {message}."
        hint = "Use a host name from the certificate, in advertised.listeners too."
        return CertificateRefused(settings.name, problem, hint)
    problem = f"The certificate of {address} is not trusted: {message}."
    return CertificateRefused(settings.name, problem, "Set ca_file to the certificate authority that signed it.")


def _tls(error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    reason = getattr(error, "reason", None) or "TLS failed"
    if "ALERT" in reason or "CERTIFICATE" in reason:
        problem = f"The broker at {address} rejected the TLS handshake: {reason}."
        hint = "It probably requires a client certificate: set cert_file and key_file."
        return CertificateRefused(settings.name, problem, hint)
    problem = f"The listener at {address} does not speak TLS as expected: {reason}."
    return WrongProtocol(settings.name, problem, "Check the port.")


_TRANSLATORS: tuple[tuple[type[BaseException], Translator], ...] = (
    (ssl.SSLCertVerificationError, _certificate),
    (ssl.SSLError, _tls),
    (UnexpectedFrame, _not_kafka),
    (ConnectionResetError, _connection_reset),
    (kafka.KafkaConnectionError, _connection_closed),
)
_CHECK_PORT = "Check what listens on this port."
_WRONG_LOGIN = "Cannot sign in to {address} as {user}: wrong user or password."
_NO_PERMISSION = "The user has no permission on this "
_CHOOSE = "Choose another sasl_mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
_NO_LOGIN = "Remove user, password and sasl_mechanism."
_GRANT_TOPIC, _GRANT_GROUP = "Grant READ or WRITE on the topic.", "Grant READ on the group."
_IS_RUNNING = "Is the broker running? Check the port."
_IS_KAFKA = "Check that this is a Kafka port, and whether the broker hangs."
_MESSAGES: tuple[tuple[type[BaseException], type[BrokerError], str, str], ...] = (
    (kafka.SaslAuthenticationFailed, LoginRefused, _WRONG_LOGIN, "Check user and password."),
    (kafka.UnsupportedSaslMechanismError, LoginRefused, "The broker at {address} does not offer {mechanism}.", _CHOOSE),
    (kafka.IllegalSaslStateError, WrongProtocol, "The listener at {address} accepts no login.", _NO_LOGIN),
    (kafka.TopicAuthorizationFailedError, PermissionMissing, _NO_PERMISSION + "topic.", _GRANT_TOPIC),
    (kafka.GroupAuthorizationFailedError, PermissionMissing, _NO_PERMISSION + "consumer group.", _GRANT_GROUP),
    (socket.gaierror, BrokerUnavailable, "Cannot resolve the host name of {address}.", "Check bootstrap and DNS."),
    (ConnectionRefusedError, BrokerUnavailable, "Cannot reach {address}: connection refused.", _IS_RUNNING),
    (TimeoutError, BrokerTimeout, "The server at {address} did not respond in time.", _IS_KAFKA),
    (UnsupportedVersion, WrongProtocol, "The broker at {address} is too old.", "Signalbox needs Kafka 2.1 or later."),
    (MalformedResponse, WrongProtocol, "The response from {address} is malformed.", _CHECK_PORT),
    (AssertionError, WrongProtocol, "The handshake with {address} failed.", _CHECK_PORT),
    (OSError, BrokerUnavailable, "Cannot reach {address}: {reason}.", "Check the network and bootstrap."),
)
