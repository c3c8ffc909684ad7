"""The Kafka sweep beside its peers, on one real cluster in one run: cold, warm, steady; CPU, memory, requests, stalls.

Signalbox and kadm take turns: what else the machine does meets both.

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

TIMES = 15
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


class Sent:
    """Keeps the questions that adapters ask, with their connections."""

    def __init__(self) -> None:
        self.questions: list[tuple[KafkaConnection, Request[object]]] = []
        ask = KafkaConnection.call

        def kept(connection: KafkaConnection, question: Request[object]) -> Awaitable[object]:
            self.questions.append((connection, question))
            return ask(connection, question)

        KafkaConnection.call = kept  # type: ignore[method-assign, assignment]

    async def again(self) -> Measured:
        """Ask the last reading's questions again, ends after all others, and look at no answer: the broker's own time."""
        steps: tuple[list[Awaitable[object]], list[Awaitable[object]]] = ([], [])
        asked = list(self.questions)
        for connection, question in asked:
            unread = replace(question, decode=lambda data, _: data)
            steps[question.api is LIST_OFFSETS].append(connection.call(unread))
        cpu, began = time.process_time(), time.perf_counter()
        for step in steps:
            await asyncio.gather(*step)
        return Measured(wall_s=time.perf_counter() - began, cpu_s=time.process_time() - cpu, requests=len(asked))


async def measured(sent: Sent, read: Callable[[], Awaitable[Snapshot]]) -> Measured:
    sent.questions.clear()
    cpu, began = time.process_time(), time.perf_counter()
    await read()
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    return Measured(wall_s=wall, cpu_s=used, requests=len(sent.questions))


class Kadm:
    """franz-go's kadm in a process of its own, which reads the whole cluster once for each line."""

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
    """Say how many times faster than the peer: by the medians, and the median over the turns."""
    whole = statistics.median(one.wall_s for one in theirs) / statistics.median(one.wall_s for one in ours)
    turns = statistics.median(b.wall_s / a.wall_s for a, b in zip(ours, theirs, strict=True))
    return f"{whole:.1f} x faster than kadm, turn by turn {turns:.1f} x"


async def longest_stall(read: Callable[[], Awaitable[Snapshot]]) -> float:
    """Read once more beside a task that wants to run each millisecond; return the most CPU that it had to wait for."""
    async with stall() as found:
        await asyncio.sleep(0.01)
        found.longest_cpu_ms = 0.0
        await read()
    return found.longest_cpu_ms


def produce(bootstrap: str, names: Sequence[str], partitions: int) -> None:
    """Write a few records into each partition, every one of them taken."""
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
    """Make the topics, a few records in each partition, and the groups with COMMITS commits each."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = [f"topic-{number:03d}" for number in range(topics)]
    new = [NewTopic(name, num_partitions=partitions, replication_factor=1) for name in names]
    for first in range(0, topics, TOPICS_AT_ONCE):
        batch = new[first : first + TOPICS_AT_ONCE]
        for future in admin.create_topics(batch, operation_timeout=60, request_timeout=60).values():
            future.result(90)
    produce(bootstrap, names, partitions)
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


async def measure_warm(bootstrap: str, sent: Sent, kadm: Kadm) -> tuple[str, str]:
    """Measure sweeps that ask for everything, in turns with kadm; return the table's row, and the comparison."""
    broker = KafkaBroker(_settings(bootstrap), intervals=EVERYTHING)
    await _cold(broker)
    await kadm.read()
    ours, theirs = [], []
    for _ in range(TIMES):
        ours.append(await measured(sent, broker.sweep))
        theirs.append(await kadm.read())
    longest = max([await longest_stall(broker.sweep) for _ in range(3)])
    await broker.close()
    note = f"longest stall {longest:.1f} ms"
    return row("Signalbox, warm, everything asked", ours, note), f"warm {faster(ours, theirs)}"


async def measure_steady(
    bootstrap: str, sent: Sent, kadm: Kadm, move: Callable[[int], None]
) -> tuple[list[str], str, int]:
    """Measure usual sweeps, groups moving before each, in turns with kadm; return rows, the comparison, the sum of all lags."""
    broker = KafkaBroker(_settings(bootstrap), intervals=USUAL)
    await _cold(broker)
    await broker.sweep()
    ours, alone, theirs = [], [], []
    for turn in range(TIMES):
        await asyncio.to_thread(move, turn)
        ours.append(await measured(sent, broker.sweep))
        alone.append(await sent.again())
        theirs.append(await kadm.read())
    await asyncio.to_thread(move, TIMES)
    longest = await longest_stall(broker.sweep)
    watched = [f"group-{number:04d}" for number in range(50)]
    watching = [await measured(sent, lambda: broker.watch(watched)) for _ in range(TIMES)]
    snapshot = await broker.sweep()
    await broker.close()
    rows = [
        row(f"Signalbox, steady, {MOVING} groups moved", ours, f"longest stall {longest:.1f} ms"),
        row("the same requests again, answers unread", alone, "the broker's own time"),
        row("Signalbox, watch of 50 groups", watching),
    ]
    return rows, f"steady {faster(ours, theirs)}", sum(group.lag or 0 for group in snapshot.groups.values())


async def compared(bootstrap: str, move: Callable[[int], None]) -> str:
    """Measure the adapter and kadm, print the table, return what it says; both must find the same sum of all lags."""
    sent, kadm = Sent(), await Kadm.start(bootstrap)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    broker = KafkaBroker(_settings(bootstrap), intervals=USUAL)
    first = await measured(sent, lambda: _cold(broker))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    await broker.close()
    warm, warm_ratio = await measure_warm(bootstrap, sent, kadm)
    steady, steady_ratio, lag = await measure_steady(bootstrap, sent, kadm, move)
    await kadm.read()
    await kadm.stop()
    print("| who | wall ms: best / median / worst | CPU ms, median | requests | |\n|---|---|---|---|---|")
    print(row("Signalbox, cold (connect, first sweep, settings, sizes)", [first], f"+{grown / 1024:.0f} MiB RSS"))
    print("\n".join([warm, *steady, kadm.row()]))
    assert lag == kadm.last["lag"]
    return f"{warm_ratio}; {steady_ratio}; the sum of all lags is {lag} in both"


def _settings(bootstrap: str) -> KafkaSettings:
    return KafkaSettings(name="bench", bootstrap=(bootstrap,), timeout_s=PATIENT_S)


async def _cold(broker: KafkaBroker) -> Snapshot:
    await broker.connect()
    return await broker.sweep()


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
        server = KafkaServer(Path(folder), KafkaOptions(settings=settings, heap_mib=2048, jvm=PRODUCTION_JVM))
        await server.start()
        try:
            await asyncio.to_thread(fill, server.bootstrap, topics, partitions, groups)
            admin = AdminClient({"bootstrap.servers": server.bootstrap})
            names = [f"topic-{number:03d}" for number in range(topics)]

            def move(turn: int) -> None:
                first = turn * MOVING % groups
                commit(admin, names, partitions, range(first, min(first + MOVING, groups)), 2)

            gc.collect()
            gc.freeze()  # as `signalbox serve` does
            print(f"{machine()}\n{topics} topics x {partitions} partitions, {groups} groups x {COMMITS} commits\n")
            found = await compared(server.bootstrap, move)
            print(await asyncio.to_thread(tool, server))
        finally:
            await server.stop()
    print(f"\n{found}; load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]] or [200, 50, 2000]
    asyncio.run(main(*numbers))
