"""httpx's, aio-pika's and TLS's errors, said as ours. The one place that looks at an error's text."""

import asyncio
import re
import ssl
from collections.abc import Iterator

import httpx
from aio_pika import exceptions as amqp
from aiormq.exceptions import ChannelAccessRefused, ConnectionFrameError, ConnectionNotAllowed

from signalbox.brokers.errors import (
    BrokerError,
    BrokerTimeout,
    BrokerUnavailable,
    CertificateRefused,
    DestinationMissing,
    LoginRefused,
    NotPermitted,
    WrongProtocol,
)
from signalbox.brokers.model import Why

CUT_SHORT = re.compile(r"Read (\d{1,12}) bytes but (\d{1,12}) bytes expected")
FRAME_MAX = 2**24  # what is said to be longer is another protocol's text
ENDED = (ConnectionResetError, BrokenPipeError, asyncio.IncompleteReadError)
TEXT_MAX = 300  # characters of what a broker said that are shown


class HungUp(BrokerUnavailable):
    """Something took the connection and ended it: a broker that is starting or dying, or another protocol's port."""


def why(error: BrokerError) -> Why:
    """Return the state of what could not be read because of this error."""
    if isinstance(error, NotPermitted | LoginRefused):
        return Why.NOT_PERMITTED
    if isinstance(error, DestinationMissing):
        return Why.NOT_REPORTED
    return Why.NO_ANSWER


def shown(text: object) -> str:
    """Return a broker's words bounded and on one line."""
    return " ".join(str(text).split())[:TEXT_MAX]


def silent(connection: str, place: str, limit_s: float) -> BrokerTimeout:
    return BrokerTimeout(
        connection,
        f"{place} gave no answer within {limit_s:g} s.",
        "Check that this port is RabbitMQ's and that the broker is not overloaded.",
    )


def from_amqp(connection: str, place: str, error: BaseException) -> BrokerError:
    """Translate what an AMQP connection or channel raised. `place` is "host:port"."""
    tls = _tls(connection, place, error)
    if tls is not None:
        return tls
    if isinstance(error, amqp.AMQPChannelError):
        return _from_channel(connection, place, error)
    if isinstance(error, amqp.ProbableAuthenticationError | amqp.AuthenticationError):
        return LoginRefused(connection, f"{place} refused the user name or password.", "Check user and password.")
    if _is_vhost_closed(error):
        return NotPermitted(
            connection, f"{place}: the virtual host does not exist or is not open to this user.", "Check vhosts."
        )
    if _is_other_protocol(error):
        return WrongProtocol(
            connection,
            f"{place} does not speak AMQP 0-9-1.",
            "Check host and port.",
        )
    if any(isinstance(each, ENDED) for each in _chain(error)):
        return HungUp(connection, f"{place} hung up.", "Check host and port; is the broker just starting?")
    return BrokerUnavailable(connection, f"{place} is not reachable: {_os_words(error)}.", "Check host and port.")


def _from_channel(connection: str, place: str, error: amqp.AMQPChannelError) -> BrokerError:
    """The broker refused one thing and closed the channel; its text names it."""
    said = shown(error)
    if isinstance(error, ChannelAccessRefused):
        return NotPermitted(connection, f"{place} refused: {said}.", "Grant the missing permission.")
    if not isinstance(error, amqp.ChannelNotFoundEntity):
        return BrokerError(connection, f"{place} refused: {said}.", "Check the queue's settings.")
    if "down or inaccessible" in said:  # the queue is there, its node is not
        return BrokerUnavailable(connection, f"the queue's node is down: {said}.", "Bring the node back.")
    return DestinationMissing(connection, f"no such queue: {said}.", "Check the queue's name and virtual host.")


def _is_other_protocol(error: BaseException) -> bool:
    """What seems to announce a frame of gigabytes speaks something else."""
    if isinstance(error, ConnectionFrameError | amqp.IncompatibleProtocolError | ValueError):
        return True
    cut = CUT_SHORT.search(str(error))
    return cut is not None and int(cut[2]) > FRAME_MAX


def from_http(connection: str, place: str, error: httpx.HTTPError | OSError) -> BrokerError:
    """Translate what a request to an HTTP API raised. `place` is its address."""
    tls = _tls(connection, place, error)
    if tls is not None:
        return tls
    if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError):
        return WrongProtocol(
            connection,
            f"{place} does not speak HTTP: {shown(error)}.",
            "Check the address, http or https, and the port.",
        )
    return BrokerUnavailable(
        connection, f"{place} is not reachable: {_os_words(error)}.", "Check the address; is the plugin enabled?"
    )


def from_status(connection: str, place: str, status: int, reason: str) -> BrokerError:
    """Translate an HTTP answer that is not 200. RabbitMQ spells a wrong login and a missing right differently."""
    if status == 401 and "not_authorised" in reason:
        return NotPermitted(
            connection,
            f"{place} is not open to this user: {shown(reason)}",
            "Give the user the tag monitoring, and permissions on each virtual host.",
        )
    if status == 401:
        return LoginRefused(connection, f"{place} refused the user name or password.", "Check user and password.")
    if status == 403:
        return NotPermitted(connection, f"{place} is forbidden: {shown(reason)}", "Check the user's rights.")
    if status == 404 and "Object Not Found" in reason:
        return DestinationMissing(connection, f"{place} does not exist at the broker.", "Check the name.")
    if status >= 500 or "Stats in management UI are disabled" in reason:
        return BrokerUnavailable(
            connection, f"{place} failed with HTTP {status}: {shown(reason)}.", "See the broker's log."
        )
    return WrongProtocol(
        connection, f"{place} is not RabbitMQ's management API: HTTP {status}.", "Check management_url."
    )


def _is_vhost_closed(error: BaseException) -> bool:
    """The library throws the broker's text away when the virtual host is missing or not permitted."""
    return isinstance(error, ConnectionNotAllowed) or (
        isinstance(error, amqp.ProtocolSyntaxError) and "OpenOk" in str(error)
    )


def _tls(connection: str, place: str, error: BaseException) -> BrokerError | None:
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return CertificateRefused(
                connection,
                f"the certificate of {place} is not trusted: {shown(each.verify_message or each.reason)}.",
                "Set ca_file to the authority that issued it, and use the host name that it was issued for.",
            )
        if isinstance(each, ssl.SSLError):
            return _tls_failed(connection, place, each)
    return None


def _tls_failed(connection: str, place: str, error: ssl.SSLError) -> BrokerError:
    said = f"{error.reason or ''} {error}".upper().replace("_", " ")
    if "CERTIFICATE" in said or "UNKNOWN CA" in said:
        return CertificateRefused(
            connection,
            f"{place} refused our certificate: {shown(error.reason or error)}.",
            "Set cert_file and key_file to a certificate that the broker trusts.",
        )
    return WrongProtocol(
        connection, f"{place} does not speak TLS: {shown(error.reason or error)}.", "Check the port, or switch TLS off."
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(10):  # a chain may be a ring
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _os_words(error: BaseException) -> str:
    """The innermost operating system error says most, and never holds a secret."""
    found = [each for each in _chain(error) if isinstance(each, OSError) and each.strerror]
    return shown(found[-1].strerror if found else type(error).__name__)
