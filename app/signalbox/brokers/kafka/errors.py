"""What a failed connection or request means: aiokafka's and the system's exceptions to ours, with what to do about it."""

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
    NotPermitted,
    WrongProtocol,
)
from signalbox.brokers.kafka.protocol.frames import StrangeFrame, Unsupported
from signalbox.brokers.kafka.protocol.wire import Malformed
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.model import Why

CLIENT_ERRORS = (kafka.KafkaError, OSError, TimeoutError, AssertionError, Malformed, Unsupported)
"""What a connection may raise; AssertionError is how aiokafka meets a version range or a SASL answer that cannot be."""

# Error codes of the protocol
NONE, UNKNOWN_TOPIC, LEADER_MISSING = 0, 3, 5
TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED = 29, 30, 31
TOPIC_EXISTS, INVALID_TOPIC, GROUP_OF_OTHER_TYPE = 36, 17, 69
DENIED = frozenset({TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED})

TLS_ALERT = b"\x15\x03"


def why_of(code: int) -> Why:
    """Say what an error code of one row, group or topic means for its figure."""
    if code in DENIED:
        return Why.NOT_PERMITTED
    if code == LEADER_MISSING:
        return Why.NO_LEADER
    return Why.NO_ANSWER


def said(code: int) -> str:
    """Return the protocol's name of an error code, for a fault's detail."""
    return f"{kafka.for_code(code).message} (error {code})"


def translate(error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    """Return the error of ours that says what happened at this address and what to do."""
    if isinstance(error, BrokerError):
        return error
    for kind, say in _SAY:
        if isinstance(error, kind):
            return say(error, settings, address)
    return BrokerUnavailable(settings.name, f"{address} failed: {type(error).__name__}.", "Look at the broker's log.")


def _broken(error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    cause = error.__cause__
    if isinstance(cause, StrangeFrame):
        return _strange(cause, settings, address)
    if settings.sasl_mechanism is None:
        do = "If the broker is up, this listener probably wants a login (user, password, sasl_mechanism), or is a controller's."
    else:
        do = "Look whether the broker is up, and at its log."
    return BrokerUnavailable(settings.name, f"{address} closed the connection.", do)


def _strange(error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    begins = error.begins if isinstance(error, StrangeFrame) else b""
    if begins.startswith(TLS_ALERT):
        return WrongProtocol(settings.name, f"{address} speaks TLS, and tls is not switched on.", "Set tls = true.")
    what = "is a web server" if begins == b"HTTP" else f"answers with {begins!r}, which no Kafka broker sends"
    return WrongProtocol(settings.name, f"{address} {what}.", "Look at the port: it must be a Kafka listener's.")


def _reset(_error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    if settings.uses_tls:
        found = f"{address} broke the TLS handshake off: the port probably does not speak TLS."
        return WrongProtocol(settings.name, found, "Look at the port, or set tls = false.")
    return BrokerUnavailable(settings.name, f"{address} reset the connection.", "Look whether the broker is up.")


def _certificate(error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    message = getattr(error, "verify_message", "")
    if "ostname mismatch" in message or "IP address mismatch" in message:
        found = f"the certificate of {address} is for another name: {message}."
        return CertificateRefused(settings.name, found, "Use a name that stands in it, also in advertised.listeners.")
    found = f"the certificate of {address} is not trusted: {message}."
    return CertificateRefused(settings.name, found, "Set ca_file to the authority that signed it.")


def _tls(error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
    reason = getattr(error, "reason", None) or "TLS failed"
    if "ALERT" in reason or "CERTIFICATE" in reason:
        found = f"{address} refused our side of TLS: {reason}."
        return CertificateRefused(
            settings.name, found, "It probably wants a client certificate: cert_file and key_file."
        )
    return WrongProtocol(settings.name, f"{address} does not speak TLS as expected: {reason}.", "Look at the port.")


def _simple(kind: type[BrokerError], found: str, do: str) -> Callable[[BaseException, KafkaSettings, str], BrokerError]:
    def say(_error: BaseException, settings: KafkaSettings, address: str) -> BrokerError:
        words = {"address": address, "user": settings.user, "mechanism": settings.sasl_mechanism}
        words["seconds"] = f"{settings.timeout_s:g}"
        return kind(settings.name, found.format(**words), do.format(**words))

    return say


_SAY: tuple[tuple[type[BaseException], Callable[[BaseException, KafkaSettings, str], BrokerError]], ...] = (
    (
        kafka.SaslAuthenticationFailed,
        _simple(LoginRefused, "{address} refused the user {user} or the password.", "Look at user and password."),
    ),
    (
        kafka.UnsupportedSaslMechanismError,
        _simple(
            LoginRefused,
            "{address} does not offer {mechanism}.",
            "Choose another sasl_mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
        ),
    ),
    (
        kafka.IllegalSaslStateError,
        _simple(
            WrongProtocol, "the listener at {address} wants no login.", "Remove user, password and sasl_mechanism."
        ),
    ),
    (ssl.SSLCertVerificationError, _certificate),
    (ssl.SSLError, _tls),
    (StrangeFrame, _strange),
    (socket.gaierror, _simple(BrokerUnavailable, "{address} is a name that nobody knows.", "Look at bootstrap.")),
    (
        ConnectionRefusedError,
        _simple(BrokerUnavailable, "nothing listens at {address}.", "Start the broker, or look at the port."),
    ),
    (ConnectionResetError, _reset),
    (
        TimeoutError,
        _simple(
            BrokerTimeout,
            "{address} took the connection and gave no answer in time.",
            "Look whether that is a Kafka port, and whether the broker hangs.",
        ),
    ),
    (
        Unsupported,
        _simple(WrongProtocol, "the broker at {address} is too old.", "Kafka 2.1 is the oldest that Signalbox reads."),
    ),
    (
        (Malformed),
        _simple(WrongProtocol, "{address} sent an answer that makes no sense.", "Look at what listens there."),
    ),
    (
        AssertionError,
        _simple(WrongProtocol, "{address} answers the greeting with nonsense.", "Look at what listens there."),
    ),
    (
        kafka.TopicAuthorizationFailedError,
        _simple(NotPermitted, "the user lacks a right on that topic.", "Grant it READ or WRITE."),
    ),
    (
        kafka.GroupAuthorizationFailedError,
        _simple(NotPermitted, "the user lacks READ on that group.", "Grant it."),
    ),
    (kafka.KafkaConnectionError, _broken),
    (OSError, _simple(BrokerUnavailable, "{address} cannot be reached.", "Look at the network and at bootstrap.")),
)
