"""What stands in front of the management API: proxies, web servers on a wrong port, a clock of its own. On both versions."""

import asyncio
import contextlib
import email.utils
import re
from collections.abc import AsyncIterator

import pytest

from signalbox.brokers.errors import WrongProtocol
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.kernel.clock import system_clock
from signalbox.servers.rabbitmq import RabbitServer
from tests.support.proxy import web_port
from tests.support.rabbitmq import cluster_of, fill, opened, rabbit_settings, refused, unused
from tests.support.waiting import eventually

CLOCK_BEHIND_S = 180.0


class WebProxy:
    """A reverse proxy of one request per connection."""

    def __init__(self, server: RabbitServer, *, decodes: bool = False, clock_behind_s: float = 0.0) -> None:
        self._target = server.ports[0].management
        self._decodes = decodes
        self._clock_behind_s = clock_behind_s

    @contextlib.asynccontextmanager
    async def listening(self, path: str = "") -> AsyncIterator[str]:
        """Yield the URL of the proxied API."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            first, rest = head.split(b"\r\n", 1)
            first = first.replace(b" /mq/", b" /")
            if self._decodes:
                first = first.replace(b"%2F", b"/")
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            far_writer.write(first + b"\r\nConnection: close\r\n" + re.sub(rb"(?i)connection: [^\r]*\r\n", b"", rest))
            answer = await far_reader.read(-1)
            far_writer.close()
            if self._clock_behind_s:
                date = email.utils.formatdate(system_clock() - self._clock_behind_s, usegmt=True).encode()
                answer = re.sub(rb"(?i)\r\ndate: [^\r]*", b"\r\ndate: " + date, answer, count=1)
            writer.write(answer)
            await writer.drain()
        writer.close()


async def test_a_proxy_under_a_path_is_used(rabbit: RabbitServer) -> None:
    name = unused("behind-proxy")
    async with (
        WebProxy(rabbit).listening("/mq") as url,
        opened(rabbit_settings(rabbit.address(), management_url=url)) as broker,
    ):
        await fill(broker, name, 2)
        assert (await broker.sweep()).groups[name].lag == 2


async def test_a_proxy_that_decodes_the_virtual_host_is_named(rabbit: RabbitServer) -> None:
    async with WebProxy(rabbit, decodes=True).listening() as url:
        error = await refused(rabbit_settings(rabbit.address(), management_url=url))
        assert isinstance(error, WrongProtocol)
        assert error.problem == f"A proxy in front of {url} decodes %2F in paths, so virtual host / cannot be read."
        async with opened(rabbit_settings(rabbit.address(), management_url=url, vhosts=("second",))) as broker:
            assert not (await broker.sweep()).faults, "a name without such a character passes"


async def test_a_web_server_is_named_on_either_port(rabbit: RabbitServer) -> None:
    async with web_port() as port:
        error = await refused(rabbit_settings(rabbit.address(), management_url=f"http://127.0.0.1:{port}"))
        assert isinstance(error, WrongProtocol)
        assert "A web server answers at" in error.problem
        assert "it is not RabbitMQ's management API" in error.problem
        error = await refused(rabbit_settings(rabbit.address(), port=port))
        assert isinstance(error, WrongProtocol)
        assert error.problem == f"127.0.0.1:{port} is the port of a web server, not AMQP."
    broker = RabbitBroker(rabbit_settings(rabbit.address(), port=rabbit.ports[0].management))
    with pytest.raises(WrongProtocol, match=r"is the port of a web server, not AMQP\."):
        await broker.connect(timeout_s=0.5)  # it waits for the rest of what it takes for a request


async def test_a_clock_that_differs_is_told_and_changes_no_time(rabbit: RabbitServer) -> None:
    async with (
        WebProxy(rabbit, clock_behind_s=CLOCK_BEHIND_S).listening() as url,
        opened(rabbit_settings(rabbit.address(), management_url=url)) as broker,
    ):

        async def told() -> None:
            before = system_clock()
            snapshot = await broker.sweep()
            (note,) = [note for note in cluster_of(snapshot).notes if "clock" in note]
            assert re.fullmatch(r"The broker's clock is (2\smin\s5\d\ss|3\smin) behind the clock of Signalbox\.", note)
            assert before <= snapshot.requested_at <= snapshot.read_at <= system_clock()

        await eventually(told)
    async with opened(rabbit_settings(rabbit.address())) as broker:
        assert not [note for note in cluster_of(await broker.sweep()).notes if "clock" in note]
