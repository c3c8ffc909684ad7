"""The RabbitMQ sweep with many queues, beside RabbitMQ's own tool and a plain listing, in one run. `python -m bench.rabbitmq_sweep [queues]`.

Debian's package as installed. One queue in twenty is a quorum queue; a hundred queues move between two sweeps. Five to ten minutes.
"""

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aio_pika
import httpx
import psutil

from bench.measuring import machine, memory_mib, percentile, stall, table
from signalbox.brokers.rabbitmq.adapter import RabbitBroker
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.servers.rabbitmq import RabbitAddress, RabbitOptions, RabbitServer

QUEUES = 10_000
QUORUM_EACH = 20
MOVING = 100  # queues, between two sweeps
ROUND = 5  # sweeps that are measured
STEADY_S = 60.0  # first: long enough for every kind of question, the dearest each 30 s
PEERS = 3
AT_ONCE = 16
LIMIT_S = 120.0


def queue(number: int) -> str:
    return f"queue-{number:05d}"


async def fill(connection: aio_pika.abc.AbstractConnection, queues: int) -> None:
    """Make the queues, with one to three messages in each, over several channels: one channel makes one at a time."""

    async def share(first: int) -> None:
        async with connection.channel(publisher_confirms=False) as channel:
            for number in range(first, queues, AT_ONCE):
                kind = "classic" if number % QUORUM_EACH else "quorum"
                await channel.declare_queue(queue(number), durable=True, arguments={"x-queue-type": kind})
                await move(channel, [number] * (1 + number % 3))

    await asyncio.gather(*(share(first) for first in range(AT_ONCE)))


async def move(channel: aio_pika.abc.AbstractChannel, numbers: Sequence[int]) -> None:
    for number in numbers:
        await channel.default_exchange.publish(aio_pika.Message(b"x"), queue(number))


def cpu_s(process: psutil.Process) -> float:
    used = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(times.user + times.system for times in used))


async def ours(
    what: str, settings: RabbitSettings, broker_process: psutil.Process, moved: Callable[[int], Awaitable[None]]
) -> tuple[Sequence[object], int]:
    """Follow the broker as a collector does, at the adapter's own pace; return the table's row and the sum of all lags."""
    before, broker = memory_mib(), RabbitBroker(settings)
    await broker.connect(timeout_s=30.0)
    began = time.perf_counter()
    snapshot = await broker.sweep()
    first_ms = (time.perf_counter() - began) * 1000
    walls: list[float] = []
    async with stall() as found:
        until = time.monotonic() + STEADY_S
        while time.monotonic() < until:
            await asyncio.sleep(broker.sweep_interval_s)
            await broker.sweep()
        mine, theirs = time.process_time(), cpu_s(broker_process)
        for turn in range(ROUND):
            await moved(turn)
            await asyncio.sleep(broker.sweep_interval_s)
            began = time.perf_counter()
            snapshot = await broker.sweep()
            walls.append((time.perf_counter() - began) * 1000)
        mine, theirs = time.process_time() - mine, cpu_s(broker_process) - theirs
    grown = memory_mib() - before
    await broker.close()
    row = (
        what,
        f"{first_ms:,.0f}",
        f"{min(walls):,.0f} / {percentile(walls, 0.5):,.0f} / {max(walls):,.0f}",
        f"{mine / ROUND * 1000:,.0f}",
        f"{theirs / ROUND * 1000:,.0f}",
        f"{found.longest_cpu_ms:.0f} ({found.longest_ms:.0f})",
        f"+{grown:.0f}",
        f"{broker.sweep_interval_s:.0f}",
    )
    return row, sum(group.lag or 0 for group in snapshot.groups.values())


async def peer(what: str, ask: Callable[[], Awaitable[object]], broker_process: psutil.Process) -> Sequence[object]:
    walls, theirs = [], cpu_s(broker_process)
    for _ in range(PEERS):
        began = time.perf_counter()
        await ask()
        walls.append((time.perf_counter() - began) * 1000)
    spent = (cpu_s(broker_process) - theirs) / PEERS * 1000
    wall = f"{min(walls):,.0f} / {percentile(walls, 0.5):,.0f} / {max(walls):,.0f}"
    return (what, "", wall, "", f"{spent:,.0f}", "", "", "")


async def listing(address: RabbitAddress) -> list[dict[str, object]]:
    async with httpx.AsyncClient(auth=(address.user, address.password), timeout=LIMIT_S, trust_env=False) as client:
        answer = await client.get(f"{address.management_url}/api/queues")
    answer.raise_for_status()
    rows: list[dict[str, object]] = answer.json()
    return rows


async def measure(server: RabbitServer, queues: int) -> None:
    address, process = server.address(), psutil.Process(server.nodes[0].pid)
    plain = {
        "name": "bench",
        "kind": "rabbitmq",
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "management_url": address.management_url,
    }
    connection = await aio_pika.connect(address.amqp_url())
    async with connection, connection.channel() as channel:
        await fill(connection, queues)

        async def moved(turn: int) -> None:
            await move(channel, [number % queues for number in range(turn * MOVING, (turn + 1) * MOVING)])

        gc.collect()
        gc.freeze()  # as `serve` does: what was loaded at the start is not gone through again
        rows: list[Sequence[object]] = []
        lag = 0
        for what, urls in (("Signalbox, management API", ()), ("Signalbox, with prometheus", address.prometheus_urls)):
            settings = RabbitSettings.model_validate({**plain, "prometheus_urls": urls})
            row, lag = await ours(what, settings, process, moved)
            rows.append(row)
    columns = ("name", "messages_ready", "messages_unacknowledged", "consumers")
    rows.append(await peer("rabbitmqctl list_queues", lambda: server.ctl("-q", "list_queues", *columns), process))
    rows.append(await peer("plain GET /api/queues", lambda: listing(address), process))
    head = ("who", "first ms", "sweep ms: best / median / worst", "CPU ms", "broker's CPU ms")
    table(f"{queues:,} queues", [(*head, "stall ms, CPU (clock)", "MiB", "each s"), *rows])
    said = (await server.ctl("-q", "list_queues", "messages")).split()
    truth = sum(int(word) for word in said if word.isdigit())
    print(f"\nSum of all lags: Signalbox {lag:,}, rabbitmqctl {truth:,}")
    assert lag == truth


async def main(queues: int) -> None:
    print(machine())
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        server = RabbitServer(Path(folder), RabbitOptions())
        try:
            await server.start()
            await measure(server, queues)
        finally:
            await server.kill()


if __name__ == "__main__":
    asyncio.run(main(*(int(word) for word in sys.argv[1:2])) if sys.argv[1:] else main(QUEUES))
