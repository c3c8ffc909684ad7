"""One connection to one broker, and any request over it: aiokafka's socket, TLS, SASL and version negotiation, our own bytes.

The one place that leans on what aiokafka does not promise (the shape of a request, how a connection reads): hence its pin.
"""

import asyncio
import functools
import io
import logging
import struct
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import aiokafka.client
import aiokafka.conn
from aiokafka.protocol.api import RequestHeader_v1, RequestHeader_v2, ResponseHeader_v0, ResponseHeader_v1
from aiokafka.protocol.metadata import MetadataRequest
from typing_extensions import override

from signalbox.brokers.kafka.protocol.wire import decoded

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FRAME_BYTES_MOST = 64 * 1024 * 1024  # an answer beyond it is not ours: 100,000 positions are 2 MB

# At DEBUG it writes every request, the one with the password too; above it, a line or two for each connection.
logging.getLogger("aiokafka.conn").setLevel(logging.ERROR)
# Its producers and consumers would have the broker create a topic by merely naming it.
aiokafka.client.MetadataRequest = functools.partial(MetadataRequest, allow_auto_topic_creation=False)


class StrangeFrame(ConnectionError):
    """The first four bytes of an answer are no length that Kafka sends: `begins` tells what speaks there."""

    def __init__(self, begins: bytes) -> None:
        super().__init__(f"an answer that begins with {begins!r}")
        self.begins = begins


class Unsupported(Exception):
    """This broker is too old, or too new, for the request."""

    def __init__(self, api: "Api") -> None:
        super().__init__(f"the broker does not offer {api.name} in a version that Signalbox speaks")
        self.api = api


@dataclass(frozen=True, slots=True)
class Api:
    """One of Kafka's requests: its key, the versions that we speak, newest first, and the first flexible one."""

    name: str
    key: int
    versions: tuple[int, ...]
    flexible_from: int

    def flexible(self, version: int) -> bool:
        return version >= self.flexible_from

    def choose(self, offered: Mapping[int, tuple[int, int]]) -> int | None:
        """Return the highest version that both speak."""
        least, most = offered.get(self.key, (0, -1))
        return next((version for version in self.versions if least <= version <= most), None)


@dataclass(frozen=True, slots=True)
class Question(Generic[T_co]):
    """A request and how to read its answer, both for whichever version the broker speaks."""

    api: Api
    encode: Callable[[int], bytes]
    decode: Callable[[bytes, int], T_co]


class _Answer:
    """The bytes of an answer, with a repr that fits a log."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @classmethod
    def decode(cls, stream: io.BytesIO) -> "_Answer":
        # Decoded by the asker: what is raised here would close the connection under every other request.
        return cls(stream.read())


@dataclass(frozen=True, slots=True, repr=False)
class _Frame:
    """What aiokafka's connection asks of a request, and nothing more."""

    api: Api
    API_VERSION: int
    body: bytes

    RESPONSE_TYPE = _Answer

    @property
    def API_KEY(self) -> int:  # noqa: N802 - aiokafka's name
        return self.api.key

    def prepare(self, _versions: object) -> "_Frame":
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> object:
        header = RequestHeader_v2 if self.api.flexible(self.API_VERSION) else RequestHeader_v1
        return header(self, correlation_id=correlation_id, client_id=client_id)

    def encode(self) -> bytes:
        return self.body

    def parse_response_header(self, stream: io.BytesIO) -> object:
        header = ResponseHeader_v1 if self.api.flexible(self.API_VERSION) else ResponseHeader_v0
        return header.decode(stream)

    @override
    def __repr__(self) -> str:
        return f"{self.api.name} v{self.API_VERSION}, {len(self.body)} bytes"


class Connection(aiokafka.conn.AIOKafkaConnection):  # type: ignore[misc] # aiokafka is untyped
    """aiokafka's connection, which refuses frames that cannot be Kafka's before it waits for them."""

    @property
    def offered(self) -> Mapping[int, tuple[int, int]]:
        """The versions that this broker speaks, by request key."""
        return cast(Mapping[int, tuple[int, int]], self._versions)

    async def ask(self, question: Question[T]) -> T:
        """Send, wait, decode.

        Raises:
            Unsupported: there is no version that both speak.
            Malformed: the answer makes no sense.
            KafkaError, TimeoutError: aiokafka's: the connection broke, or no answer came.
        """
        version = question.api.choose(self.offered)
        if version is None:
            raise Unsupported(question.api)
        answer: _Answer = await self.send(_Frame(question.api, version, question.encode(version)))
        return decoded(question.api.name, lambda: question.decode(answer.data, version))

    @staticmethod
    @override
    async def _read(self_ref: "weakref.ref[Any]") -> None:
        connection = self_ref()
        if connection is None:
            return
        reader: asyncio.StreamReader = connection._reader  # noqa: SLF001 - a static method of its own class
        del connection  # a connection that nobody holds must be able to go
        while True:
            begins = await reader.readexactly(4)
            (size,) = struct.unpack(">i", begins)
            if not 4 <= size <= FRAME_BYTES_MOST:
                raise StrangeFrame(begins)
            frame = await reader.readexactly(size)
            connection = self_ref()
            if connection is None:
                return
            connection._handle_frame(frame)  # noqa: SLF001 - as above
            del connection
