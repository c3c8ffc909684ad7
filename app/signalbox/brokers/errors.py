"""Errors of brokers and connections. Adapters translate their client library's errors to these; no other code matches error texts."""

from signalbox.kernel.errors import SignalboxError


class BrokerError(SignalboxError):
    """Carries the connection's name, the problem, and a hint what to do now: sentences free of secrets."""

    def __init__(self, connection: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{connection}: {problem}" + (f" {hint}" if hint else ""))
        self.connection = connection
        self.problem = problem
        self.hint = hint


class BrokerUnavailable(BrokerError):
    """Nothing answers at the address."""


class BrokerTimeout(BrokerUnavailable):
    """The broker did not answer in time."""


class WrongProtocol(BrokerError):
    """The port speaks another protocol than the configured one."""


class CertificateRefused(BrokerError):
    """TLS failed: one side does not trust the other's certificate."""


class LoginRefused(BrokerError):
    """The broker refused the login."""


class PermissionMissing(BrokerError):
    """The user lacks a permission."""


class DestinationMissing(BrokerError):
    """The destination does not exist."""


class InvalidName(BrokerError):
    """The broker does not allow this name for a destination or group."""


class PublishError(BrokerError):
    """The broker did not confirm a message."""


class Unroutable(PublishError):
    """The message has no destination; it is not stored."""


class PublishRefused(PublishError):
    """The broker refused the message; it is not stored."""


class OutcomeUnknown(PublishError):
    """The broker did not confirm in time: the message may be stored. Publishing again may duplicate it."""


class MissingLibrary(BrokerError):
    """The client library is not installed; it is an optional extra."""
