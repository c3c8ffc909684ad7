"""The Kafka sweep beside its peers, on one real cluster in one run: cold, warm, steady; CPU, memory, requests, stalls.

Run: python -m bench.kafka_sweep [topics partitions groups]. Needs Java, Maven and Go. Prints a Markdown table.
"""

import asyncio
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from app.brokers.kafka.adapter import KafkaBroker
from app.brokers.kafka.known import Intervals
from app.brokers.kafka.protocol.frames import Connection
from app.brokers.kafka.settings import KafkaSettings
from app.brokers.model import Snapshot
from app.servers.kafka import KafkaOptions, KafkaServer
from app.servers.maven import class_path, java
from app.servers.process import cache_folder
from bench.measuring import stall

TIMES = 9
ANSWER_WAIT_S = 60
COMMITS = 50  # of each group
MOVING = 100  # groups, between two steady sweeps
AT_ONCE = 100
TOPICS_AT_ONCE = 40  # the controller refuses larger batches of partitions
PATIENT_S = 30.0  # a bench measures a slow answer, it does not do without it
USUAL = Intervals(deadline_s=PATIENT_S)
EVERYTHING = Intervals(starts_s=0.0, stables_s=0.0, members_s=0.001, health_s=0.0, deadline_s=PATIENT_S)
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One reading, in seconds."""

    wall_s: float
    cpu_s: float
    requests: int = 0


class Counter:
    """Counts the requests that adapters send."""

    def __init__(self) -> None:
        self.requests = 0
        send = Connection.send

        def counted(connection: Connection, *arguments: object, **keywords: object) -> object:
            self.requests += 1
            return send(connection, *arguments, **keywords)

        Connection.send = counted


async def measured(counter: Counter, read: Callable[[], Awaitable[Snapshot]]) -> Measured:
    requests, cpu, began = counter.requests, time.process_time(), time.perf_counter()
    await read()
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    return Measured(wall_s=wall, cpu_s=used, requests=counter.requests - requests)


async def longest_stall(read: Callable[[], Awaitable[Snapshot]]) -> float:
    """Read once more beside a task that wants to run each millisecond; return the most CPU that it had to wait for."""
    async with stall() as found:
        await asyncio.sleep(0.01)
        found.longest_cpu_ms = 0.0
        await read()
    return found.longest_cpu_ms


def fill(bootstrap: str, topics: int, partitions: int, groups: int) -> None:
    """Make the topics, two records in each partition, and the groups with COMMITS commits each."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = [f"topic-{number:03d}" for number in range(topics)]
    new = [NewTopic(name, num_partitions=partitions, replication_factor=1) for name in names]
    for first in range(0, topics, TOPICS_AT_ONCE):
        batch = new[first : first + TOPICS_AT_ONCE]
        for future in admin.create_topics(batch, operation_timeout=60, request_timeout=60).values():
            future.result(90)
    producer = Producer({"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 1_000_000, "linger.ms": 50})
    for name in names:
        for partition in range(partitions):
            for _ in range(5 + partition % 7):
                producer.produce(name, b"x", partition=partition)
        producer.poll(0)
    assert producer.flush(120) == 0
    commit(admin, names, partitions, range(1), 1)  # alone: it has the offsets topic made
    for first in range(0, groups, AT_ONCE):
        commit(admin, names, partitions, range(first, min(first + AT_ONCE, groups)), 1)


def commit(admin: AdminClient, names: Sequence[str], partitions: int, groups: Sequence[int], at: int) -> None:
    """Set these groups' positions, each on a topic of its own choice, until every single row was taken."""
    waiting = {f"group-{number:04d}": number for number in groups}
    while waiting:
        futures = {}
        for group, number in waiting.items():
            places = [((number + i // partitions) % len(names), i % partitions) for i in range(COMMITS)]
            rows = [TopicPartition(names[topic], partition, at + number % 3) for topic, partition in places]
            wanted = [ConsumerGroupTopicPartitions(group, rows)]
            (future,) = admin.alter_consumer_group_offsets(wanted, request_timeout=ANSWER_WAIT_S).values()
            futures[group] = future
        for group, future in futures.items():
            with contextlib.suppress(KafkaException):  # refused or too late: once more
                if not any(row.error for row in future.result().topic_partitions):
                    del waiting[group]


def row(what: str, readings: Sequence[Measured], note: str = "") -> str:
    walls, cpus = [1000 * m.wall_s for m in readings], [1000 * m.cpu_s for m in readings]
    return (
        f"| {what} | {min(walls):.0f} / {statistics.median(walls):.0f} / {max(walls):.0f} | {statistics.median(cpus):.0f} "
        f"| {readings[-1].requests or ''} | {note} |"
    )


async def ours(bootstrap: str, move: Callable[[int], None]) -> tuple[list[str], int]:
    """Measure the adapter; return the table's rows and the sum of all lags."""
    counter = Counter()
    settings = KafkaSettings(name="bench", bootstrap=(bootstrap,), timeout_s=PATIENT_S)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cold = KafkaBroker(settings, intervals=USUAL)
    first = await measured(counter, lambda: _cold(cold))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    await cold.close()
    full = KafkaBroker(settings, intervals=EVERYTHING)
    await _cold(full)
    warm = [await measured(counter, full.sweep) for _ in range(TIMES)]
    warm_stall = max([await longest_stall(full.sweep) for _ in range(3)])
    await full.close()
    steady = KafkaBroker(settings, intervals=USUAL)
    await _cold(steady)
    await steady.sweep()
    moved = []
    for turn in range(TIMES):
        await asyncio.to_thread(move, turn)
        moved.append(await measured(counter, steady.sweep))
    await asyncio.to_thread(move, TIMES)
    steady_stall = await longest_stall(steady.sweep)
    watched = [f"group-{number:04d}" for number in range(50)]
    watching = [await measured(counter, lambda: steady.watch(watched)) for _ in range(TIMES)]
    snapshot = await steady.sweep()
    await steady.close()
    rows = [
        row("Signalbox, cold (connect, first sweep, settings, sizes)", [first], f"+{grown / 1024:.0f} MiB RSS"),
        row("Signalbox, warm, everything asked", warm, f"longest stall {warm_stall:.1f} ms"),
        row(f"Signalbox, steady, {MOVING} groups moved", moved, f"longest stall {steady_stall:.1f} ms"),
        row("Signalbox, watch of 50 groups", watching),
    ]
    return rows, sum(group.lag or 0 for group in snapshot.groups.values())


async def _cold(broker: KafkaBroker) -> Snapshot:
    await broker.connect()
    return await broker.sweep()


def kadm(bootstrap: str) -> tuple[str, int]:
    binary = cache_folder() / "bench" / "kadm"
    binary.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", str(binary), "."], cwd=HERE / "kadm", check=True)
    run = subprocess.run([str(binary), bootstrap, str(TIMES)], check=True, capture_output=True, text=True)
    found = [json.loads(line) for line in run.stdout.splitlines()]
    readings = [Measured(wall_s=one["wall_s"], cpu_s=one["cpu_s"]) for one in found]
    note = f"{found[-1]['rows']} rows, RSS {found[-1]['rss_kib'] / 1024:.0f} MiB"
    return row("franz-go kadm.Lag()", readings, note), int(found[-1]["lag"])


def tool(server: KafkaServer) -> str:
    main = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
    argv = [java("Apache Kafka"), "-cp", class_path(server.jars), main, "--bootstrap-server", server.bootstrap]
    began, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([*argv, "--describe", "--all-groups", "--timeout", "120000"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    one = Measured(wall_s=time.perf_counter() - began, cpu_s=used)
    return row("kafka-consumer-groups --all-groups", [one], f"{run.stdout.count(b'group-')} rows")


async def main(topics: int, partitions: int, groups: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = {"offsets.topic.num.partitions": "50"}
        server = KafkaServer(Path(folder), KafkaOptions(settings=settings, heap_mib=2048))
        await server.start()
        try:
            await asyncio.to_thread(fill, server.bootstrap, topics, partitions, groups)
            admin = AdminClient({"bootstrap.servers": server.bootstrap})
            names = [f"topic-{number:03d}" for number in range(topics)]

            def move(turn: int) -> None:
                first = turn * MOVING % groups
                commit(admin, names, partitions, range(first, min(first + MOVING, groups)), 2)

            rows, our_lag = await ours(server.bootstrap, move)
            peer, their_lag = await asyncio.to_thread(kadm, server.bootstrap)
            tools = await asyncio.to_thread(tool, server)
        finally:
            await server.stop()
    print(f"{topics} topics x {partitions} partitions, {groups} groups x {COMMITS} commits\n")
    print("| who | wall ms: best / median / worst | CPU ms, median | requests | |\n|---|---|---|---|---|")
    print("\n".join([*rows, peer, tools]))
    print(f"\nSum of all lags: Signalbox {our_lag}, kadm {their_lag}")
    assert our_lag == their_lag


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]] or [200, 50, 2000]
    asyncio.run(main(*numbers))
