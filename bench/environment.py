"""A real NATS server with 2,000 consumers on 20 streams, and a real `signalbox serve` that monitors them."""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from signalbox.brokers.model import DestinationSpec, Message
from signalbox.brokers.nats.settings import NatsSettings
from signalbox.brokers.port import Broker
from signalbox.brokers.registry import open_broker
from signalbox.brokers.settings import Secret
from signalbox.servers.nats import NatsServer, nats_server
from signalbox.servers.process import ServerProcess, free_port, port_open

GROUPS = 2_000
STREAMS = 20
CONNECTION = "bench"
WATCHED_STREAM = "stream-00"  # the stream of the live pages
FIRST_SWEEP_TIMEOUT_S = 120.0
SIGNALBOX = ("-c", "from signalbox.cli import main; main()")  # the arguments of Python


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The running servers: the address and process of Signalbox, and a client of the broker."""

    base: str
    server: ServerProcess
    broker: Broker
    watched: Sequence[str]  # the groups of WATCHED_STREAM, as Signalbox names them


@asynccontextmanager
async def environment(
    *, groups: int = GROUPS, streams: int = STREAMS, program: Sequence[str] = SIGNALBOX
) -> AsyncIterator[Environment]:
    """Start everything, wait until Signalbox knows every group, and stop everything at the end."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="signalbox-bench-")))
        nats = await stack.enter_async_context(nats_server(folder=folder / "nats"))
        broker = await _provisioned(nats, groups // streams, streams)
        stack.push_async_callback(broker.close)
        server, base = signalbox(folder / "signalbox", _table(nats), program)
        stack.push_async_callback(server.stop)
        await server.start()
        await _wait_for_groups(base, groups)
        names = [f"{WATCHED_STREAM}/reader-{index:03d}" for index in range(groups // streams)]
        yield Environment(base=base, server=server, broker=broker, watched=names)


def signalbox(folder: Path, connections: str = "", program: Sequence[str] = SIGNALBOX) -> tuple[ServerProcess, str]:
    """Return a `signalbox serve` that is not started yet, and its address."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "signalbox.toml"
    config.touch(mode=0o600)
    database = f"sqlite+aiosqlite:///{folder}/signalbox.db"
    config.write_text(f'[server]\nport = {port}\n[database]\nurl = "{database}"\n{connections}')
    base = f"http://127.0.0.1:{port}"

    async def ready() -> bool:
        return await port_open(port)  # the bench itself checks whether it works

    command = [sys.executable, *program, "serve", "--config", str(config)]
    root = Path(__file__).parents[1]
    return ServerProcess(
        name="signalbox",
        argv=command,
        folder=folder,
        ready=ready,
        env={"PYTHONPATH": f"{root / 'app'}:{root}"},
        start_timeout_s=60,
    ), base


def browser(base: str) -> httpx.AsyncClient:
    """Return a client that ignores proxies."""
    return httpx.AsyncClient(base_url=base, trust_env=False, timeout=30)


async def publish_forever(broker: Broker, streams: Sequence[str], every_s: float) -> None:
    """Send one message to each stream every `every_s` seconds, so that every group changes."""
    number = 0
    while True:
        for stream in streams:
            number += 1
            await broker.publish(stream, Message(body=b"%d" % number))
            await asyncio.sleep(every_s / len(streams))


def unwatched_streams() -> list[str]:
    return [f"stream-{index:02d}" for index in range(1, STREAMS)]


async def _provisioned(nats: NatsServer, groups: int, streams: int) -> Broker:
    password = None if nats.password is None else Secret(nats.password)
    broker = open_broker(NatsSettings(name=CONNECTION, urls=(nats.url,), user=nats.user, password=password))
    await broker.connect()
    readers = tuple(f"reader-{index:03d}" for index in range(groups))
    await broker.ensure([DestinationSpec(name=f"stream-{index:02d}", groups=readers) for index in range(streams)])
    for index in range(streams):
        for number in range(1 + index):  # different lags, none of them 0
            await broker.publish(f"stream-{index:02d}", Message(body=b"%d" % number))
    return broker


def _table(nats: NatsServer) -> str:
    login = f'user = "{nats.user}"\npassword = "{nats.password}"\n' if nats.user else ""
    return f'[[connections]]\nname = "{CONNECTION}"\nkind = "nats"\nurls = ["{nats.url}"]\n{login}'


async def _wait_for_groups(base: str, groups: int) -> None:
    deadline = time.monotonic() + FIRST_SWEEP_TIMEOUT_S
    async with browser(base) as client:
        while True:
            text = (await client.get("/metrics")).text
            if text.count("\nsignalbox_group_lag_messages{") == groups:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"Signalbox does not know all {groups} groups after {FIRST_SWEEP_TIMEOUT_S:.0f} s")
            await asyncio.sleep(0.5)
