"""What went wrong while connecting or asking, as an error of ours: the only place that reads nats-py's and the server's words."""

import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

from signalbox.brokers.errors import (
    BrokerError,
    BrokerTimeout,
    BrokerUnavailable,
    CertificateRefused,
    LoginRefused,
    NotPermitted,
    WrongProtocol,
)
from signalbox.brokers.model import Why
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.brokers.nats.wire import NO_RESPONDERS, NOT_FOR_ACCOUNT, Lost, Refusal

_CLIENT_CERTIFICATE = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE")
_OUR_CERTIFICATE = "Set cert_file and key_file to one that it accepts."


def place(url: str) -> str:
    """Return host:port of an address."""
    return urlsplit(url).netloc


def unanswered(settings: NatsSettings, refusal: Refusal, url: str) -> BrokerError:
    """Return the error that a refusal is when nothing else could be read."""
    name = settings.name
    if refusal.code == NO_RESPONDERS:
        what = f"the JetStream domain {settings.domain}" if settings.domain else "JetStream"
        found = f"a NATS server answers at {place(url)}, but {what} does not."
        return BrokerUnavailable(name, found, "Start nats-server with JetStream (-js), or check domain.")
    if refusal.code == NOT_FOR_ACCOUNT:
        found = "JetStream is not enabled for the account of this user."
        return NotPermitted(name, found, "Enable it in the account's configuration or JWT.")
    if refusal.why is Why.NOT_PERMITTED:
        return NotPermitted(name, f"{refusal.detail}.", "Grant it; README lists the least rights.")
    kind = BrokerUnavailable if refusal.why is Why.NO_LEADER else BrokerTimeout
    return kind(name, f"JetStream does not answer: {refusal.detail}.", "It may have no leader just now; ask again.")


def silent(settings: NatsSettings, url: str, timeout_s: float) -> BrokerTimeout:
    """Return the error for a port that accepts and says nothing in time."""
    return BrokerTimeout(
        settings.name,
        f"{place(url)} accepts connections and did not answer within {timeout_s:.3g} s.",
        "The server may be frozen, or wait for TLS first (then set tls_first), or this is not a NATS port.",
    )


def dialling(
    settings: NatsSettings, url: str, error: Exception, *, expired_at: float | None, wants_certificate: bool
) -> BrokerError:
    """Return what a failed connect means. `expired_at` is when the credentials ended, if they have.

    A server that demands a certificate of its clients (`wants_certificate`) may break off without a word about ours.
    """
    name = settings.name
    match error:
        case ssl.SSLError():
            return _tls(name, place(url), error)
        case OSError() | Lost() if wants_certificate:
            found = f"{place(url)} demands a client certificate and broke off: {error}."
            return CertificateRefused(name, found, _OUR_CERTIFICATE)
        case OSError() | Lost():
            found = f"{place(url)} broke the connection off: {error}."
            return BrokerUnavailable(name, found, "It may be full or stopping; see its log.")
        case _:
            return _said(name, place(url), settings.redact(str(error)), expired_at)


def _tls(name: str, where: str, error: ssl.SSLError) -> BrokerError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateRefused(
            name,
            f"the certificate of {where} is not accepted: {error.verify_message}.",
            "Set ca_file to the authority that signed it, and use the host name that it is made for.",
        )
    reason = error.reason or "the handshake failed"
    if any(word in reason for word in _CLIENT_CERTIFICATE):
        return CertificateRefused(name, f"{where} refused our certificate: {reason}.", _OUR_CERTIFICATE)
    return WrongProtocol(
        name, f"{where} does not speak TLS as expected: {reason}.", "tls_first must be as handshake_first is there."
    )


def _said(name: str, where: str, text: str, expired_at: float | None) -> BrokerError:
    """What the server said with -ERR while we signed in, or what the library thought of it."""
    said = text.removeprefix("nats: ").strip("'\" ")[:200]
    if "authoriz" in said.lower() or "authentication" in said.lower():
        if expired_at is not None:
            ended = datetime.fromtimestamp(expired_at, UTC).isoformat(" ", "seconds")
            return LoginRefused(name, f"the credentials expired at {ended}.", "Put new ones into credentials_file.")
        do = "Check user and password, token, nkey or credentials."
        return LoginRefused(name, f"{where} refused the login: {said}.", do)
    if "maximum connections" in said.lower():
        return BrokerUnavailable(name, f"{where} is full: {said}.", "Raise max_connections there.")
    return WrongProtocol(
        name, f"{where} does not answer as a NATS server does: {said}.", "Check the port, and tls_first."
    )
