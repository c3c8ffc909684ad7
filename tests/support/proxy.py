"""A TCP proxy between a client and a real server that can be slow, hang, or break every connection at once."""

import asyncio
import base64
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

PIECE_BYTES = 64 * 1024


class Proxy:
    """Listens on a loopback port of its own from `async with` until its end; `port` is where clients connect."""

    def __init__(self, port: int, host: str = "127.0.0.1", *, listen_on: int = 0) -> None:
        self._target = (host, port)
        self._listen_on = listen_on
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.delay_s = 0.0  # each piece of an answer is held for so long
        self.connections = 0  # ever accepted
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._listen_on)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hang(self) -> None:
        """Pass nothing on, in either direction, and keep every connection open: a network that lost its way."""
        self._open.clear()

    def resume(self) -> None:
        """Pass on again, what was held back too."""
        self._open.set()

    def cut(self) -> None:
        """Break every connection now, with a reset. New ones are accepted."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        except asyncio.CancelledError:
            pass  # the end of the proxy; asyncio would report a cancelled handler as a failure
        finally:
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = [writer]
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(*self._target)
                pair.append(far_writer)
                self._writers.add(far_writer)
                async with asyncio.TaskGroup() as pumps:
                    pumps.create_task(self._pump(reader, far_writer, answers=False))
                    pumps.create_task(self._pump(far_reader, writer, answers=True))
        finally:
            for each in pair:
                self._writers.discard(each)
                each.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(PIECE_BYTES):
                if answers and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._open.wait()
                sink.write(piece)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()
                return
        sink.close()


@contextlib.asynccontextmanager
async def silent_port() -> AsyncIterator[int]:
    """A port that accepts and never says a word."""
    handlers: set[asyncio.StreamWriter] = set()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(writer)
        with contextlib.suppress(OSError):
            while await reader.read(PIECE_BYTES):
                pass

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in handlers:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def web_port() -> AsyncIterator[int]:
    """A port where a web server answers whatever it is sent: 404 to a web request, else 400."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            request = await reader.read(PIECE_BYTES)
            status = b"404 Not Found" if request.startswith((b"GET ", b"POST ", b"PUT ")) else b"400 Bad Request"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


@contextlib.asynccontextmanager
async def echo_port() -> AsyncIterator[int]:
    """A port that refuses everybody with all that they said, logins spelt out: what a broker never should do.

    To a web request it answers as an API that refuses; to whoever waits, it greets and refuses as NATS does.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            try:
                heard = await asyncio.wait_for(reader.read(PIECE_BYTES), 0.2)
            except TimeoutError:
                writer.write(
                    b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576,"nonce":"abc","auth_required":true}\r\n'
                )
                heard = await asyncio.wait_for(reader.read(PIECE_BYTES), 2)
                writer.write(b"-ERR 'Authorization Violation " + heard.split(b"\r\n")[0].replace(b"'", b" ") + b"'\r\n")
            else:
                text = json.dumps(_spelt_out(heard))
                body = f'{{"error":"not_authorised","reason":{text},"message":{text},"__type":"InvalidClientTokenId"}}'.encode()
                head = f"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def _spelt_out(heard: bytes) -> str:
    text = heard.decode("utf-8", "replace")
    given = re.search(r"(?i)authorization: basic (\S+)", text)
    return (base64.b64decode(given[1]).decode() + " " if given else "") + text


@contextlib.asynccontextmanager
async def tls_port(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A port that speaks TLS with this certificate, and then ends every connection."""

    async def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(end, "127.0.0.1", 0, ssl=context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
