"""One connection to one broker, opened on first use and reopened after a failure."""

import asyncio
import contextlib
import ssl
import time
from typing import TypeVar

from aiokafka.errors import KafkaConnectionError

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.addresses import address_fault
from signalbox.brokers.kafka.errors import CLIENT_ERRORS, CONNECT_ERRORS, Peer, translate
from signalbox.brokers.kafka.protocol.connection import (
    Api,
    InvalidAddress,
    KafkaConnection,
    Request,
    UnsupportedVersion,
)
from signalbox.brokers.kafka.protocol.metadata import BrokerAddress
from signalbox.brokers.kafka.settings import KafkaSettings

T = TypeVar("T")

RETRY_FIRST_S = 0.5
RETRY_MAX_S = 15.0
CLOSE_TIMEOUT_S = 1.0


class NodeConnection:
    """One connection. After a failure, it raises the same error until the retry delay has passed.

    Connecting takes at most the peer's timeout, and so does each answer, those of the login included.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        address: BrokerAddress,
        context: ssl.SSLContext | None,
        peer: Peer,
    ) -> None:
        self.address = address
        self._peer = peer
        self._settings = settings
        self._context = context
        self._connection: KafkaConnection | None = None
        self._opening: asyncio.Task[KafkaConnection] | None = None
        self._last_error: BrokerError | None = None
        self._retry_at = 0.0
        self._retry_delay_s = RETRY_FIRST_S

    async def call(self, request: Request[T]) -> T:
        """Send one request and return its response. Raises BrokerError or UnsupportedVersion."""
        connection, is_new = await self._open()
        try:
            return await self._send(connection, request)
        except KafkaConnectionError as error:
            # Brokers routinely close connections that are idle or whose login expired.
            if is_new:
                raise self._translated(error) from error
        connection, _ = await self._open()
        try:
            return await self._send(connection, request)
        except KafkaConnectionError as error:
            raise self._translated(error) from error

    async def supports(self, api: Api) -> bool:
        """Return whether the broker supports one of our versions. Raises BrokerError if it cannot be reached."""
        connection, _ = await self._open()
        return api.best_version(connection.api_versions) is not None

    def api_versions(self) -> dict[int, tuple[int, int]]:
        return dict(self._connection.api_versions) if self._connection else {}

    def take_throttled_s(self) -> float:
        """Return by how long a quota delayed an answer since the last call, at most; 0 = by none."""
        if self._connection is None:
            return 0.0
        throttled_s, self._connection.throttled_s = self._connection.throttled_s, 0.0
        return throttled_s

    async def _send(self, connection: KafkaConnection, request: Request[T]) -> T:
        try:
            return await connection.call(request)
        except (UnsupportedVersion, KafkaConnectionError):
            raise
        except TimeoutError as error:
            connection.close()  # the next request opens another: this one may be dead without a sign
            raise self._failed(error) from error
        except CLIENT_ERRORS as error:
            raise self._translated(error) from error

    async def _open(self) -> tuple[KafkaConnection, bool]:
        """Return the connection and whether it is new. Raises BrokerError."""
        if self._connection is not None and self._connection.connected():
            return self._connection, False
        if self._opening is None:
            if self._last_error is not None and time.monotonic() < self._retry_at:
                raise self._last_error
            self._opening = asyncio.ensure_future(self._connect())
            self._opening.add_done_callback(_retrieve)
        opening = self._opening
        try:
            return await asyncio.shield(opening), True  # a caller that gives up does not end what others wait for
        except asyncio.CancelledError:
            if opening.cancelled() and not _is_canceled():
                raise self._translated(KafkaConnectionError("closed")) from None
            raise

    async def _connect(self) -> KafkaConnection:
        try:
            self._connection = await self._new_connection()
        except CONNECT_ERRORS as error:
            raise self._failed(error) from error
        finally:
            self._opening = None
        self._last_error, self._retry_delay_s = None, RETRY_FIRST_S
        return self._connection

    async def _new_connection(self) -> KafkaConnection:
        settings, address = self._settings, self.address
        if fault := address_fault(address.host, address.port):
            raise InvalidAddress(fault)
        connection = KafkaConnection(
            address.host,
            address.port,
            client_id=settings.client_id,
            request_timeout_ms=int(self._peer.timeout_s * 1000),
            ssl_context=self._context,
            security_protocol=settings.security_protocol,
            sasl_mechanism=str(settings.sasl_mechanism) if settings.sasl_mechanism else None,
            sasl_plain_username=settings.user,
            sasl_plain_password=settings.password.get_secret_value() if settings.password else None,
        )
        try:
            await connection.connect()
        finally:
            self._peer.was_reached |= connection.was_open
        return connection

    def _failed(self, error: BaseException) -> BrokerError:
        """Return the error for this failure, and for all requests until the retry delay has passed."""
        self._last_error = self._translated(error)
        self._retry_at = time.monotonic() + self._retry_delay_s
        self._retry_delay_s = min(2 * self._retry_delay_s, RETRY_MAX_S)
        return self._last_error

    def _translated(self, error: BaseException) -> BrokerError:
        return translate(error, self._settings, self._peer)

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait({self._opening})
        connection, self._connection = self._connection, None
        if connection is not None and (closed := connection.close()) is not None:
            with contextlib.suppress(TimeoutError, *CLIENT_ERRORS):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await closed


def _retrieve(task: "asyncio.Task[KafkaConnection]") -> None:
    """Take the exception of a task whose callers gave up: otherwise asyncio would log it."""
    if not task.cancelled():
        task.exception()


def _is_canceled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
