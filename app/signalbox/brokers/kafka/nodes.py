"""Connections to the brokers of one cluster: one per broker and purpose, opened on first use and again after a break."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from aiokafka.errors import KafkaConnectionError

from signalbox.brokers.errors import BrokerError, BrokerTimeout, BrokerUnavailable
from signalbox.brokers.kafka.errors import CLIENT_ERRORS, translate
from signalbox.brokers.kafka.protocol.frames import Api, Connection, Question, Unsupported
from signalbox.brokers.kafka.protocol.metadata import BrokerAddress, Metadata, ask_metadata
from signalbox.brokers.kafka.settings import KafkaSettings, split_address
from signalbox.brokers.tls import tls_context

T = TypeVar("T")

AGAIN_FIRST_S = 0.5
AGAIN_MOST_S = 15.0
ONE_OF_MANY_S = 3.0  # when another broker can be asked the same


class Purpose(StrEnum):
    """A broker answers one request per connection at a time: what must not wait has a connection of its own."""

    SWEEP = "sweep"
    BESIDE = "beside"  # the same sweep, while its first connection is busy: the metadata, every other request
    WATCH = "watch"
    HEAVY = "heavy"  # sizes, settings, members, record batches


WHOLE = (Purpose.SWEEP, Purpose.BESIDE)  # a broker answers both at once, where it has the cores


class Link:
    """One connection. After a failed attempt it refuses with the same error until a growing pause is over."""

    def __init__(self, settings: KafkaSettings, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._settings = settings
        self._where = (host, port)
        self._context = context
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._refused: BrokerError | None = None
        self._again_at = 0.0
        self._pause = AGAIN_FIRST_S

    async def ask(self, question: Question[T]) -> T:
        """Send one request and return its answer.

        Raises:
            BrokerError: what went wrong, translated.
            Unsupported: the broker has no version of it that we speak.
        """
        try:
            connection, fresh = await self._open()
            try:
                return await connection.ask(question)
            except KafkaConnectionError:
                # Idle connections and old logins are dropped by brokers as a matter of course.
                if fresh:
                    raise
            connection, _ = await self._open()
            return await connection.ask(question)
        except Unsupported:
            raise
        except CLIENT_ERRORS as error:
            raise translate(error, self._settings, self.address) from error

    async def offers(self, api: Api) -> bool:
        """Say whether the broker speaks this request in a version of ours. Raises BrokerError when it cannot be reached."""
        try:
            connection, _ = await self._open()
        except CLIENT_ERRORS as error:
            raise translate(error, self._settings, self.address) from error
        return api.choose(connection.offered) is not None

    def offered(self) -> dict[int, tuple[int, int]]:
        """Return the versions that the broker speaks; {} while there is no connection."""
        return dict(self._connection.offered) if self._connection else {}

    async def _open(self) -> tuple[Connection, bool]:
        """Return the connection and whether it is new."""
        if self._connection is not None and self._connection.connected():
            return self._connection, False
        async with self._connecting:
            if self._connection is not None and self._connection.connected():
                return self._connection, True
            if self._refused is not None and time.monotonic() < self._again_at:
                raise self._refused
            try:
                self._connection = await self._connect()
            except CLIENT_ERRORS as error:
                self._refused = translate(error, self._settings, self.address)
                self._again_at = time.monotonic() + self._pause
                self._pause = min(2 * self._pause, AGAIN_MOST_S)
                raise
            self._refused, self._pause = None, AGAIN_FIRST_S
            return self._connection, True

    async def _connect(self) -> Connection:
        settings = self._settings
        connection = Connection(
            *self._where,
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


class Nodes:
    """The brokers as the cluster names them, and how to ask each."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._links: dict[tuple[int, Purpose], Link] = {}
        self._failing: set[int] = set()  # asked last when any broker will do
        self.addresses: dict[int, BrokerAddress] = {}

    async def bootstrap(self, *, timeout_s: float) -> Metadata:
        """Ask the configured addresses in turn until one answers, and learn the brokers' own addresses.

        Raises:
            BrokerError: of the address that told most.
        """
        await self.close()
        self._context = await self.tls_context()
        failures: list[BrokerError] = []
        for address in self._settings.bootstrap:
            try:
                return await self._first_answer(address, timeout_s / len(self._settings.bootstrap))
            except BrokerError as error:
                failures.append(error)
        raise next((error for error in failures if not isinstance(error, BrokerUnavailable)), failures[-1])

    async def _first_answer(self, address: str, timeout_s: float) -> Metadata:
        link = Link(self._settings, *split_address(address), self._context)
        try:
            async with asyncio.timeout(timeout_s):
                metadata = await link.ask(ask_metadata([]))
        except (TimeoutError, Unsupported) as error:
            raise translate(error, self._settings, address) from error
        finally:
            await link.close()
        self.learn(metadata.brokers)
        return metadata

    def learn(self, brokers: Iterable[BrokerAddress]) -> None:
        """Take the brokers' addresses from a metadata answer."""
        self.addresses = {broker.id: broker for broker in brokers}

    async def ask(self, node: int, question: Question[T], purpose: Purpose = Purpose.SWEEP) -> T:
        """Ask one broker.

        Raises:
            BrokerError: what went wrong, translated.
            Unsupported: the broker has no version of it that we speak.
        """
        try:
            answer = await (await self._link(node, purpose)).ask(question)
        except BrokerError:
            self._failing.add(node)
            raise
        self._failing.discard(node)
        return answer

    async def ask_any(self, question: Question[T], purpose: Purpose = Purpose.SWEEP, *, first: int = 0) -> T:
        """Ask the brokers in turn, beginning with the `first`, until one answers; raises as `ask`."""
        ids = sorted(self.addresses)
        turned = [ids[(first + turn) % len(ids)] for turn in range(len(ids))]
        failure: BrokerError = BrokerUnavailable(self._settings.name, "is not connected.", "Connect first.")
        for node in sorted(turned, key=lambda node: node in self._failing):
            try:
                async with asyncio.timeout(ONE_OF_MANY_S):
                    return await self.ask(node, question, purpose)
            except BrokerError as error:
                failure = error
            except TimeoutError:
                failure = self.silent(node)
        raise failure

    async def offers(self, node: int, api: Api, purpose: Purpose = Purpose.SWEEP) -> bool:
        return await (await self._link(node, purpose)).offers(api)

    def offered(self, node: int) -> dict[int, tuple[int, int]]:
        link = self._links.get((node, Purpose.SWEEP))
        return link.offered() if link else {}

    def address_of(self, node: int) -> str:
        known = self.addresses.get(node)
        return f"{known.host}:{known.port}" if known else ""

    def silent(self, node: int) -> BrokerTimeout:
        """Return the error for a broker that let a deadline pass, and ask it last from now on."""
        self._failing.add(node)
        found = f"broker {node} ({self.address_of(node)}) gave no answer in time."
        return BrokerTimeout(self._settings.name, found, "Look whether it hangs.")

    async def _link(self, node: int, purpose: Purpose) -> Link:
        address = self.addresses.get(node)
        if address is None:
            raise BrokerUnavailable(self._settings.name, f"broker {node} is not in the cluster now.", "Wait for it.")
        link = self._links.get((node, purpose))
        if link is None or link.address not in (f"{address.host}:{address.port}", f"[{address.host}]:{address.port}"):
            old, link = link, Link(self._settings, address.host, address.port, self._context)
            self._links[node, purpose] = link
            if old is not None:
                await old.close()
        return link

    async def tls_context(self) -> ssl.SSLContext | None:
        """Return what TLS needs, read from the files in a thread.

        Raises:
            CertificateRefused: a file is missing or no PEM.
        """
        return await asyncio.to_thread(tls_context, self._settings) if self._settings.uses_tls else None

    async def close(self) -> None:
        links, self._links = list(self._links.values()), {}
        for link in links:
            await link.close()
