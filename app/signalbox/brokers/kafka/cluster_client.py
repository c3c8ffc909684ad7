"""Connections to all brokers of one cluster, one per broker and purpose, opened on first use."""

import asyncio
import ssl
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import TypeVar

from signalbox.brokers.errors import BrokerError, BrokerUnavailable
from signalbox.brokers.kafka.addresses import join_address, split_address
from signalbox.brokers.kafka.attempts import AllFailed, first_answer
from signalbox.brokers.kafka.errors import Peer, translate
from signalbox.brokers.kafka.node_connection import NodeConnection
from signalbox.brokers.kafka.protocol.connection import Api, Request, UnsupportedVersion
from signalbox.brokers.kafka.protocol.metadata import BrokerAddress, Metadata, metadata_request
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.tls import tls_context

T = TypeVar("T")

NO_RESPONSE = (BrokerError, UnsupportedVersion)  # what a request may raise


class Purpose(StrEnum):
    """A broker answers one request per connection at a time; so requests that must not wait get their own connection."""

    SWEEP = "sweep"
    SWEEP_PARALLEL = "sweep, second connection"  # metadata, and every second request of a sweep
    WATCH = "watch"
    SLOW = "slow"  # sizes, configuration, members, record batches


SWEEP_PURPOSES = (Purpose.SWEEP, Purpose.SWEEP_PARALLEL)  # a broker with free cores answers both at once


class ClusterClient:
    """Sends requests to the brokers that the cluster's metadata names."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._connections: dict[tuple[int, Purpose], NodeConnection] = {}
        self._failing: set[int] = set()  # `call_any` asks these last
        self._peers: dict[int, Peer] = {}  # of the advertised addresses
        self.addresses: Mapping[int, BrokerAddress] = {}

    async def bootstrap(self, *, timeout_s: float) -> Metadata:
        """Ask the configured addresses until one responds; learn the advertised addresses of all brokers.

        Connecting to each address takes at most `timeout_s`, and so does each answer. If no address responded, raises the
        most specific of their errors.
        """
        await self.close()
        self._context = await self.tls_context()
        attempts = [partial(self._bootstrap_from, address, timeout_s) for address in self._settings.bootstrap]
        try:
            metadata = await first_answer(attempts)
        except AllFailed as failed:
            errors = failed.failures
            raise next((error for error in errors if not isinstance(error, BrokerUnavailable)), errors[-1]) from None
        self.addresses = metadata.brokers
        return metadata

    async def _bootstrap_from(self, text: str, timeout_s: float) -> Metadata:
        peer = Peer(address=text, timeout_s=timeout_s)
        connection = NodeConnection(self._settings, BrokerAddress(*split_address(text)), self._context, peer)
        try:
            return await connection.call(metadata_request([]))
        except UnsupportedVersion as error:
            raise translate(error, self._settings, peer) from error
        finally:
            await connection.close()

    async def call(self, node: int, request: Request[T], purpose: Purpose = Purpose.SWEEP) -> T:
        """Send a request to one broker and return its response. Raises BrokerError or UnsupportedVersion."""
        try:
            response = await (await self._connection(node, purpose)).call(request)
        except (BrokerError, asyncio.CancelledError):  # canceled: another broker was faster
            self._failing.add(node)
            raise
        self._failing.discard(node)
        return response

    async def call_any(self, request: Request[T], purpose: Purpose = Purpose.SWEEP, *, first: int = 0) -> T:
        """Send a request to the brokers in turn, from number `first`, until one responds. Raises as `call`."""
        ids = sorted(self.addresses)
        if not ids:
            raise self.not_connected_error()
        rotated = [ids[(first + offset) % len(ids)] for offset in range(len(ids))]
        rotated.sort(key=lambda node: node in self._failing)
        try:
            return await first_answer([partial(self.call, node, request, purpose) for node in rotated])
        except AllFailed as failed:
            raise failed.failures[-1] from None

    async def supports(self, node: int, api: Api, purpose: Purpose = Purpose.SWEEP) -> bool:
        return await (await self._connection(node, purpose)).supports(api)

    def api_versions(self, node: int) -> dict[int, tuple[int, int]]:
        connection = self._connections.get((node, Purpose.SWEEP))
        return connection.api_versions() if connection else {}

    def address_of(self, node: int) -> str:
        address = self.addresses.get(node)
        return join_address(address.host, address.port) if address else ""

    def translate(self, error: BrokerError | UnsupportedVersion, node: int) -> BrokerError:
        """Return the error of a request to this broker, for a page."""
        return translate(error, self._settings, self._peers.get(node) or self._new_peer(node))

    def peer(self) -> Peer:
        """Return the cluster as one peer, for errors of clients that choose a broker themselves."""
        return Peer(address=", ".join(self._settings.bootstrap), timeout_s=self._settings.timeout_s, was_reached=True)

    def take_throttled_s(self) -> float:
        """Return by how long a quota delayed an answer since the last call, at most; 0 = by none."""
        return max((connection.take_throttled_s() for connection in self._connections.values()), default=0.0)

    def not_connected_error(self) -> BrokerUnavailable:
        return BrokerUnavailable(self._settings.name, "Not connected.", "Connect first.")

    async def _connection(self, node: int, purpose: Purpose) -> NodeConnection:
        address = self.addresses.get(node)
        if address is None:
            problem = f"Broker {node} is not part of the cluster now."
            raise BrokerUnavailable(self._settings.name, problem, "Wait until it returns.")
        connection = self._connections.get((node, purpose))
        if connection is None or connection.address != address:
            peer = self._peers.get(node)
            if peer is None or peer.address != self.address_of(node):
                peer = self._peers[node] = self._new_peer(node)
            old, connection = connection, NodeConnection(self._settings, address, self._context, peer)
            self._connections[node, purpose] = connection
            if old is not None:
                await old.close()
        return connection

    def _new_peer(self, node: int) -> Peer:
        return Peer(address=self.address_of(node), timeout_s=self._settings.timeout_s, node=node)

    async def tls_context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None without TLS. Raises CertificateRefused if a file is missing or not PEM."""
        return await asyncio.to_thread(tls_context, self._settings) if self._settings.uses_tls else None

    async def close(self) -> None:
        connections, self._connections = list(self._connections.values()), {}
        for connection in connections:
            await connection.close()
