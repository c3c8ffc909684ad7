"""Translation of httpx, aio-pika and TLS errors. The only module that matches error texts."""

import asyncio
import re
import ssl
from collections.abc import Iterator

import httpx
from aio_pika import exceptions as amqp
from aiormq.exceptions import ChannelAccessRefused, ChannelLockedResource, ConnectionFrameError, ConnectionNotAllowed

from signalbox.brokers.errors import (
    BrokerError,
    BrokerTimeout,
    BrokerUnavailable,
    CertificateRefused,
    DestinationMissing,
    LoginRefused,
    PermissionMissing,
    WrongProtocol,
)
from signalbox.brokers.model import Why

CUT_SHORT = re.compile(r"Read (\d{1,12}) bytes but (\d{1,12}) bytes expected")
LOCKED = re.compile(r"exclusive access to locked queue '(.*)' in vhost")
FRAME_MAX = 2**24  # a longer "frame" is text of another protocol
DROPPED = (ConnectionResetError, BrokenPipeError, asyncio.IncompleteReadError)
TEXT_MAX = 300  # shown characters of a broker's message


class ConnectionDropped(BrokerUnavailable):
    """The peer accepted the connection and closed it: a starting or stopping broker, or another protocol's port."""


def why_unknown(error: BrokerError) -> Why:
    """Return why a value is unknown after this error."""
    if isinstance(error, PermissionMissing | LoginRefused):
        return Why.NOT_PERMITTED
    if isinstance(error, DestinationMissing):
        return Why.NOT_REPORTED
    return Why.NO_ANSWER


def one_line(text: object) -> str:
    """Return a broker's message on one line, cut at `TEXT_MAX`."""
    return " ".join(str(text).split())[:TEXT_MAX]


def timed_out(connection: str, address: str, limit_s: float) -> BrokerTimeout:
    hint = "Is this RabbitMQ's port? Is the broker overloaded?"
    return BrokerTimeout(connection, f"{address} did not answer within {limit_s:g} s.", hint)


def from_amqp(connection: str, address: str, error: BaseException) -> BrokerError:
    """Translate an error of an AMQP connection or channel. `address` is "host:port"."""
    if tls := _tls(connection, address, error):
        return tls
    if isinstance(error, amqp.AMQPChannelError):
        return _from_channel(connection, address, error)
    if isinstance(error, amqp.ProbableAuthenticationError | amqp.AuthenticationError):
        return LoginRefused(connection, f"{address} refused the user name or password.", "Check user and password.")
    if _is_vhost_refused(error):
        problem = f"The virtual host on {address} does not exist, or this user has no access to it."
        return PermissionMissing(connection, problem, "Check vhosts.")
    if _is_other_protocol(error):
        return WrongProtocol(connection, f"{address} does not speak AMQP 0-9-1.", "Check host and port.")
    if any(isinstance(each, DROPPED) for each in _chain(error)):
        hint = "Check host and port. Is the broker starting?"
        return ConnectionDropped(connection, f"{address} closed the connection.", hint)
    hint = "Is the broker running? Check host and port."
    return BrokerUnavailable(connection, f"Cannot reach {address}: {_os_message(error)}.", hint)


def _from_channel(connection: str, address: str, error: amqp.AMQPChannelError) -> BrokerError:
    """Translate an error for which the broker closed the channel; the broker's text names the resource."""
    message = one_line(error)
    if isinstance(error, ChannelAccessRefused):
        return PermissionMissing(connection, f"{address} refused: {message}.", "Grant the missing permission.")
    if isinstance(error, ChannelLockedResource) and (locked := LOCKED.search(message)):
        problem = f"Queue {locked[1]} is exclusive to another connection."
        return DestinationMissing(connection, problem, "Only that connection can read the queue.")
    if not isinstance(error, amqp.ChannelNotFoundEntity):
        return BrokerError(connection, f"{address} refused: {message}.", "Check the queue's settings.")
    if "down or inaccessible" in message:  # the queue exists, its node is down
        return BrokerUnavailable(connection, f"The queue's node is down: {message}.", "Start the node.")
    hint = "Check the queue's name and virtual host."
    return DestinationMissing(connection, f"The queue does not exist: {message}.", hint)


def _is_other_protocol(error: BaseException) -> bool:
    """Return whether the peer speaks another protocol, such as one whose text looks like a frame of gigabytes."""
    if isinstance(error, ConnectionFrameError | amqp.IncompatibleProtocolError | ValueError):
        return True
    cut = CUT_SHORT.search(str(error))
    return cut is not None and int(cut[2]) > FRAME_MAX


def from_http(connection: str, address: str, error: httpx.HTTPError | OSError) -> BrokerError:
    """Translate an error of a request to an HTTP API. `address` is the URL."""
    if tls := _tls(connection, address, error):
        return tls
    if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError):
        hint = "Check the URL, http or https, and the port."
        return WrongProtocol(connection, f"{address} does not speak HTTP: {one_line(error)}.", hint)
    hint = "Check the URL. Is the plugin enabled?"
    return BrokerUnavailable(connection, f"Cannot reach {address}: {_os_message(error)}.", hint)


def from_status(connection: str, address: str, status: int, reason: str) -> BrokerError:
    """Translate an HTTP status other than 200. A 401 means a wrong login or a missing tag, by its reason."""
    message = one_line(reason)
    if status == 401 and "not_authorised" in reason:
        hint = "Give the user the tag monitoring and permissions on each virtual host."
        return PermissionMissing(connection, f"This user has no access to {address}: {message}.", hint)
    if status == 401:
        return LoginRefused(connection, f"{address} refused the user name or password.", "Check user and password.")
    if status == 403:
        hint = "Check the user's permissions."
        return PermissionMissing(connection, f"Access to {address} is forbidden: {message}.", hint)
    if status == 404 and "Object Not Found" in reason:
        return DestinationMissing(connection, f"{address} does not exist on the broker.", "Check the name.")
    if status >= 500 or "Stats in management UI are disabled" in reason:
        problem = f"{address} failed with HTTP {status}: {message}."
        return BrokerUnavailable(connection, problem, "See the broker's log.")
    problem = f"A web server answers at {address} with HTTP {status}, but it is not RabbitMQ's management API."
    return WrongProtocol(connection, problem, "Check management_url.")


def _is_vhost_refused(error: BaseException) -> bool:
    """Return whether the virtual host is missing or not permitted. The library drops the broker's text."""
    return isinstance(error, ConnectionNotAllowed) or (
        isinstance(error, amqp.ProtocolSyntaxError) and "OpenOk" in str(error)
    )


def _tls(connection: str, address: str, error: BaseException) -> BrokerError | None:
    tls = next((each for each in _chain(error) if isinstance(each, ssl.SSLError)), None)
    if tls is None:
        return None
    if isinstance(tls, ssl.SSLCertVerificationError):
        problem = f"The certificate of {address} is not trusted: {one_line(tls.verify_message or tls.reason)}."
        hint = "Set ca_file to the authority that issued it, and use the host name in the certificate."
        return CertificateRefused(connection, problem, hint)
    reason, text = one_line(tls.reason or tls), f"{tls.reason or ''} {tls}".upper().replace("_", " ")
    if "CERTIFICATE" in text or "UNKNOWN CA" in text:
        hint = "Set cert_file and key_file to a certificate that the broker trusts."
        return CertificateRefused(connection, f"{address} refused our certificate: {reason}.", hint)
    hint = "Check the port, or turn TLS off."
    return WrongProtocol(connection, f"{address} does not speak TLS: {reason}.", hint)


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(10):  # a chain may be a cycle
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _os_message(error: BaseException) -> str:
    """Return the innermost operating system error's message: the most precise one, and free of secrets."""
    os_errors = [each for each in _chain(error) if isinstance(each, OSError) and each.strerror]
    return one_line(os_errors[-1].strerror if os_errors else type(error).__name__)
