"""AMQP connections, opened when first needed, one per virtual host and purpose.

Publishing has its own: under an alarm the broker stops reading from a connection that publishes, acknowledgements included.
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
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.brokers.rabbitmq.wire import widen
from signalbox.brokers.tls import tls_context

HEARTBEAT_S = 10  # a frozen broker is noticed after three
CLOSE_WAIT_S = 2.0
SHORT_STRING_MAX = 255

widen()

# At DEBUG these write every frame, the login among them; at ERROR what is raised as well.
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Purpose(StrEnum):
    """What a connection is for; shown as its name in the broker's own tools."""

    PUBLISH = "publish"
    CONSUME = "consume"
    CHECK = "check"


class AmqpConnections:
    """The open connections of one broker. Each is opened again when it is asked for after it broke."""

    def __init__(self, settings: RabbitSettings) -> None:
        self._settings = settings
        self._open: dict[tuple[str, Purpose], AbstractConnection] = {}
        self._locks: dict[tuple[str, Purpose], asyncio.Lock] = {}

    @property
    def name(self) -> str:
        """The connection's name in the configuration."""
        return self._settings.name

    @property
    def place(self) -> str:
        return f"{self._settings.host}:{self._settings.amqp_port}"

    async def channel(self, vhost: str, purpose: Purpose, *, timeout_s: float | None = None) -> AbstractChannel:
        """Return a new channel with confirms, on which an unroutable message raises.

        Raises:
            BrokerError: not reachable, refused, or silent for `timeout_s`.
        """
        async with self.answering(timeout_s):
            connection = await self._connection(vhost, purpose)
            return await connection.channel(on_return_raises=True)

    @contextlib.asynccontextmanager
    async def answering(self, timeout_s: float | None = None) -> AsyncIterator[None]:
        """Bound what is done inside by the connection's time limit, and say the library's errors as ours."""
        limit = timeout_s or self._settings.timeout_s
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError:
            raise errors.silent(self._settings.name, self.place, limit) from None
        except (*aio_pika.exceptions.CONNECTION_EXCEPTIONS, ValueError) as error:
            # Its text may hold the address with the login: it is not kept as the cause.
            raise errors.from_amqp(self._settings.name, self.place, error) from None

    async def check(self, vhost: str, *, timeout_s: float) -> None:
        """Connect and sign in to a virtual host.

        Raises:
            BrokerError: says which step failed.
        """
        try:
            await close_channel(await self.channel(vhost, Purpose.CHECK, timeout_s=timeout_s))
        except (BrokerUnavailable, WrongProtocol) as error:
            if not self._settings.tls and not isinstance(error, BrokerTimeout) and await self._speaks_tls():
                raise WrongProtocol(
                    self.name, f"{self.place} speaks TLS.", "Set tls = true, or use the other port."
                ) from error
            raise

    async def close(self) -> None:
        connections, self._open = list(self._open.values()), {}
        for connection in connections:
            await _release(connection)

    async def _speaks_tls(self) -> bool:
        """Say whether a TLS handshake succeeds: a TLS port hangs up on plain AMQP as a broker that is starting does."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nothing is sent: only whether it answers is looked at
        try:
            async with asyncio.timeout(CLOSE_WAIT_S):
                _, writer = await asyncio.open_connection(self._settings.host, self._settings.amqp_port, ssl=context)
        except (OSError, TimeoutError):
            return False
        writer.transport.abort()
        return True

    async def _connection(self, vhost: str, purpose: Purpose) -> AbstractConnection:
        key = (vhost, purpose)
        async with self._locks.setdefault(key, asyncio.Lock()):
            connection = self._open.get(key)
            if connection is not None and (connection.is_closed or not connection.connected.is_set()):
                await _release(self._open.pop(key))
                connection = None
            if connection is None:
                connection = self._open[key] = await self._connect(vhost, purpose)
            return connection

    async def _connect(self, vhost: str, purpose: Purpose) -> AbstractConnection:
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
            await _release(connection)
            raise
        return connection


async def passive(channel: AbstractChannel, vhost: str, queue: str, connection: str) -> AbstractQueue:
    """Ask for a queue that must be there. A miss closes the channel.

    Raises:
        DestinationMissing: also where version 4.0 breaks down over its own answer: it cuts "NOT_FOUND - no queue ..." at 255 bytes,
            fails when that is inside a character, and closes the whole connection with INTERNAL_ERROR.
    """
    try:
        return await channel.declare_queue(queue, passive=True)
    except ConnectionInternalError:
        answer = f"NOT_FOUND - no queue '{queue}' in vhost '{vhost}'"
        if answer.isascii() or len(answer.encode()) <= SHORT_STRING_MAX:
            raise
        raise DestinationMissing(connection, f"there is no queue {queue}.", "Check its name.") from None


async def close_channel(channel: AbstractChannel) -> None:
    """Close a channel, whatever state it and its broker are in."""
    await _close(channel)


async def _release(connection: AbstractConnection) -> None:
    """Close a connection, also one that never opened. One not closed is closed by the garbage collector, wherever that runs."""
    await _close(connection)
    if not connection.is_closed:
        await connection.close()  # cut short before: it has nothing left to wait for


async def _close(what: AbstractChannel | AbstractConnection) -> None:
    with contextlib.suppress(TimeoutError, *aio_pika.exceptions.CONNECTION_EXCEPTIONS):
        async with asyncio.timeout(CLOSE_WAIT_S):
            await what.close()
