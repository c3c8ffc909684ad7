"""Connections to all brokers of one cluster, one per broker and purpose, opened on first use and reopened after a failure."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from aiokafka.errors import KafkaConnectionError

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable
from signalbox.brokers.kafka.errors import CLIENT_ERRORS, translate
from signalbox.brokers.kafka.protocol.connection import Api, KafkaConnection, Request, UnsupportedVersion
from signalbox.brokers.kafka.protocol.metadata import BrokerAddress, Metadata, metadata_request
from signalbox.brokers.kafka.settings import KafkaSettings, split_address
from signalbox.brokers.tls import tls_context

T = TypeVar("T")

NO_RESPONSE = (BrokerError, UnsupportedVersion, TimeoutError)  # what a request within a deadline may raise
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 15.0
ANY_BROKER_TIMEOUT_S = 3.0  # when another broker can answer instead


class Purpose(StrEnum):
    """A broker answers one request per connection at a time; so requests that must not wait get their own connection."""

    SWEEP = "sweep"
    SWEEP_PARALLEL = "sweep, second connection"  # metadata, and every second request of a sweep
    WATCH = "watch"
    SLOW = "slow"  # sizes, configuration, members, record batches


SWEEP_PURPOSES = (Purpose.SWEEP, Purpose.SWEEP_PARALLEL)  # a broker with free cores answers both at once


class NodeConnection:
    """One connection. After a failed attempt, it raises the same error until the retry delay has passed."""

    def __init__(self, settings: KafkaSettings, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._settings = settings
        self._host_port = (host, port)
        self._context = context
        self._connection: KafkaConnection | None = None
        self._connecting = asyncio.Lock()
        self._last_error: BrokerError | None = None
        self._retry_at = 0.0
        self._retry_delay_s = RETRY_FIRST_S

    async def call(self, request: Request[T]) -> T:
        """Send one request and return its response. Raises BrokerError or UnsupportedVersion."""
        try:
            connection, is_new = await self._open()
            try:
                return await connection.call(request)
            except KafkaConnectionError:
                # Brokers routinely close connections that are idle or whose login expired.
                if is_new:
                    raise
            connection, _ = await self._open()
            return await connection.call(request)
        except UnsupportedVersion:
            raise
        except CLIENT_ERRORS as error:
            raise translate(error, self._settings, self.address) from error

    async def supports(self, api: Api) -> bool:
        """Return whether the broker supports one of our versions. Raises BrokerError if it cannot be reached."""
        try:
            connection, _ = await self._open()
        except CLIENT_ERRORS as error:
            raise translate(error, self._settings, self.address) from error
        return api.best_version(connection.api_versions) is not None

    def api_versions(self) -> dict[int, tuple[int, int]]:
        return dict(self._connection.api_versions) if self._connection else {}

    async def _open(self) -> tuple[KafkaConnection, bool]:
        """Return the connection and whether it is new."""
        if self._connection is not None and self._connection.connected():
            return self._connection, False
        async with self._connecting:
            if self._connection is not None and self._connection.connected():
                return self._connection, True
            if self._last_error is not None and time.monotonic() < self._retry_at:
                raise self._last_error
            try:
                self._connection = await self._connect()
            except CLIENT_ERRORS as error:
                self._last_error = translate(error, self._settings, self.address)
                self._retry_at = time.monotonic() + self._retry_delay_s
                self._retry_delay_s = min(2 * self._retry_delay_s, RETRY_MAX_S)
                raise
            self._last_error, self._retry_delay_s = None, RETRY_FIRST_S
            return self._connection, True

    async def _connect(self) -> KafkaConnection:
        settings = self._settings
        connection = KafkaConnection(
            *self._host_port,
            client_id=settings.client_id,
            request_timeout_ms=int(settings.timeout_s * 1000),
            ssl_context=self._context,
            security_protocol=settings.security_protocol,
            sasl_mechanism=str(settings.sasl_mechanism) if settings.sasl_mechanism else None,
            sasl_plain_username=settings.user,
            sasl_plain_password=settings.password.get_secret_value() if settings.password else None,
        )
        await connection.connect()
        return connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and (closed := connection.close()) is not None:
            with contextlib.suppress(TimeoutError, *CLIENT_ERRORS):
                async with asyncio.timeout(1.0):
                    await closed


class ClusterClient:
    """Sends requests to the brokers that the cluster's metadata names."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._connections: dict[tuple[int, Purpose], NodeConnection] = {}
        self._failing: set[int] = set()  # `call_any` tries these last
        self.addresses: Mapping[int, BrokerAddress] = {}

    async def bootstrap(self, *, timeout_s: float) -> Metadata:
        """Try the configured addresses in turn until one responds; learn the advertised addresses of all brokers.

        If no address responded, raises the most specific of their errors.
        """
        await self.close()
        self._context = await self.tls_context()
        failures: list[BrokerError] = []
        for address in self._settings.bootstrap:
            try:
                return await self._bootstrap_from(address, timeout_s / len(self._settings.bootstrap))
            except BrokerError as error:
                failures.append(error)
        raise next((error for error in failures if not isinstance(error, BrokerUnavailable)), failures[-1])

    async def _bootstrap_from(self, address: str, timeout_s: float) -> Metadata:
        connection = NodeConnection(self._settings, *split_address(address), self._context)
        try:
            async with asyncio.timeout(timeout_s):
                metadata = await connection.call(metadata_request([]))
        except (TimeoutError, UnsupportedVersion) as error:
            raise translate(error, self._settings, address) from error
        finally:
            await connection.close()
        self.addresses = metadata.brokers
        return metadata

    async def call(self, node: int, request: Request[T], purpose: Purpose = Purpose.SWEEP) -> T:
        """Send a request to one broker and return its response. Raises BrokerError or UnsupportedVersion."""
        try:
            response = await (await self._connection(node, purpose)).call(request)
        except BrokerError:
            self._failing.add(node)
            raise
        self._failing.discard(node)
        return response

    async def call_any(self, request: Request[T], purpose: Purpose = Purpose.SWEEP, *, first: int = 0) -> T:
        """Send a request to the brokers in turn, from number `first`, until one responds. Raises as `call`."""
        ids = sorted(self.addresses)
        rotated = [ids[(first + offset) % len(ids)] for offset in range(len(ids))]
        failure: BrokerError = self.not_connected_error()
        for node in sorted(rotated, key=lambda node: node in self._failing):
            try:
                async with asyncio.timeout(ANY_BROKER_TIMEOUT_S):
                    return await self.call(node, request, purpose)
            except BrokerError as error:
                failure = error
            except TimeoutError:
                failure = self.timeout_error(node)
        raise failure

    async def supports(self, node: int, api: Api, purpose: Purpose = Purpose.SWEEP) -> bool:
        return await (await self._connection(node, purpose)).supports(api)

    def api_versions(self, node: int) -> dict[int, tuple[int, int]]:
        connection = self._connections.get((node, Purpose.SWEEP))
        return connection.api_versions() if connection else {}

    def address_of(self, node: int) -> str:
        address = self.addresses.get(node)
        return f"{address.host}:{address.port}" if address else ""

    def timeout_error(self, node: int) -> BrokerTimeout:
        """Return the error for a broker that missed a deadline; `call_any` tries that broker last from now on."""
        self._failing.add(node)
        problem = f"Broker {node} ({self.address_of(node)}) did not respond in time."
        return BrokerTimeout(self._settings.name, problem, "Check whether the broker hangs.")

    def not_connected_error(self) -> BrokerUnavailable:
        return BrokerUnavailable(self._settings.name, "Not connected.", "Connect first.")

    async def _connection(self, node: int, purpose: Purpose) -> NodeConnection:
        address = self.addresses.get(node)
        if address is None:
            problem = f"Broker {node} is not part of the cluster now."
            raise BrokerUnavailable(self._settings.name, problem, "Wait until it returns.")
        connection = self._connections.get((node, purpose))
        same = (f"{address.host}:{address.port}", f"[{address.host}]:{address.port}")
        if connection is None or connection.address not in same:
            old, connection = connection, NodeConnection(self._settings, address.host, address.port, self._context)
            self._connections[node, purpose] = connection
            if old is not None:
                await old.close()
        return connection

    async def tls_context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None without TLS. Raises CertificateRefused if a file is missing or not PEM."""
        return await asyncio.to_thread(tls_context, self._settings) if self._settings.uses_tls else None

    async def close(self) -> None:
        connections, self._connections = list(self._connections.values()), {}
        for connection in connections:
            await connection.close()
