"""A minimal client of RabbitMQ's stream protocol: sign in, subscribe with credit, store an offset."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from signalbox.servers.rabbitmq import RabbitServer

PEER_PROPERTIES, SASL_HANDSHAKE, SASL_AUTHENTICATE, TUNE, OPEN = 17, 18, 19, 20, 21
DECLARE_PUBLISHER, PUBLISH, PUBLISH_CONFIRM = 1, 2, 3
SUBSCRIBE, STORE_OFFSET, DELIVER = 7, 10, 8
OFFSET_FIRST = 1
ANSWER = 0x8000
OK = 1


class StreamClient:
    """One connection. Each request waits for its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._correlation = 0

    async def sign_in(self, user: str, password: str, vhost: str = "/") -> None:
        await self._request(PEER_PROPERTIES, struct.pack(">I", 0))
        await self._request(SASL_HANDSHAKE, b"")
        login = f"\0{user}\0{password}".encode()
        await self._request(SASL_AUTHENTICATE, _text("PLAIN") + struct.pack(">I", len(login)) + login)
        limits = await self._until(TUNE)
        self._send(TUNE, limits)
        await self._request(OPEN, _text(vhost))

    async def subscribe(self, stream: str, *, credit: int) -> None:
        """Read from the first message; `credit` is in chunks, 0 receives nothing."""
        offset = struct.pack(">H", OFFSET_FIRST)
        await self._request(SUBSCRIBE, bytes([1]) + _text(stream) + offset + struct.pack(">HI", credit, 0))

    async def publish(self, stream: str, count: int) -> None:
        """Publish messages and wait until the broker has confirmed all."""
        await self._request(DECLARE_PUBLISHER, bytes([1]) + _text("") + _text(stream))
        body = b"\x00Su\xa0\x00"  # an empty AMQP 1.0 data section
        messages = b"".join(struct.pack(">QI", number, len(body)) + body for number in range(count))
        self._send(PUBLISH, bytes([1]) + struct.pack(">I", count) + messages)
        confirmed = 0
        while confirmed < count:
            confirmed += struct.unpack_from(">BI", await self._until(PUBLISH_CONFIRM))[1]

    async def store_offset(self, reference: str, stream: str, offset: int) -> None:
        """Store an offset. The protocol sends no answer."""
        self._send(STORE_OFFSET, _text(reference) + _text(stream) + struct.pack(">Q", offset))
        await self._writer.drain()

    async def _request(self, key: int, body: bytes) -> None:
        self._correlation += 1
        self._send(key, struct.pack(">I", self._correlation) + body)
        answer = await self._until(key | ANSWER)
        _, code = struct.unpack_from(">IH", answer)
        assert code == OK, f"command {key}: response code {code}"

    def _send(self, key: int, body: bytes) -> None:
        frame = struct.pack(">HH", key, 1) + body
        self._writer.write(struct.pack(">I", len(frame)) + frame)

    async def _until(self, key: int) -> bytes:
        async with asyncio.timeout(10):
            while True:
                (size,) = struct.unpack(">I", await self._reader.readexactly(4))
                frame = await self._reader.readexactly(size)
                if struct.unpack_from(">H", frame)[0] == key:
                    return frame[4:]


@asynccontextmanager
async def stream_client(server: RabbitServer) -> AsyncIterator[StreamClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0].stream)
    try:
        client = StreamClient(reader, writer)
        await client.sign_in(server.user, server.password)
        yield client
    finally:
        writer.close()


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw
