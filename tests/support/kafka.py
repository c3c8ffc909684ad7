"""Apache Kafka for tests: one server with every listener for the whole run, and Kafka's own clients and tools."""

import asyncio
import concurrent.futures
import contextlib
import queue
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka import admin as rdkafka
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewTopic
from cryptography.hazmat.primitives import serialization

from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.kafka.cluster_cache import Intervals
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.model import Group, Why
from signalbox.servers.kafka import VERSION, KafkaOptions, KafkaServer, KafkaTls
from signalbox.servers.maven import class_path, java
from signalbox.servers.process import free_port
from tests.support.certificates import Certificates, issue
from tests.support.proxy import Proxy
from tests.support.servers import record_server, require_server
from tests.support.waiting import eventually

USERS = {"alice": "alice-Pa55", "bob": "bob-Pa55", "carol": "carol-Pa55"}
EVERY_SWEEP = Intervals(starts_s=0.0, configs_s=0.0, sizes_s=0.0, members_s=1.0, stables_s=0.0, health_s=0.0)
TOOL_TIMEOUT_S = 60.0

Setting = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaUnderTest:
    """The server of this run, its certificates, and a proxy in front of its plaintext listener."""

    server: KafkaServer
    certificates: Certificates
    proxy: Proxy

    @property
    def bootstrap(self) -> str:
        return self.server.bootstrap

    @property
    def proxy_address(self) -> str:
        return f"127.0.0.1:{self.proxy.port}"


def kafka_settings(bootstrap: str, /, **overrides: object) -> KafkaSettings:
    return KafkaSettings.model_validate({"name": "kafka-test", "bootstrap": bootstrap.split(","), **overrides})


def make_broker(bootstrap: str, intervals: Intervals = EVERY_SWEEP, /, **overrides: object) -> KafkaBroker:
    """Return an adapter that reads everything in each sweep. It is not connected yet."""
    return KafkaBroker(kafka_settings(bootstrap, **overrides), intervals=intervals)


@contextlib.asynccontextmanager
async def connected(
    bootstrap: str, intervals: Intervals = EVERY_SWEEP, /, **overrides: object
) -> AsyncIterator[KafkaBroker]:
    """Return a connected adapter; close it at the end of the block."""
    broker = make_broker(bootstrap, intervals, **overrides)
    await broker.connect()
    try:
        yield broker
    finally:
        await broker.close()


def figures(group: Group) -> dict[tuple[str, int], tuple[int, int, int, Why]]:
    """Return (topic, partition) -> (settled, arrived, lag, why)."""
    p = group.positions
    return {
        (p.names[p.destination[i]], p.partition[i]): (p.settled[i], p.arrived[i], p.lag[i], p.row_why(i))
        for i in range(len(p))
    }


def write_keystore(certificates: Certificates, folder: Path) -> Path:
    """Write the server's key (PKCS#8) and certificate into one PEM file, as Kafka requires."""
    key = serialization.load_pem_private_key(certificates.server.key_file.read_bytes(), None)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "keystore.pem"
    path.write_bytes(pem + certificates.server.cert_file.read_bytes())
    return path


@pytest.fixture(scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaUnderTest]:
    """One node with every listener and ACLs. Tests that kill or pause a node use `kafka_pair`."""
    require_server("kafka")
    folder = tmp_path_factory.mktemp("kafka")
    certificates = issue(folder / "certificates")
    proxied = free_port()
    options = KafkaOptions(
        tls=KafkaTls(keystore=write_keystore(certificates, folder), ca=certificates.ca_file),
        users=USERS,
        authorizer=True,
        proxied_port=proxied,
        settings={
            "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
            "log.cleaner.backoff.ms": "500",
        },
    )
    server = KafkaServer(folder, options)
    await server.start()
    try:
        async with Proxy(server.port("PROXIED"), listen_on=proxied) as proxy:
            record_server("Apache Kafka", VERSION, "from Maven")
            yield KafkaUnderTest(server=server, certificates=certificates, proxy=proxy)
    finally:
        await server.stop()


@pytest.fixture(scope="session")
async def kafka_pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaServer]:
    """Two nodes. A test may kill or pause the second, which is only a broker, and starts it again."""
    require_server("kafka")
    settings = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
    server = KafkaServer(tmp_path_factory.mktemp("kafka-pair"), KafkaOptions(nodes=2, settings=settings))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def kafka_client(kafka: KafkaUnderTest) -> "KafkaClient":
    return KafkaClient(kafka.bootstrap)


@pytest.fixture
async def kafka_broker(kafka: KafkaUnderTest) -> AsyncIterator[KafkaBroker]:
    """A connected adapter of a super user."""
    async with connected(kafka.bootstrap) as broker:
        yield broker


class KafkaClient:
    """The same cluster through librdkafka, which shares no code with the adapter."""

    def __init__(self, bootstrap: str) -> None:
        self._config: dict[str, Setting] = {"bootstrap.servers": bootstrap}
        self.admin = rdkafka.AdminClient(self._config)

    async def create(self, topic: str, partitions: int = 1, **config: str) -> None:
        config = {key.replace("_", "."): value for key, value in config.items()}
        new_topic = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=config)
        await self._all(self.admin.create_topics([new_topic]))

    async def create_on(self, topic: str, assignment: list[list[int]]) -> None:
        """Create a topic; `assignment[i]` lists the nodes with replicas of partition i."""
        await self._all(
            self.admin.create_topics([NewTopic(topic, num_partitions=len(assignment), replica_assignment=assignment)])
        )

    async def wait_for_brokers(self, count: int) -> None:
        """Wait until the cluster has this many brokers."""

        async def all_registered() -> None:
            assert len((await asyncio.to_thread(self.admin.list_topics, timeout=5)).brokers) == count

        await eventually(all_registered, within_s=30)

    async def delete(self, *topics: str) -> None:
        await self._all(self.admin.delete_topics(list(topics)))

    async def delete_group(self, group: str) -> None:
        await self._all(self.admin.delete_consumer_groups([group]))

    async def delete_records(self, topic: str, partition: int, before: int) -> None:
        await self._all(self.admin.delete_records([TopicPartition(topic, partition, before)]))

    async def produce(self, topic: str, partition: int, count: int, **config: Setting) -> None:
        await asyncio.to_thread(self._produce, topic, partition, count, config)

    def _produce(self, topic: str, partition: int, count: int, config: Mapping[str, Setting]) -> None:
        producer = Producer({**self._config, **config})
        for number in range(count):
            producer.produce(topic, b"%d" % number, partition=partition, key=b"k%d" % (number % 3))
        assert producer.flush(20) == 0

    async def commit(self, group: str, positions: Mapping[tuple[str, int], int]) -> None:
        """Commit offsets for a group without members."""
        rows = [TopicPartition(topic, partition, offset) for (topic, partition), offset in positions.items()]

        async def commit_all() -> (
            None
        ):  # just after the offsets topic was created, single rows fail without an exception
            (future,) = self.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, rows)]).values()
            result = await asyncio.to_thread(future.result, 30)
            assert not [row for row in result.topic_partitions if row.error]

        await eventually(commit_all, within_s=30)  # the first commit of a cluster creates the offsets topic

    async def lag(self, group: str, topics: Iterable[str] | None = None) -> dict[tuple[str, int], int]:
        """Return the end offset minus the committed offset of each partition with a committed offset."""
        (future,) = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
        rows = (await asyncio.to_thread(future.result, 30)).topic_partitions
        rows = [row for row in rows if topics is None or row.topic in topics]
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call] # confluent-kafka is untyped here
        ends = self.admin.list_offsets({TopicPartition(row.topic, row.partition): latest for row in rows})
        end = {(tp.topic, tp.partition): (await asyncio.to_thread(f.result, 30)).offset for tp, f in ends.items()}
        return {(row.topic, row.partition): end[row.topic, row.partition] - row.offset for row in rows}

    async def _all(self, futures: Mapping[Any, Any]) -> None:
        for future in futures.values():
            await asyncio.to_thread(future.result, 30)


class KafkaMember:
    """A librdkafka consumer that polls in a thread until the block ends."""

    def __init__(self, bootstrap: str, group: str, **config: Setting) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                **{key.replace("_", "."): value for key, value in config.items()},
            }
        )
        self._stop = False
        self.paused = False  # if set, the member does not poll and so does not join a rebalance
        self.received = 0
        self._commits: queue.SimpleQueue[tuple[list[TopicPartition], concurrent.futures.Future[None]]] = (
            queue.SimpleQueue()
        )

    async def __aenter__(self) -> Self:
        self._task = asyncio.ensure_future(asyncio.to_thread(self._poll))
        return self

    def subscribe(self, *topics: str) -> "KafkaMember":
        self._consumer.subscribe(list(topics))
        return self

    async def commit(self, topic: str, partition: int, offset: int) -> None:
        """Commit as a member: in the polling thread, where librdkafka responds."""
        done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._commits.put(([TopicPartition(topic, partition, offset)], done))
        await asyncio.wrap_future(done)

    def _poll(self) -> None:
        while not self._stop:
            if self.paused:
                time.sleep(0.05)  # in its own thread
                continue
            message = self._consumer.poll(0.05)
            if message is not None and not message.error():
                self.received += 1
            with contextlib.suppress(queue.Empty):
                offsets, done = self._commits.get_nowait()
                self._consumer.commit(offsets=offsets, asynchronous=False)
                done.set_result(None)

    async def __aexit__(self, *_: object) -> None:
        self._stop = True
        await self._task
        await asyncio.to_thread(self._consumer.close)


class KafkaTools:
    """Kafka's own command-line tools. Each call takes seconds: read everything with one call."""

    def __init__(self, server: KafkaServer) -> None:
        self._server = server

    async def run(self, main: str, *arguments: str) -> str:
        argv = [java("Apache Kafka"), "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
        argv += ["-cp", class_path(self._server.jars), main, *arguments]
        run = await asyncio.to_thread(
            subprocess.run, argv, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    async def consumer_groups(self) -> dict[str, dict[tuple[str, int], dict[str, str]]]:
        """Run kafka-consumer-groups for all groups: group -> (topic, partition) -> column -> value."""
        out = await self.run(
            "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
            *("--bootstrap-server", self._server.bootstrap, "--describe", "--all-groups", "--timeout", "30000"),
        )
        return _parse_tables(out)

    async def share_group(self, *groups: str) -> dict[str, dict[tuple[str, int], dict[str, str]]]:
        """Run kafka-share-groups for these groups."""
        named = [word for group in groups for word in ("--group", group)]
        out = await self.run(
            "org.apache.kafka.tools.consumer.group.ShareGroupCommand",
            *("--bootstrap-server", self._server.bootstrap, "--describe", "--verbose", *named, "--timeout", "30000"),
        )
        return _parse_tables(out)


def _parse_tables(out: str) -> dict[str, dict[tuple[str, int], dict[str, str]]]:
    """Parse the tables that the tools print: a line of column names, then rows, separated by spaces."""
    rows: dict[str, dict[tuple[str, int], dict[str, str]]] = {}
    columns: list[str] = []
    for line in out.splitlines():
        words = line.split()
        if words[:1] == ["GROUP"]:
            columns = words
        elif columns and len(words) == len(columns):
            values = dict(zip(columns, words, strict=True))
            if values["PARTITION"].isdecimal():
                rows.setdefault(values["GROUP"], {})[values["TOPIC"], int(values["PARTITION"])] = values
    return rows
