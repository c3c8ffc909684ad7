"""States of a Kafka cluster that are easy to read wrongly, seeded together: record times, transactions, deleted and empty logs."""

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

from tests.support.kafka import KafkaClient

if TYPE_CHECKING:
    from collections.abc import Awaitable

DAY_S = 86_400.0
FAR_OFFSET = 2**63 - 1
ANY_TIME = {"message_timestamp_after_max_ms": str(FAR_OFFSET), "retention_ms": "-1"}
MARKED_PARTITIONS = 60
BUSY_PARTITIONS = 9


@dataclass(slots=True)
class Seeder:
    client: KafkaClient
    bootstrap: str
    open_producer: Producer | None = None  # its transaction stays open

    async def seed(self) -> None:
        """Bring the cluster into all states. Groups are called like their topic with `-readers`, unless a state says otherwise."""
        seeds: list[Awaitable[None]] = [
            self._record_times(),
            self._no_time(),
            self._transactions(),
            self._deleted(),
            self._far_offsets(),
            self._quiet_among_busy(),
            self._compacted(),
        ]
        await asyncio.gather(*seeds)

    async def produce_at(self, topic: str, partition: int, count: int, at_s: float, *, key: bytes = b"k") -> None:
        """Produce one batch of records that carry this time as their timestamp."""
        await asyncio.to_thread(self._produce_at, topic, partition, count, int(at_s * 1000), key)

    def _produce_at(self, topic: str, partition: int, count: int, at_ms: int, key: bytes) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 50})
        for _ in range(count):
            producer.produce(topic, b"x", key=key, partition=partition, timestamp=at_ms)
        assert producer.flush(20) == 0

    async def _with_commit(self, topic: str, positions: dict[int, int], **config: str) -> None:
        await self.client.create(topic, max(positions) + 1, **config)
        await self.client.commit(f"{topic}-readers", {(topic, partition): at for partition, at in positions.items()})

    async def _record_times(self) -> None:
        now = time.time()
        await self._with_commit("time-append", {0: 0}, message_timestamp_type="LogAppendTime")
        await self.produce_at("time-append", 0, 10, now - 30 * DAY_S)
        stamps = {"seconds": now / 1000, "one": 0.001, "micro": now * 1000, "ahead": now + 1800, "old": now - 3 * DAY_S}
        for name, stamp in stamps.items():
            await self._with_commit(f"time-{name}", {0: 0}, **ANY_TIME)
            await self.produce_at(f"time-{name}", 0, 5, stamp)

    async def _no_time(self) -> None:
        await self._with_commit("time-none", {0: 0}, **ANY_TIME)
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await producer.start()
        try:
            batch = producer.create_batch()
            assert batch.append(key=None, value=b"x", timestamp=-1) is not None
            batch.close()
            await (await producer.send_batch(batch, "time-none", partition=0))
        finally:
            await producer.stop()

    async def _transactions(self) -> None:
        await self._with_commit("tx-markers", dict.fromkeys(range(MARKED_PARTITIONS), 1))
        await self._with_commit("tx-aborted", {0: 5, 1: 0, 2: 0})
        await self._with_commit("tx-behind", {0: 1})
        await self._with_commit("tx-open", {0: 1})
        await self._with_commit("lost-marker", {0: 1, 1: 1})
        await asyncio.to_thread(self._write_transactions)
        for partition, before in ((0, 2), (1, 4)):
            await self.client.delete_records("lost-marker", partition, before)

    def _write_transactions(self) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": "states-writer", "linger.ms": 20})
        producer.init_transactions(30)
        producer.begin_transaction()
        for partition in range(MARKED_PARTITIONS):
            producer.produce("tx-markers", b"x", partition=partition)
        for topic, partition in (("tx-behind", 0), ("tx-open", 0), ("lost-marker", 0), ("lost-marker", 1)):
            producer.produce(topic, b"x", partition=partition)
        for _ in range(5):
            producer.produce("tx-aborted", b"read", partition=0)
        producer.commit_transaction(30)
        producer.begin_transaction()
        for _ in range(7):
            producer.produce("tx-aborted", b"aborted", partition=0)
            producer.produce("tx-aborted", b"aborted", partition=1)
        for _ in range(20):  # several batches larger than one look at a partition
            producer.produce("tx-aborted", bytes(200_000), partition=2)
        producer.flush(20)
        producer.abort_transaction(30)
        producer.begin_transaction()
        for topic, partition in (("tx-behind", 0), ("lost-marker", 1)):
            producer.produce(topic, b"x", partition=partition)
        producer.commit_transaction(30)
        self.open_producer = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": "states-open"})
        self.open_producer.init_transactions(30)
        self.open_producer.begin_transaction()
        self.open_producer.produce("tx-open", b"x", partition=0)
        assert self.open_producer.flush(20) == 0

    async def _compacted(self) -> None:
        """Write a tombstone that the log cleaner gives a delete horizon; it cleans once later segments exist."""
        config = {"segment_ms": "200", "min_cleanable_dirty_ratio": "0.001", "max_compaction_lag_ms": "1"}
        await self._with_commit("time-cleaned", {0: 0}, cleanup_policy="compact", **config)
        await asyncio.to_thread(self._write_tombstone, int((time.time() - 3 * 3600) * 1000))

    def _write_tombstone(self, at_ms: int) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 500})
        for number in range(3):
            producer.produce("time-cleaned", b"v", key=b"k%d" % number, partition=0, timestamp=at_ms)
        producer.produce("time-cleaned", None, key=b"gone", partition=0, timestamp=at_ms)
        assert producer.flush(20) == 0

    async def _deleted(self) -> None:
        for topic in ("lost-all", "lost-part", "emptied"):
            await self._with_commit(topic, {0: 100 if topic == "emptied" else 10})
            await self.client.produce(topic, 0, 100)
            await self.client.delete_records(topic, 0, 60 if topic == "lost-part" else 100)

    async def _far_offsets(self) -> None:
        await self._with_commit("far", {0: FAR_OFFSET, 1: 2, 2: 2**53 + 1})
        for partition in range(3):
            await self.client.produce("far", partition, 5)

    async def _quiet_among_busy(self) -> None:
        await self._with_commit("busy", dict.fromkeys(range(BUSY_PARTITIONS), 0), **ANY_TIME)
        for partition in range(BUSY_PARTITIONS - 1):
            await self.produce_at("busy", partition, 50, time.time())
        await self.produce_at("busy", BUSY_PARTITIONS - 1, 1, time.time() - 3 * DAY_S)
