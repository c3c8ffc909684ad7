"""Compare the RabbitMQ sweep with RabbitMQ's own tool and a plain listing. `python -m bench.rabbitmq_sweep [queues]`, 5 to 10 min.

Uses the installed Debian package. One queue in 20 is a quorum queue; 100 queues change between two sweeps.
"""

import asyncio
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
from signalbox.kernel.garbage import GarbageCollector
from signalbox.servers.rabbitmq import RabbitAddress, RabbitOptions, RabbitServer

QUEUES = 10_000
QUORUM_EACH = 20
CHANGING = 100  # queues that change between two sweeps
MEASURED_SWEEPS = 5
STEADY_S = 60.0  # warm-up: long enough for every request, the most expensive every 30 s
PEER_RUNS = 3
CHANNELS = 16
LIMIT_S = 120.0


def queue_name(number: int) -> str:
    return f"queue-{number:05d}"


async def fill(connection: aio_pika.abc.AbstractConnection, queues: int) -> None:
    """Declare the queues with one to three messages each, on several channels: each declares one at a time."""

    async def share(first: int) -> None:
        async with connection.channel(publisher_confirms=False) as channel:
            for number in range(first, queues, CHANNELS):
                kind = "classic" if number % QUORUM_EACH else "quorum"
                await channel.declare_queue(queue_name(number), durable=True, arguments={"x-queue-type": kind})
                await publish_to(channel, [number] * (1 + number % 3))

    await asyncio.gather(*(share(first) for first in range(CHANNELS)))


async def publish_to(channel: aio_pika.abc.AbstractChannel, numbers: Sequence[int]) -> None:
    for number in numbers:
        await channel.default_exchange.publish(aio_pika.Message(b"x"), queue_name(number))


def cpu_s(process: psutil.Process) -> float:
    used = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(times.user + times.system for times in used))


async def ours(
    what: str, settings: RabbitSettings, broker_process: psutil.Process, change: Callable[[int], Awaitable[None]]
) -> tuple[Sequence[object], int]:
    """Sweep as a collector does, at the adapter's interval. Returns the table row and the sum of all lags."""
    before, broker = memory_mib(), RabbitBroker(settings)
    await broker.connect(timeout_s=30.0)
    began = time.perf_counter()
    snapshot = await broker.sweep()
    first_ms = (time.perf_counter() - began) * 1000
    walls: list[float] = []
    async with stall() as stalls:
        until = time.monotonic() + STEADY_S
        while time.monotonic() < until:
            await asyncio.sleep(broker.sweep_interval_s)
            await broker.sweep()
        our_cpu_s, broker_cpu_s = time.process_time(), cpu_s(broker_process)
        for turn in range(MEASURED_SWEEPS):
            await change(turn)
            await asyncio.sleep(broker.sweep_interval_s)
            began = time.perf_counter()
            snapshot = await broker.sweep()
            walls.append((time.perf_counter() - began) * 1000)
        our_cpu_s, broker_cpu_s = time.process_time() - our_cpu_s, cpu_s(broker_process) - broker_cpu_s
    growth_mib = memory_mib() - before
    await broker.close()
    row = (
        what,
        f"{first_ms:,.0f}",
        f"{min(walls):,.0f} / {percentile(walls, 0.5):,.0f} / {max(walls):,.0f}",
        f"{our_cpu_s / MEASURED_SWEEPS * 1000:,.0f}",
        f"{broker_cpu_s / MEASURED_SWEEPS * 1000:,.0f}",
        f"{stalls.longest_cpu_ms:.0f} ({stalls.longest_ms:.0f})",
        f"+{growth_mib:.0f}",
        f"{broker.sweep_interval_s:.0f}",
    )
    return row, sum(group.lag or 0 for group in snapshot.groups.values())


async def peer(what: str, ask: Callable[[], Awaitable[object]], broker_process: psutil.Process) -> Sequence[object]:
    walls, broker_cpu_s = [], cpu_s(broker_process)
    for _ in range(PEER_RUNS):
        began = time.perf_counter()
        await ask()
        walls.append((time.perf_counter() - began) * 1000)
    spent = (cpu_s(broker_process) - broker_cpu_s) / PEER_RUNS * 1000
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

        async def change(turn: int) -> None:
            await publish_to(channel, [number % queues for number in range(turn * CHANGING, (turn + 1) * CHANGING)])

        garbage = GarbageCollector()  # as `serve` does
        await garbage.start()
        rows: list[Sequence[object]] = []
        lag = 0
        for what, urls in (("Signalbox, management API", ()), ("Signalbox, with prometheus", address.prometheus_urls)):
            settings = RabbitSettings.model_validate({**plain, "prometheus_urls": urls})
            row, lag = await ours(what, settings, process, change)
            rows.append(row)
        await garbage.stop()
    columns = ("name", "messages_ready", "messages_unacknowledged", "consumers")
    rows.append(await peer("rabbitmqctl list_queues", lambda: server.ctl("-q", "list_queues", *columns), process))
    rows.append(await peer("plain GET /api/queues", lambda: listing(address), process))
    head = ("client", "first ms", "sweep ms: best / median / worst", "CPU ms", "broker's CPU ms")
    table(f"{queues:,} queues", [(*head, "stall ms, CPU (clock)", "MiB", "each s"), *rows])
    output = (await server.ctl("-q", "list_queues", "messages")).split()
    expected = sum(int(word) for word in output if word.isdigit())
    print(f"\nSum of all lags: Signalbox {lag:,}, rabbitmqctl {expected:,}")
    assert lag == expected


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
