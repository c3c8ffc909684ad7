"""Requests to the management API: connections that the server closes, and the clock of the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from signalbox.brokers.clock_skew import ClockSkew
from signalbox.brokers.errors import WrongProtocol
from signalbox.brokers.model import BrokerKind
from signalbox.brokers.rabbitmq import http
from signalbox.brokers.rabbitmq.http import HttpApi
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.kernel.clock import system_clock

EPOCH = "Thu, 01 Jan 1970 00:16:40 GMT"  # 1000 s


@dataclass
class ClosingServer:
    """Answers `answers_each` requests of a connection and closes it when it reads the next one."""

    answers_each: int
    port: int = 0
    requests: list[int] = field(default_factory=list)  # the connection of each request

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = len(set(self.requests))
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            for answered in range(self.answers_each + 1):
                await reader.readuntil(b"\r\n\r\n")
                self.requests.append(connection)
                if answered < self.answers_each:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def opened(server: ClosingServer) -> AsyncIterator[HttpApi]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    api = HttpApi(
        RabbitSettings(name="r", kind=BrokerKind.RABBITMQ, host="h"),
        f"http://127.0.0.1:{port}",
        system_clock,
        login=True,
    )
    try:
        yield api
    finally:
        await api.close()
        listening.close()


async def test_a_request_on_a_connection_that_the_server_closes_is_repeated_once_on_a_new_one() -> None:
    server = ClosingServer(answers_each=1)
    async with opened(server) as api:
        assert await api.get("/a", limit_s=5) == b"{}"
        assert await api.get("/b", limit_s=5) == b"{}"
        assert server.requests == [0, 0, 1]


async def test_a_server_that_closes_every_connection_is_asked_twice() -> None:
    server = ClosingServer(answers_each=0)
    async with opened(server) as api:
        with pytest.raises(WrongProtocol):
            await api.get("/a", limit_s=5)
        assert server.requests == [0, 1]


async def test_an_idle_connection_is_closed_before_the_broker_does_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """RabbitMQ 4.0 closes it after 5.00 s."""
    assert http.KEEP_ALIVE_S < 5.0
    monkeypatch.setattr(http, "KEEP_ALIVE_S", 0.0)
    server = ClosingServer(answers_each=9)
    async with opened(server) as api:
        for _ in range(3):
            await api.get("/a", limit_s=5)
        assert server.requests == [0, 1, 2]


@pytest.mark.parametrize(
    ("asked", "answered", "skew"),
    [
        (1000.2, 1000.3, None),
        (1180.0, 1180.5, -178.0),  # our clock is ahead: the Date may be 2 s older than its moment
        (820.0, 820.5, 179.5),
        (995.1, 1003.9, None),
        (1005.0, 1005.1, None),
    ],
)
def test_the_proven_difference_of_the_clocks(asked: float, answered: float, skew: float | None) -> None:
    clocks = ClockSkew()
    clocks.add(EPOCH, asked, answered)
    assert clocks.seconds == skew


@pytest.mark.parametrize("date", [None, "", "yesterday", "Thu, 99 Foo 1970", "Mon, 01 Jan 99999 00:00:00 GMT"])
def test_an_answer_without_a_date_tells_no_clock(date: str | None) -> None:
    clocks = ClockSkew()
    clocks.add(date, 0.0, 1.0)
    assert clocks.seconds is None
