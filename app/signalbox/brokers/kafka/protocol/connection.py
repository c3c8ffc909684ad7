"""One connection to one broker, for any request: aiokafka does sockets, TLS, SASL and version negotiation; the bytes are ours.

This module uses aiokafka's internals (the shape of a request, the read loop); therefore aiokafka's version is pinned.
"""

import asyncio
import functools
import io
import logging
import struct
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

import aiokafka.client
import aiokafka.conn
from aiokafka.protocol.api import RequestHeader_v1, RequestHeader_v2, ResponseHeader_v0, ResponseHeader_v1
from aiokafka.protocol.metadata import MetadataRequest
from typing_extensions import override

from signalbox.brokers.kafka.protocol.wire import decode_checked

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

THROTTLED_MAX_S = 60.0  # brokers of today delay by one quota window of 1 s per sample, 11 by default
FRAME_BYTES_MAX = 64 * 1024 * 1024  # 100,000 positions take 2 MB; a larger frame is not Kafka's

# At DEBUG, aiokafka.conn logs every request, including the password; at INFO, one or two lines per connection.
logging.getLogger("aiokafka.conn").setLevel(logging.ERROR)
# Otherwise aiokafka's producers and consumers make the broker create each topic that they name.
aiokafka.client.MetadataRequest = functools.partial(MetadataRequest, allow_auto_topic_creation=False)


class UnexpectedFrame(ConnectionError):
    """The first four bytes are not a length that Kafka sends; `first_bytes` show which protocol the server speaks."""

    def __init__(self, first_bytes: bytes) -> None:
        super().__init__(f"The response begins with {first_bytes!r}")
        self.first_bytes = first_bytes


class InvalidAddress(Exception):
    """A broker advertises an address that is none; the text says why."""


class UnsupportedVersion(Exception):
    """The broker does not offer this request in a version of ours. `offered`: request key -> (lowest, highest)."""

    def __init__(self, api: "Api", offered: Mapping[int, tuple[int, int]] = MappingProxyType({})) -> None:
        super().__init__(f"The broker and Signalbox support no common version of {api.name}")
        self.api = api
        self.offered = offered


@dataclass(frozen=True, slots=True)
class Api:
    """One of Kafka's request types: key, versions that we support (newest first), and the first flexible version.

    From version `throttle_from` on, a response begins with the time for which the broker delays the next one (a quota).
    """

    name: str
    key: int
    versions: tuple[int, ...]
    flexible_from: int
    throttle_from: int = 0

    def is_flexible(self, version: int) -> bool:
        return version >= self.flexible_from

    def best_version(self, broker_versions: Mapping[int, tuple[int, int]]) -> int | None:
        """Return the highest version that both sides support. `broker_versions`: request key -> (lowest, highest)."""
        lowest, highest = broker_versions.get(self.key, (0, -1))
        return next((version for version in self.versions if lowest <= version <= highest), None)


@dataclass(frozen=True, slots=True)
class Request(Generic[T_co]):
    """A request with the decoder of its response. Both take the version that was agreed with the broker."""

    api: Api
    encode: Callable[[int], bytes]
    decode: Callable[[bytes, int], T_co]


class _Response:
    """The bytes of a response, with a short repr for logs."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @classmethod
    def decode(cls, stream: io.BytesIO) -> "_Response":
        # The caller decodes: an exception here would close the connection for all other requests.
        return cls(stream.read())


@dataclass(frozen=True, slots=True, repr=False)
class _Frame:
    """The part of a request that aiokafka's connection uses."""

    api: Api
    API_VERSION: int
    body: bytes

    RESPONSE_TYPE = _Response

    @property
    def API_KEY(self) -> int:  # noqa: N802 - aiokafka's name
        return self.api.key

    def prepare(self, _versions: object) -> "_Frame":
        return self

    def build_request_header(self, correlation_id: int, client_id: str) -> object:
        header = RequestHeader_v2 if self.api.is_flexible(self.API_VERSION) else RequestHeader_v1
        return header(self, correlation_id=correlation_id, client_id=client_id)

    def encode(self) -> bytes:
        return self.body

    def parse_response_header(self, stream: io.BytesIO) -> object:
        header = ResponseHeader_v1 if self.api.is_flexible(self.API_VERSION) else ResponseHeader_v0
        return header.decode(stream)

    @override
    def __repr__(self) -> str:
        return f"{self.api.name} v{self.API_VERSION}, {len(self.body)} bytes"


class KafkaConnection(aiokafka.conn.AIOKafkaConnection):  # type: ignore[misc] # aiokafka is untyped
    """aiokafka's connection; it also rejects impossible frame lengths at once instead of waiting for the bytes."""

    _request_timeout: float | None
    throttled_until = 0.0  # by the monotonic clock: until then the broker answers nothing, because of a quota
    throttled_s = 0.0  # the longest such delay so far

    @property
    def was_open(self) -> bool:
        """Whether the server accepted the connection, whatever followed."""
        return self._protocol is not None

    @property
    def api_versions(self) -> Mapping[int, tuple[int, int]]:
        """The versions that this broker supports: request key -> (lowest, highest)."""
        return cast(Mapping[int, tuple[int, int]], self._versions)

    async def call(self, request: Request[T]) -> T:
        """Send the request and return the decoded response.

        The time for one answer begins when the broker has sent the previous one: a broker answers in order.
        Raises UnsupportedVersion, MalformedResponse, and aiokafka's KafkaError or TimeoutError without a response.
        """
        version = request.api.best_version(self.api_versions)
        if version is None:
            raise UnsupportedVersion(request.api, self.api_versions)
        response = await self._answer(_Frame(request.api, version, request.encode(version)))
        if version >= request.api.throttle_from:
            self._note_throttling(response.data)
        return decode_checked(request.api.name, lambda: request.decode(response.data, version))

    async def _answer(self, frame: _Frame) -> _Response:
        answer: asyncio.Future[_Response] = asyncio.ensure_future(self._send_untimed(frame))
        sent_at = time.monotonic()
        try:
            while not answer.done():
                since = max(sent_at, self._last_action, self.throttled_until)
                left_s = since + self._request_timeout - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError
                await asyncio.wait({answer}, timeout=left_s)
            return answer.result()
        finally:
            answer.cancel()

    def _send_untimed(self, frame: _Frame) -> Awaitable[_Response]:
        timeout_s, self._request_timeout = self._request_timeout, None  # `send` would count from now
        try:
            return cast(Awaitable[_Response], self.send(frame))
        finally:
            self._request_timeout = timeout_s

    def _note_throttling(self, data: bytes) -> None:
        throttled_s = min(max(0, int.from_bytes(data[:4], "big", signed=True) / 1000), THROTTLED_MAX_S)
        if throttled_s:
            self.throttled_until = time.monotonic() + throttled_s
            self.throttled_s = max(self.throttled_s, throttled_s)

    @staticmethod
    @override
    async def _read(self_ref: "weakref.ref[Any]") -> None:
        connection = self_ref()
        if connection is None:
            return
        reader: asyncio.StreamReader = connection._reader  # noqa: SLF001 - a static method of its own class
        del connection  # an unused connection must be garbage-collectable
        while True:
            first_bytes = await reader.readexactly(4)
            (size,) = struct.unpack(">i", first_bytes)
            if not 4 <= size <= FRAME_BYTES_MAX:
                raise UnexpectedFrame(first_bytes)
            frame = await reader.readexactly(size)
            connection = self_ref()
            if connection is None:
                return
            connection._handle_frame(frame)  # noqa: SLF001 - as above
            del connection
