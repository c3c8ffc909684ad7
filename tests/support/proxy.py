"""A TCP proxy between a client and a real server that can be slow, hang, or break every connection at once."""

import asyncio
import base64
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

PIECE_BYTES = 64 * 1024
NATS_GREETING = (
    b'INFO {"server_id":"x","version":"2.10.0","max_payload":1048576,"nonce":"abc","auth_required":true}\r\n'
)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Proxy:
    """An async context manager that listens on loopback; clients connect to `port`."""

    def __init__(self, port: int, host: str = "127.0.0.1", *, listen_on: int = 0) -> None:
        self._target = (host, port)
        self._listen_on = listen_on
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.delay_s = 0.0  # before each piece of an answer is passed on
        self.piece_bytes = PIECE_BYTES
        self.connections = 0  # accepted in total
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
        """Pass nothing on, in either direction, and keep every connection open."""
        self._open.clear()

    def resume(self) -> None:
        """Pass on again, including the bytes that were received meanwhile."""
        self._open.set()

    async def refuse(self) -> None:
        """Break every connection and accept none, until `accept`."""
        self._server.close()
        self.cut()

    async def accept(self) -> None:
        """Listen again after `refuse`, on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

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
            pass  # the end of the proxy; asyncio would report a canceled handler as a failure
        finally:
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = {writer}
        self._writers |= pair
        try:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(*self._target)
                pair.add(far_writer)
                self._writers |= pair
                async with asyncio.TaskGroup() as pumps:
                    pumps.create_task(self._pump(reader, far_writer, answers=False))
                    pumps.create_task(self._pump(far_reader, writer, answers=True))
        finally:
            self._writers -= pair
            for each in pair:
                each.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(self.piece_bytes if answers else PIECE_BYTES):
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
async def _listening(handle: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


@contextlib.asynccontextmanager
async def silent_port() -> AsyncIterator[int]:
    """A port that accepts connections and never answers."""
    writers: set[asyncio.StreamWriter] = set()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with contextlib.suppress(OSError):
            while await reader.read(PIECE_BYTES):
                pass

    try:
        async with _listening(swallow) as port:
            yield port
    finally:
        for writer in writers:
            writer.transport.abort()


def web_port() -> AbstractAsyncContextManager[int]:
    """A port where a web server answers 404 to a web request and 400 to anything else."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            request = await reader.read(PIECE_BYTES)
            status = b"404 Not Found" if request.startswith((b"GET ", b"POST ", b"PUT ")) else b"400 Bad Request"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    return _listening(answer)


def echo_port() -> AbstractAsyncContextManager[int]:
    """A port that refuses every login and repeats the request with the login decoded, which no broker should do.

    A web request is refused as by an API; a client that waits gets the greeting and the refusal of NATS.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            try:
                request = await asyncio.wait_for(reader.read(PIECE_BYTES), 0.2)
            except TimeoutError:
                writer.write(NATS_GREETING)
                request = await asyncio.wait_for(reader.read(PIECE_BYTES), 2)
                first_line = request.split(b"\r\n")[0].replace(b"'", b" ")
                writer.write(b"-ERR 'Authorization Violation " + first_line + b"'\r\n")
            else:
                text = _with_login(request)
                fields = {"error": "not_authorised", "reason": text, "message": text, "__type": "InvalidClientTokenId"}
                body = json.dumps(fields).encode()
                writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        writer.close()

    return _listening(answer)


def _with_login(request: bytes) -> str:
    text = request.decode("utf-8", "replace")
    given = re.search(r"(?i)authorization: basic (\S+)", text)
    return (base64.b64decode(given[1]).decode() + " " if given else "") + text


def tls_port(context: ssl.SSLContext) -> AbstractAsyncContextManager[int]:
    """A port that speaks TLS with this certificate, and then ends every connection."""

    async def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    return _listening(end, context)
