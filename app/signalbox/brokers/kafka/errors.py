"""Translate exceptions of aiokafka and the operating system into broker errors, each with what to do about it."""

import os
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

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
from signalbox.brokers.kafka.protocol.connection import InvalidAddress, UnexpectedFrame, UnsupportedVersion
from signalbox.brokers.kafka.protocol.metadata import METADATA
from signalbox.brokers.kafka.protocol.wire import MalformedResponse
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.model import Why

CLIENT_ERRORS = (kafka.KafkaError, OSError, TimeoutError, AssertionError, MalformedResponse, UnsupportedVersion)
"""What a connection may raise. aiokafka raises AssertionError for an impossible version range or SASL response."""

CONNECT_ERRORS = (*CLIENT_ERRORS, InvalidAddress, ValueError, LookupError, OverflowError)
"""What connecting may raise: the others come from names that cannot be resolved and from malformed answers to the login."""

# Error codes of the protocol
NONE, UNKNOWN_TOPIC, LEADER_NOT_AVAILABLE = 0, 3, 5
TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED = 29, 30, 31
TOPIC_EXISTS, INVALID_TOPIC, GROUP_ID_NOT_FOUND = 36, 17, 69
DENIED = frozenset({TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED})

TLS_ALERT = b"\x15\x03"

ERRNO = re.compile(r"\[Errno (\d+)\]")


@dataclass(slots=True, kw_only=True)
class Peer:
    """The other end of a connection. `node`: the broker that advertises the address; None: it is configured."""

    address: str
    timeout_s: float
    node: int | None = None
    was_reached: bool = False  # the address has accepted a connection


Translator = Callable[[BaseException, KafkaSettings, Peer], BrokerError]


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


def translate(error: BaseException, settings: KafkaSettings, peer: Peer) -> BrokerError:
    """Return the broker error for a failed connection or request to this peer."""
    if isinstance(error, BrokerError):
        return error
    for raised, translator in _TRANSLATORS:
        if isinstance(error, raised):
            return translator(error, settings, peer)
    for raised, error_type, problem, hint in _MESSAGES:
        if isinstance(error, raised):
            words = {"user": settings.user, "mechanism": settings.sasl_mechanism}
            return error_type(settings.name, problem.format(address=peer.address, **words), hint)
    problem = f"Request to {peer.address} failed: {type(error).__name__}."
    return BrokerUnavailable(settings.name, problem, "Check the broker's log.")


def _network(error: BaseException, settings: KafkaSettings, peer: Peer) -> BrokerError:
    """Say that the address cannot be reached: what to change depends on who named the address."""
    is_late = isinstance(error, TimeoutError)
    if is_late and peer.was_reached:
        problem = f"The server at {peer.address} did not respond within {peer.timeout_s:g} s."
        hint = "Check that this is a Kafka port, and whether the broker hangs."
        return BrokerTimeout(settings.name, problem, hint)
    reason, hint = _network_reason(error, peer)
    target = peer.address
    if peer.node is not None and not peer.was_reached:
        target = f"broker {peer.node} from this host at {peer.address}, which the cluster advertises"
        hint = (
            f"Make this address reachable from here, or set advertised.listeners of broker {peer.node} to one that is."
        )
    error_type = BrokerTimeout if is_late else BrokerUnavailable
    return error_type(settings.name, f"Cannot reach {target}: {reason}.", hint)


def _network_reason(error: BaseException, peer: Peer) -> tuple[str, str]:
    if isinstance(error, InvalidAddress):
        return str(error), "Check advertised.listeners of the broker."
    if isinstance(error, socket.gaierror):
        return "the host name cannot be resolved", "Check bootstrap and DNS."
    if isinstance(error, TimeoutError):
        return f"no connection within {peer.timeout_s:g} s", "Check the address, the network and firewalls."
    # With several addresses of one name, asyncio raises an OSError that has their numbers in its text only.
    numbers = [error.errno] if isinstance(error, OSError) and error.errno else map(int, ERRNO.findall(str(error)))
    reasons = dict.fromkeys(os.strerror(number).lower() for number in numbers)
    if isinstance(error, ConnectionRefusedError) or list(reasons) == ["connection refused"]:
        return "connection refused", "Is the broker running? Check the port."
    return ", ".join(reasons) or "network error", "Check the network and bootstrap."


def _unsupported(error: BaseException, settings: KafkaSettings, peer: Peer) -> BrokerError:
    assert isinstance(error, UnsupportedVersion)  # noqa: S101 - the table below says so
    if error.offered and METADATA.key not in error.offered:
        problem = f"{peer.address} is the port of a KRaft controller, and Signalbox connects to brokers."
        hint = "Use the port of a broker: a name in listeners that is not in controller.listener.names."
        return WrongProtocol(settings.name, problem, hint)
    lowest, _ = error.offered.get(error.api.key, (0, -1))
    if lowest > max(error.api.versions):
        problem = (
            f"The broker at {peer.address} is too new: it lacks version {max(error.api.versions)} of {error.api.name}."
        )
        return WrongProtocol(settings.name, problem, "Update Signalbox.")
    problem = (
        f"The broker at {peer.address} is too old: it lacks version {min(error.api.versions)} of {error.api.name}."
    )
    return WrongProtocol(settings.name, problem, "Signalbox needs Kafka 2.1 or later.")


def _connection_closed(error: BaseException, settings: KafkaSettings, peer: Peer) -> BrokerError:
    cause = error.__cause__
    if isinstance(cause, UnexpectedFrame):
        return _not_kafka(cause, settings, peer)
    hint = "Is the broker up? Check its log."
    if settings.sasl_mechanism is None:
        hint = "Is the broker up? The listener may require a login (user, password, sasl_mechanism) or be a controller."
    return BrokerUnavailable(settings.name, f"The broker at {peer.address} closed the connection.", hint)


def _not_kafka(error: BaseException, settings: KafkaSettings, peer: Peer) -> BrokerError:
    first_bytes = error.first_bytes if isinstance(error, UnexpectedFrame) else b""
    if first_bytes.startswith(TLS_ALERT):
        return WrongProtocol(
            settings.name, f"The listener at {peer.address} speaks TLS, but tls is off.", "Set tls = true."
        )
    what = "is a web server" if first_bytes == b"HTTP" else f"sent {first_bytes!r}, which no Kafka broker sends"
    hint = "Check the port: it must be a Kafka listener."
    return WrongProtocol(settings.name, f"The server at {peer.address} {what}.", hint)


def _connection_reset(_error: BaseException, settings: KafkaSettings, peer: Peer) -> BrokerError:
    if settings.uses_tls:
        problem = f"TLS handshake with {peer.address} failed: connection reset. The port probably does not speak TLS."
        return WrongProtocol(settings.name, problem, "Check the port, or set tls = false.")
    return BrokerUnavailable(settings.name, f"The broker at {peer.address} reset the connection.", "Is the broker up?")


def _certificate(error: BaseException, settings: KafkaSettings, peer: Peer) -> BrokerError:
    message = getattr(error, "verify_message", "")
    if "ostname mismatch" in message or "IP address mismatch" in message:
        problem = f"The certificate of {peer.address} is for another name: {message}."
        hint = "Use a host name from the certificate, in advertised.listeners too."
        return CertificateRefused(settings.name, problem, hint)
    problem = f"The certificate of {peer.address} is not trusted: {message}."
    return CertificateRefused(settings.name, problem, "Set ca_file to the certificate authority that signed it.")


def _tls(error: BaseException, settings: KafkaSettings, peer: Peer) -> BrokerError:
    reason = getattr(error, "reason", None) or "TLS failed"
    if "ALERT" in reason or "CERTIFICATE" in reason:
        problem = f"The broker at {peer.address} rejected the TLS handshake: {reason}."
        hint = "It probably requires a client certificate: set cert_file and key_file."
        return CertificateRefused(settings.name, problem, hint)
    problem = f"The listener at {peer.address} does not speak TLS as expected: {reason}."
    return WrongProtocol(settings.name, problem, "Check the port.")


_TRANSLATORS: tuple[tuple[type[BaseException], Translator], ...] = (
    (ssl.SSLCertVerificationError, _certificate),
    (ssl.SSLError, _tls),
    (UnexpectedFrame, _not_kafka),
    (ConnectionResetError, _connection_reset),
    (kafka.KafkaConnectionError, _connection_closed),
    (UnsupportedVersion, _unsupported),
    (InvalidAddress, _network),
    (OSError, _network),  # TimeoutError too
)
_NO_HANDSHAKE = "The handshake with {address} failed."
_CHECK_PORT = "Check what listens on this port."
_WRONG_LOGIN = "Cannot sign in to {address} as {user}: wrong user or password."
_NO_PERMISSION = "The user has no permission on this "
_CHOOSE = "Choose another sasl_mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
_NO_LOGIN = "Remove user, password and sasl_mechanism."
_GRANT_TOPIC, _GRANT_GROUP = "Grant READ or WRITE on the topic.", "Grant READ on the group."
_MESSAGES: tuple[tuple[type[BaseException], type[BrokerError], str, str], ...] = (
    (kafka.SaslAuthenticationFailed, LoginRefused, _WRONG_LOGIN, "Check user and password."),
    (kafka.UnsupportedSaslMechanismError, LoginRefused, "The broker at {address} does not offer {mechanism}.", _CHOOSE),
    (kafka.IllegalSaslStateError, WrongProtocol, "The listener at {address} accepts no login.", _NO_LOGIN),
    (kafka.TopicAuthorizationFailedError, PermissionMissing, _NO_PERMISSION + "topic.", _GRANT_TOPIC),
    (kafka.GroupAuthorizationFailedError, PermissionMissing, _NO_PERMISSION + "consumer group.", _GRANT_GROUP),
    (MalformedResponse, WrongProtocol, "The response from {address} is malformed.", _CHECK_PORT),
    (AssertionError, WrongProtocol, _NO_HANDSHAKE, _CHECK_PORT),
    (ValueError, WrongProtocol, _NO_HANDSHAKE, _CHECK_PORT),
    (LookupError, WrongProtocol, _NO_HANDSHAKE, _CHECK_PORT),
    (OverflowError, WrongProtocol, _NO_HANDSHAKE, _CHECK_PORT),
)
