"""Translates connect errors and API errors into ours: the only module that parses nats-py's and the server's texts."""

import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

from signalbox.brokers.errors import (
    BrokerError,
    BrokerTimeout,
    BrokerUnavailable,
    CertificateRefused,
    LoginRefused,
    PermissionMissing,
    WrongProtocol,
)
from signalbox.brokers.model import Why
from signalbox.brokers.nats.client import NO_RESPONDERS, NOT_FOR_ACCOUNT, ConnectionLost, JetStreamError
from signalbox.brokers.nats.settings import NatsSettings

_CLIENT_CERTIFICATE = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE")
_SET_CLIENT_CERTIFICATE = "Set cert_file and key_file to a certificate that the server accepts."


def host_port(url: str) -> str:
    return urlsplit(url).netloc


def api_error(settings: NatsSettings, error: JetStreamError, url: str) -> BrokerError:
    """Return the error to raise when nothing at all could be read."""
    name = settings.name
    if error.code == NO_RESPONDERS:
        target = f"the JetStream domain {settings.domain}" if settings.domain else "JetStream"
        problem = f"A NATS server answers at {host_port(url)}, but {target} does not."
        return BrokerUnavailable(name, problem, "Start nats-server with JetStream (-js), or check domain.")
    if error.code == NOT_FOR_ACCOUNT:
        problem = "JetStream is not enabled for the account of this user."
        return PermissionMissing(name, problem, "Enable JetStream in the account's configuration or JWT.")
    if error.why is Why.NOT_PERMITTED:
        problem = f"{error.detail[:1].upper()}{error.detail[1:]}."
        return PermissionMissing(name, problem, "Grant this permission; README lists the least permissions.")
    problem, hint = f"JetStream does not answer: {error.detail}.", "JetStream may have no leader at the moment; retry."
    return (BrokerUnavailable if error.why is Why.NO_LEADER else BrokerTimeout)(name, problem, hint)


def timeout_error(settings: NatsSettings, url: str, timeout_s: float) -> BrokerTimeout:
    """Return the error for a port that accepts connections but does not answer in time."""
    problem = f"{host_port(url)} accepts connections but did not answer within {timeout_s:.3g} s."
    hint = "The server may be frozen or expect TLS first (set tls_first), or the port is not a NATS port."
    return BrokerTimeout(settings.name, problem, hint)


def connect_error(
    settings: NatsSettings, url: str, error: Exception, expired_at: float | None, *, wants_certificate: bool
) -> BrokerError:
    """Translate a failed connect. `expired_at` is when the credentials expired, if they did.

    A server that requires client certificates (`wants_certificate`) may reject ours by closing the connection without an error.
    """
    name = settings.name
    match error:
        case ssl.SSLError():
            return _tls_error(name, host_port(url), error)
        case OSError() | ConnectionLost() if wants_certificate:
            problem = f"{host_port(url)} requires a client certificate and closed the connection: {error}."
            return CertificateRefused(name, problem, _SET_CLIENT_CERTIFICATE)
        case OSError() | ConnectionLost():
            problem = f"{host_port(url)} closed the connection: {error}."
            return BrokerUnavailable(name, problem, "The server may be full or stopping; see its log.")
        case _:
            return _server_error(name, host_port(url), settings.redact(str(error)), expired_at)


def _tls_error(name: str, address: str, error: ssl.SSLError) -> BrokerError:
    if isinstance(error, ssl.SSLCertVerificationError):
        problem = f"The certificate of {address} cannot be verified: {error.verify_message}."
        hint = "Set ca_file to the authority that signed the certificate, and use the host name of the certificate."
        return CertificateRefused(name, problem, hint)
    reason = error.reason or "the handshake failed"
    if any(word in reason for word in _CLIENT_CERTIFICATE):
        return CertificateRefused(name, f"{address} refused our client certificate: {reason}.", _SET_CLIENT_CERTIFICATE)
    hint = "Set tls_first as handshake_first is on the server."
    return WrongProtocol(name, f"The TLS handshake with {address} failed: {reason}.", hint)


def _server_error(name: str, address: str, text: str, expired_at: float | None) -> BrokerError:
    """Translate a -ERR during sign-in, or an error of the library."""
    message = text.removeprefix("nats: ").strip("'\" ")[:200]
    if "authoriz" in message.lower() or "authentication" in message.lower():
        if expired_at is not None:
            expired = datetime.fromtimestamp(expired_at, UTC).isoformat(" ", "seconds")
            return LoginRefused(name, f"The credentials expired at {expired}.", "Put new ones into credentials_file.")
        hint = "Check user and password, token, nkey or credentials."
        return LoginRefused(name, f"{address} refused the login: {message}.", hint)
    if "maximum connections" in message.lower():
        problem = f"{address} accepts no more connections: {message}."
        return BrokerUnavailable(name, problem, "Raise max_connections on the server.")
    problem = f"{address} does not answer like a NATS server: {message}."
    return WrongProtocol(name, problem, "Check the port and tls_first.")
