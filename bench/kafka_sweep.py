"""Compare the Kafka sweep with kadm on one real cluster in one run: cold, warm, steady; CPU, memory, requests, stalls.

Signalbox and kadm take turns, so that other load on the machine affects both.

Run: python -m bench.kafka_sweep [topics partitions groups]. Needs Java, Maven and Go. Prints a Markdown table.
"""

import asyncio
import contextlib
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.measuring import machine, stall
from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.kafka.cluster_cache import Intervals
from signalbox.brokers.kafka.protocol.connection import KafkaConnection, Request
from signalbox.brokers.kafka.protocol.offsets import LIST_OFFSETS
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.model import Snapshot
from signalbox.servers.kafka import PRODUCTION_JVM, KafkaOptions, KafkaServer
from signalbox.servers.maven import class_path, java
from signalbox.servers.process import cache_folder

ROUNDS = 15
RESPONSE_TIMEOUT_S = 60
COMMITS = 50  # committed offsets per group
MOVED_GROUPS = 100  # groups that commit between two steady sweeps
GROUPS_AT_ONCE = 100
TOPICS_AT_ONCE = 40  # the controller rejects larger batches of partitions
DEADLINE_S = 30.0  # a benchmark measures slow responses instead of dropping them
DEFAULT_INTERVALS = Intervals()
READ_EVERYTHING = Intervals(starts_s=0.0, stables_s=0.0, members_s=0.001, health_s=0.0)
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One reading, in seconds."""

    wall_s: float
    cpu_s: float
    requests: int = 0


class RequestRecorder:
    """Records the requests of all adapters, with their connections."""

    def __init__(self) -> None:
        self.requests: list[tuple[KafkaConnection, Request[object]]] = []
        call = KafkaConnection.call

        def recorded(connection: KafkaConnection, request: Request[object]) -> Awaitable[object]:
            self.requests.append((connection, request))
            return call(connection, request)

        KafkaConnection.call = recorded  # type: ignore[method-assign, assignment]

    async def replay(self) -> Measured:
        """Send the last requests again, ListOffsets after all others, without decoding: this measures the broker's own time."""
        steps: tuple[list[Awaitable[object]], list[Awaitable[object]]] = ([], [])
        recorded = list(self.requests)
        for connection, request in recorded:
            undecoded = replace(request, decode=lambda data, _: data)
            steps[request.api is LIST_OFFSETS].append(connection.call(undecoded))
        cpu, started_at = time.process_time(), time.perf_counter()
        for step in steps:
            await asyncio.gather(*step)
        return Measured(
            wall_s=time.perf_counter() - started_at, cpu_s=time.process_time() - cpu, requests=len(recorded)
        )


async def measure(recorder: RequestRecorder, read: Callable[[], Awaitable[Snapshot]]) -> Measured:
    recorder.requests.clear()
    cpu, started_at = time.process_time(), time.perf_counter()
    await read()
    wall, used = time.perf_counter() - started_at, time.process_time() - cpu
    return Measured(wall_s=wall, cpu_s=used, requests=len(recorder.requests))


class Kadm:
    """franz-go's kadm in its own process; reads the whole cluster once per input line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.readings: list[Measured] = []
        self.last: dict[str, Any] = {}

    @classmethod
    async def start(cls, bootstrap: str) -> "Kadm":
        binary = cache_folder() / "bench" / "kadm"
        binary.parent.mkdir(parents=True, exist_ok=True)
        build = ["go", "build", "-o", str(binary), "."]
        await asyncio.to_thread(subprocess.run, build, cwd=HERE / "kadm", check=True)
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(binary, bootstrap, stdin=pipe, stdout=pipe))

    async def read(self) -> Measured:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self.last = json.loads(await self._process.stdout.readline())
        self.readings.append(Measured(wall_s=self.last["wall_s"], cpu_s=self.last["cpu_s"]))
        return self.readings[-1]

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    def row(self) -> str:
        note = f"{self.last['rows']} rows, RSS {self.last['rss_kib'] / 1024:.0f} MiB"
        return row("franz-go kadm.Lag()", self.readings, note)


def faster(ours: Sequence[Measured], theirs: Sequence[Measured]) -> str:
    """Return how many times faster we are than kadm: ratio of the medians, and median of the ratios per round."""
    medians = statistics.median(m.wall_s for m in theirs) / statistics.median(m.wall_s for m in ours)
    rounds = statistics.median(b.wall_s / a.wall_s for a, b in zip(ours, theirs, strict=True))
    return f"{medians:.1f} x faster than kadm, round by round {rounds:.1f} x"


async def longest_stall(read: Callable[[], Awaitable[Snapshot]]) -> float:
    """Read once beside a task that should run every millisecond; return the longest CPU time for which it was blocked."""
    async with stall() as measured:
        await asyncio.sleep(0.01)
        measured.longest_cpu_ms = 0.0
        await read()
    return measured.longest_cpu_ms


def produce(bootstrap: str, names: Sequence[str], partitions: int) -> None:
    """Produce a few messages to each partition and check that all are stored."""
    settings = {
        "queue.buffering.max.messages": 1_000_000,
        "linger.ms": 50,
        "topic.metadata.propagation.max.ms": 120_000,
    }
    producer = Producer({"bootstrap.servers": bootstrap, **settings})
    refused: list[object] = []

    def delivered(error: object, _: object) -> None:
        if error is not None:
            refused.append(error)

    for name in names:
        for partition in range(partitions):
            for _ in range(5 + partition % 7):
                producer.produce(name, b"x", partition=partition, on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(120) == 0
    assert not refused, refused[0]


def fill(bootstrap: str, topics: int, partitions: int, groups: int) -> None:
    """Create topics with a few messages per partition, and groups with COMMITS committed offsets each."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = [f"topic-{number:03d}" for number in range(topics)]
    new = [NewTopic(name, num_partitions=partitions, replication_factor=1) for name in names]
    for first in range(0, topics, TOPICS_AT_ONCE):
        batch = new[first : first + TOPICS_AT_ONCE]
        for future in admin.create_topics(batch, operation_timeout=60, request_timeout=60).values():
            future.result(90)
    produce(bootstrap, names, partitions)
    commit(admin, names, partitions, range(1), 1)  # alone: the first group creates the offsets topic
    for first in range(0, groups, GROUPS_AT_ONCE):
        commit(admin, names, partitions, range(first, min(first + GROUPS_AT_ONCE, groups)), 1)


def commit(admin: AdminClient, names: Sequence[str], partitions: int, groups: Sequence[int], offset: int) -> None:
    """Commit offsets for these groups, each on different topics, and retry until every row is stored."""
    remaining = {f"group-{number:04d}": number for number in groups}
    while remaining:
        futures = {}
        for group, number in remaining.items():
            keys = [((number + i // partitions) % len(names), i % partitions) for i in range(COMMITS)]
            rows = [TopicPartition(names[topic], partition, offset + number % 3) for topic, partition in keys]
            request = [ConsumerGroupTopicPartitions(group, rows)]
            (future,) = admin.alter_consumer_group_offsets(request, request_timeout=RESPONSE_TIMEOUT_S).values()
            futures[group] = future
        for group, future in futures.items():
            with contextlib.suppress(KafkaException):  # rejected or timed out: retry
                if not any(row.error for row in future.result().topic_partitions):
                    del remaining[group]


def row(what: str, readings: Sequence[Measured], note: str = "") -> str:
    walls, cpus = [1000 * m.wall_s for m in readings], [1000 * m.cpu_s for m in readings]
    return (
        f"| {what} | {min(walls):.0f} / {statistics.median(walls):.0f} / {max(walls):.0f} | {statistics.median(cpus):.0f} "
        f"| {readings[-1].requests or ''} | {note} |"
    )


async def measure_warm(bootstrap: str, recorder: RequestRecorder, kadm: Kadm) -> tuple[str, str]:
    """Measure sweeps that read everything, in turns with kadm; return the table row and the comparison."""
    broker = KafkaBroker(_settings(bootstrap), intervals=READ_EVERYTHING)
    await _cold(broker)
    await kadm.read()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(await measure(recorder, broker.sweep))
        theirs.append(await kadm.read())
    longest = max([await longest_stall(broker.sweep) for _ in range(3)])
    await broker.close()
    note = f"longest stall {longest:.1f} ms"
    return row("Signalbox, warm, everything read", ours, note), f"warm {faster(ours, theirs)}"


async def measure_steady(
    bootstrap: str, recorder: RequestRecorder, kadm: Kadm, move: Callable[[int], None]
) -> tuple[list[str], str, int]:
    """Measure sweeps at default intervals after some groups commit, in turns with kadm; return rows, comparison, total lag."""
    broker = KafkaBroker(_settings(bootstrap), intervals=DEFAULT_INTERVALS)
    await _cold(broker)
    await broker.sweep()
    ours, replayed, theirs = [], [], []
    for turn in range(ROUNDS):
        await asyncio.to_thread(move, turn)
        ours.append(await measure(recorder, broker.sweep))
        replayed.append(await recorder.replay())
        theirs.append(await kadm.read())
    await asyncio.to_thread(move, ROUNDS)
    longest = await longest_stall(broker.sweep)
    watched = [f"group-{number:04d}" for number in range(50)]
    watching = [await measure(recorder, lambda: broker.watch(watched)) for _ in range(ROUNDS)]
    snapshot = await broker.sweep()
    await broker.close()
    rows = [
        row(f"Signalbox, steady, {MOVED_GROUPS} groups moved", ours, f"longest stall {longest:.1f} ms"),
        row("the same requests again, responses not decoded", replayed, "the broker's own time"),
        row("Signalbox, watch of 50 groups", watching),
    ]
    return rows, f"steady {faster(ours, theirs)}", sum(group.lag or 0 for group in snapshot.groups.values())


async def compare(bootstrap: str, move: Callable[[int], None]) -> str:
    """Measure the adapter and kadm, print the table, and return the result. Both must report the same total lag."""
    recorder, kadm = RequestRecorder(), await Kadm.start(bootstrap)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    broker = KafkaBroker(_settings(bootstrap), intervals=DEFAULT_INTERVALS)
    first = await measure(recorder, lambda: _cold(broker))
    memory_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    await broker.close()
    warm, warm_ratio = await measure_warm(bootstrap, recorder, kadm)
    steady, steady_ratio, lag = await measure_steady(bootstrap, recorder, kadm, move)
    await kadm.read()
    await kadm.stop()
    print("| who | wall ms: best / median / worst | CPU ms, median | requests | |\n|---|---|---|---|---|")
    print(row("Signalbox, cold (connect, first sweep, settings, sizes)", [first], f"+{memory_kib / 1024:.0f} MiB RSS"))
    print("\n".join([warm, *steady, kadm.row()]))
    assert lag == kadm.last["lag"]
    return f"{warm_ratio}; {steady_ratio}; the total lag is {lag} in both"


def _settings(bootstrap: str) -> KafkaSettings:
    return KafkaSettings(name="bench", bootstrap=(bootstrap,), timeout_s=DEADLINE_S)


async def _cold(broker: KafkaBroker) -> Snapshot:
    await broker.connect()
    return await broker.sweep()


def tool(server: KafkaServer) -> str:
    main = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
    argv = [java("Apache Kafka"), "-cp", class_path(server.jars), main, "--bootstrap-server", server.bootstrap]
    started_at, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([*argv, "--describe", "--all-groups", "--timeout", "120000"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    measured = Measured(wall_s=time.perf_counter() - started_at, cpu_s=used)
    return row("kafka-consumer-groups --all-groups", [measured], f"{run.stdout.count(b'group-')} rows")


async def main(topics: int, partitions: int, groups: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = {"offsets.topic.num.partitions": "50"}
        server = KafkaServer(Path(folder), KafkaOptions(settings=settings, heap_mib=2048, jvm=PRODUCTION_JVM))
        await server.start()
        try:
            await asyncio.to_thread(fill, server.bootstrap, topics, partitions, groups)
            admin = AdminClient({"bootstrap.servers": server.bootstrap})
            names = [f"topic-{number:03d}" for number in range(topics)]

            def move(turn: int) -> None:
                first = turn * MOVED_GROUPS % groups
                commit(admin, names, partitions, range(first, min(first + MOVED_GROUPS, groups)), 2)

            gc.collect()
            gc.freeze()  # as `signalbox serve` does
            print(f"{machine()}\n{topics} topics x {partitions} partitions, {groups} groups x {COMMITS} commits\n")
            result = await compare(server.bootstrap, move)
            print(await asyncio.to_thread(tool, server))
        finally:
            await server.stop()
    print(f"\n{result}; load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]] or [200, 50, 2000]
    asyncio.run(main(*numbers))
