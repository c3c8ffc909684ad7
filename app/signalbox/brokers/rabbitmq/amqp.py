"""AMQP connections, opened on first use, one per virtual host and purpose.

Publishing has its own: during an alarm the broker stops reading from publishing connections, including acknowledgements.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from enum import StrEnum

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue
from aio_pika.connection import make_url
from aiormq.exceptions import ConnectionInternalError

from signalbox.brokers.errors import BrokerTimeout, BrokerUnavailable, DestinationMissing, WrongProtocol
from signalbox.brokers.rabbitmq import errors
from signalbox.brokers.rabbitmq.pamqp_patches import relax_pamqp
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.brokers.tls import tls_context

HEARTBEAT_S = 10  # a frozen broker is detected after three missed heartbeats
CLOSE_WAIT_S = 2.0
SHORT_STRING_MAX = 255

relax_pamqp()

# At DEBUG these libraries log every frame with the login; at ERROR they log what they also raise.
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class ConnectionPurpose(StrEnum):
    """The purpose of a connection: part of the connection name in the broker's own tools."""

    PUBLISH = "publish"
    CONSUME = "consume"
    CHECK = "check"


class AmqpConnections:
    """The open connections to one broker. A broken one is reopened on its next use."""

    def __init__(self, settings: RabbitSettings) -> None:
        self._settings = settings
        self._open: dict[tuple[str, ConnectionPurpose], AbstractConnection] = {}
        self._locks: dict[tuple[str, ConnectionPurpose], asyncio.Lock] = {}

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def address(self) -> str:
        return f"{self._settings.host}:{self._settings.amqp_port}"

    async def channel(
        self, vhost: str, purpose: ConnectionPurpose, *, timeout_s: float | None = None
    ) -> AbstractChannel:
        """Return a new channel with publisher confirms that raises for unroutable messages.

        Raises:
            BrokerError: the broker is unreachable, refused, or did not answer within `timeout_s`.
        """
        async with self.operation(timeout_s):
            connection = await self._connection(vhost, purpose)
            return await connection.channel(on_return_raises=True)

    @contextlib.asynccontextmanager
    async def operation(self, timeout_s: float | None = None) -> AsyncIterator[None]:
        """Limit the time of the enclosed calls (default: the connection's `timeout_s`) and translate the library's errors."""
        limit = timeout_s or self._settings.timeout_s
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError:
            raise errors.timed_out(self._settings.name, self.address, limit) from None
        except (*aio_pika.exceptions.CONNECTION_EXCEPTIONS, ValueError) as error:
            # The text may contain the URL with the login: do not keep the error as the cause.
            raise errors.from_amqp(self._settings.name, self.address, error) from None

    async def check(self, vhost: str, *, timeout_s: float) -> None:
        """Connect and sign in to a virtual host.

        Raises:
            BrokerError: its subclass names the step that failed.
        """
        try:
            await close_quietly(await self.channel(vhost, ConnectionPurpose.CHECK, timeout_s=timeout_s))
        except (BrokerUnavailable, WrongProtocol) as error:
            if not self._settings.tls and not isinstance(error, BrokerTimeout) and await self._speaks_tls():
                hint = "Set tls = true, or use the plain port."
                raise WrongProtocol(self.name, f"{self.address} speaks TLS.", hint) from error
            if await self._speaks_http(min(CLOSE_WAIT_S, timeout_s / 2)):
                hint = "Set port to the broker's AMQP port, usually 5672; 15672 is the management API's."
                raise WrongProtocol(
                    self.name, f"{self.address} is the port of a web server, not AMQP.", hint
                ) from error
            raise

    async def close(self) -> None:
        connections, self._open = list(self._open.values()), {}
        for connection in connections:
            await _close_connection(connection)

    async def _speaks_tls(self) -> bool:
        """Return whether a TLS handshake succeeds. A TLS port drops plain AMQP just as a starting broker does."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # only the handshake matters: nothing is sent
        try:
            async with asyncio.timeout(CLOSE_WAIT_S):
                _, writer = await asyncio.open_connection(self._settings.host, self._settings.amqp_port, ssl=context)
        except (OSError, TimeoutError):
            return False
        writer.transport.abort()
        return True

    async def _speaks_http(self, limit_s: float) -> bool:
        """Return whether a web server answers. Some wait for the rest of what they take for a request, others reset."""
        writer = None
        try:
            async with asyncio.timeout(limit_s):
                reader, writer = await asyncio.open_connection(self._settings.host, self._settings.amqp_port)
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
                return await reader.read(5) == b"HTTP/"
        except (OSError, TimeoutError):
            return False
        finally:
            if writer is not None:
                writer.transport.abort()

    async def _connection(self, vhost: str, purpose: ConnectionPurpose) -> AbstractConnection:
        key = (vhost, purpose)
        async with self._locks.setdefault(key, asyncio.Lock()):
            connection = self._open.get(key)
            if connection is not None and not connection.is_closed and connection.connected.is_set():
                return connection
            if connection is not None:
                await _close_connection(self._open.pop(key))
            self._open[key] = await self._connect(vhost, purpose)
            return self._open[key]

    async def _connect(self, vhost: str, purpose: ConnectionPurpose) -> AbstractConnection:
        settings = self._settings
        url = make_url(
            host=settings.host,
            port=settings.amqp_port,
            login=settings.user,
            password=settings.password.get_secret_value(),
            virtualhost=vhost,
            ssl=settings.tls,
            heartbeat=HEARTBEAT_S,
        )
        connection = aio_pika.Connection(
            url,
            ssl_context=await asyncio.to_thread(tls_context, settings) if settings.tls else None,
            client_properties={"connection_name": f"Signalbox {settings.name}: {purpose}"},
        )
        try:
            await connection.connect()
        except BaseException:
            await _close_connection(connection)
            raise
        return connection


async def declare_passively(channel: AbstractChannel, vhost: str, queue: str, connection: str) -> AbstractQueue:
    """Look up an existing queue. A missing queue closes the channel.

    Raises:
        DestinationMissing: also for INTERNAL_ERROR of version 4.0, which cuts "NOT_FOUND - no queue ..." at 255 bytes and closes
            the whole connection when the cut is inside a character.
    """
    try:
        return await channel.declare_queue(queue, passive=True)
    except ConnectionInternalError:
        answer = f"NOT_FOUND - no queue '{queue}' in vhost '{vhost}'"
        if answer.isascii() or len(answer.encode()) <= SHORT_STRING_MAX:
            raise
        raise missing_queue(connection, queue) from None


def missing_queue(connection: str, queue: str) -> DestinationMissing:
    return DestinationMissing(connection, f"Queue {queue} does not exist.", "Check its name.")


async def close_quietly(opened: AbstractChannel | AbstractConnection) -> None:
    """Close a channel or connection in any state, within `CLOSE_WAIT_S`."""
    with contextlib.suppress(TimeoutError, *aio_pika.exceptions.CONNECTION_EXCEPTIONS):
        async with asyncio.timeout(CLOSE_WAIT_S):
            await opened.close()


async def _close_connection(connection: AbstractConnection) -> None:
    """Close a connection, even one that never opened: the garbage collector would close it at an arbitrary moment."""
    await close_quietly(connection)
    if not connection.is_closed:
        await connection.close()  # the first attempt timed out: nothing is left to wait for
