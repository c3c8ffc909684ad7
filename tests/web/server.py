"""The application on a real uvicorn on a free loopback port, in this process and loop."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
import uvicorn
from litestar import Litestar
from typing_extensions import override
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from signalbox.web.live.page import FRAME_BYTES_MAX
from signalbox.web.live.socket import end_stalled_connections
from tests.support.waiting import eventually


class _Server(uvicorn.Server):
    async def has_started(self) -> None:
        assert self.started

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield  # pytest handles the interrupt


@dataclass(frozen=True, slots=True)
class RunningServer:
    """The server and its port."""

    port: int
    server: uvicorn.Server

    async def connections(self) -> int:
        return len(self.server.server_state.connections)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @asynccontextmanager
    async def live(self, origin: str | None = None) -> AsyncIterator[ClientConnection]:
        """Open a live socket and read its greeting."""
        async with connect(f"ws://{self.host}/live", max_size=2**24, origin=cast("Origin | None", origin)) as client:
            greeting = json.loads(await client.recv())
            assert set(greeting) == {"now", "build"}
            yield client


@asynccontextmanager
async def run_server(app: Litestar, *, stalled_s: float = 60.0) -> AsyncIterator[RunningServer]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)  # a small kernel buffer: a stall shows at once
    end_stalled_connections(listener, stalled_s)
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=FRAME_BYTES_MAX,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await eventually(server.has_started, every_s=0.01)
        yield RunningServer(listener.getsockname()[1], server)
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def watch(client: ClientConnection, *watched: tuple[str, str, str]) -> None:
    await client.send(json.dumps({"watch": watched}))


async def next_fragments(client: ClientConnection, within_s: float = 5.0) -> list[list[Any]]:
    """Return the fragments of the next message that contains any."""
    async with asyncio.timeout(within_s):
        while True:
            message = json.loads(await client.recv())
            if message["fragments"]:
                return list(message["fragments"])


async def close_reason(client: ClientConnection) -> tuple[int, str]:
    """Return the code and reason with which the server closes a socket."""

    async def read_all() -> None:
        while True:
            await client.recv()

    with pytest.raises(ConnectionClosed) as raised:
        await asyncio.wait_for(read_all(), 5)
    assert raised.value.rcvd is not None
    return raised.value.rcvd.code, raised.value.rcvd.reason
