"""Read end, last stable and start offsets from every partition leader, each within its own deadline, after the group offsets."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.cluster_cache import ClusterCache, broker_fault
from signalbox.brokers.kafka.cluster_client import Purpose
from signalbox.brokers.kafka.offset_table import OffsetRows
from signalbox.brokers.kafka.protocol.connection import Request, UnsupportedVersion
from signalbox.brokers.kafka.protocol.offsets import (
    EARLIEST,
    LATEST,
    READ_COMMITTED,
    READ_UNCOMMITTED,
    list_offsets_request,
)
from signalbox.brokers.model import Fault

TOPICS_PER_SLICE = 100

OffsetResponse = list[tuple[str, bytes, str]]  # topic, undecoded rows, row format
ByLeader = Mapping[int, Mapping[str, Sequence[int]]]  # node -> topic -> partitions


class OffsetKind(Enum):
    """Which offset to read: (timestamp, isolation level)."""

    END = (LATEST, READ_UNCOMMITTED)
    STABLE = (LATEST, READ_COMMITTED)  # read after END: messages written in between must not look like a transaction
    START = (EARLIEST, READ_UNCOMMITTED)


@dataclass(slots=True, kw_only=True, eq=False)
class LeaderRequests:
    """The requests to one leader over one connection, which keeps the order of requests about a partition."""

    leader: int
    purpose: Purpose
    topics: Mapping[str, Sequence[int]]
    requests: dict[OffsetKind, Request[OffsetResponse]] = field(default_factory=dict)

    def request(self, kind: OffsetKind) -> Request[OffsetResponse]:
        if kind not in self.requests:
            timestamp, isolation = kind.value
            self.requests[kind] = list_offsets_request(self.topics, timestamp=timestamp, isolation=isolation)
        return self.requests[kind]


@dataclass(slots=True, kw_only=True, eq=False)
class OffsetPlan:
    """All leaders with their partitions and requests. Reused while the metadata stays the same."""

    metadata_marker: object = None
    leaders: list[LeaderRequests] = field(default_factory=list)

    @classmethod
    def create(cls, by_leader: ByLeader, purposes: Sequence[Purpose], metadata_marker: object = None) -> "OffsetPlan":
        """Distribute each leader's topics over these connections."""
        leaders = [
            LeaderRequests(leader=leader, purpose=purpose, topics=topics)
            for leader, led in by_leader.items()
            for number, purpose in enumerate(purposes)
            if (topics := dict(list(led.items())[number :: len(purposes)]))
        ]
        return cls(metadata_marker=metadata_marker, leaders=leaders)


async def read_partition_offsets(cache: ClusterCache, plan: OffsetPlan, kinds: Sequence[OffsetKind]) -> list[Fault]:
    """Ask every leader of the plan; return one fault for each request that a broker did not answer."""
    started_at = cache.clock()
    requests = [(leader, kind) for leader in plan.leaders for kind in kinds]
    failures = await asyncio.gather(*(_read_kind(cache, leader, kind) for leader, kind in requests))
    rows = sum(len(partitions) for leader in plan.leaders for partitions in leader.topics.values())
    for kind in kinds:
        cache.record_call(f"ListOffsets ({kind.name.lower()})", _interval_s(cache, kind), started_at, rows)
    return [broker_fault(leader.leader, error) for (leader, _), error in zip(requests, failures, strict=True) if error]


def _interval_s(cache: ClusterCache, kind: OffsetKind) -> float:
    i = cache.intervals
    return {OffsetKind.END: i.sweep_s, OffsetKind.STABLE: i.stables_s, OffsetKind.START: i.starts_s}[kind]


async def _read_kind(cache: ClusterCache, leader: LeaderRequests, kind: OffsetKind) -> BrokerError | None:
    """Read one kind of offset from one leader; return the error, if any."""
    requested_at, node = cache.clock(), leader.leader
    failure: BrokerError | None = None
    try:
        async with asyncio.timeout(cache.deadline_s()):
            response = await cache.client.call(node, leader.request(kind), leader.purpose)
            await _store(cache, node, kind, response, requested_at)
    except BrokerError as error:
        failure = error
    except (TimeoutError, UnsupportedVersion):
        failure = cache.client.timeout_error(node)
    if failure is not None and kind is OffsetKind.END:
        cache.partitions.mark_leader_unavailable(node, leader.topics)
    return failure


async def _store(
    cache: ClusterCache, node: int, kind: OffsetKind, response: OffsetResponse, requested_at: float
) -> None:
    table = cache.partitions
    updates = (table.update_ends, table.update_stables, table.update_starts)
    update = dict(zip(OffsetKind, updates, strict=True))[kind]
    for number, (topic, rows, row_format) in enumerate(response):
        update(OffsetRows(node, topic, rows, row_format, requested_at))
        if number % TOPICS_PER_SLICE == TOPICS_PER_SLICE - 1:
            await asyncio.sleep(0)
