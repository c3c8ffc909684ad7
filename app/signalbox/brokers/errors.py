"""What a broker, or the way to it, refused.

BrokerError
├── BrokerUnavailable       nothing answers there (refused, unknown name, reset)
│   └── BrokerTimeout        something is there and did not answer in time
├── WrongProtocol           the port speaks something else: TLS, no TLS, HTTP
├── CertificateRefused      theirs by us, or ours by them
├── LoginRefused            user, password, token, key
├── NotPermitted            known user, missing right
├── DestinationMissing      no such topic, queue or stream
├── InvalidName             this broker cannot have such a name
├── PublishError
│   ├── Unroutable          the broker has nowhere to put it: it is not stored
│   ├── PublishRefused      the broker said no: it is not stored
│   └── OutcomeUnknown      no confirm came: it may be stored
└── MissingLibrary          the extra for this kind is not installed
Adapters translate their client's errors here, once; nothing else matches on an error's text.
"""

from signalbox.kernel.errors import SignalboxError


class BrokerError(SignalboxError):
    """Carries the connection's name, the problem, and a hint what to do now: sentences free of secrets."""

    def __init__(self, connection: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{connection}: {problem}" + (f" {hint}" if hint else ""))
        self.connection = connection
        self.problem = problem
        self.hint = hint


class BrokerUnavailable(BrokerError):
    """Nothing answers at that address."""


class BrokerTimeout(BrokerUnavailable):
    """Something is there, and gave no answer in time."""


class WrongProtocol(BrokerError):
    """The port speaks something else than was configured."""


class CertificateRefused(BrokerError):
    """TLS failed on a certificate: theirs not trusted by us, or ours not by them."""


class LoginRefused(BrokerError):
    """The login was refused."""


class NotPermitted(BrokerError):
    """The user is known and lacks a right."""


class DestinationMissing(BrokerError):
    """No such destination."""


class InvalidName(BrokerError):
    """This broker cannot have a destination or group of that name."""


class PublishError(BrokerError):
    """A message was not confirmed."""


class Unroutable(PublishError):
    """The broker has nowhere to put the message; it is not stored."""


class PublishRefused(PublishError):
    """The broker refused the message; it is not stored."""


class OutcomeUnknown(PublishError):
    """No confirm came in time: the message may be stored. Publishing it again may double it."""


class MissingLibrary(BrokerError):
    """The client library of this kind is an extra that is not installed."""
