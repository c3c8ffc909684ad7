"""Read end, last stable and start offsets from every partition leader, after the group offsets."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.cluster_cache import ClusterCache, broker_fault
from signalbox.brokers.kafka.cluster_client import Purpose
from signalbox.brokers.kafka.offset_table import OffsetRows
from signalbox.brokers.kafka.protocol import offsets as api
from signalbox.brokers.kafka.protocol.connection import Request, UnsupportedVersion
from signalbox.brokers.model import Fault
from signalbox.kernel.slices import in_slices

TOPICS_PER_SLICE = 100

OffsetResponse = list[tuple[str, bytes, str]]  # topic, undecoded rows, row format
ByLeader = Mapping[int, Mapping[str, Sequence[int]]]  # node -> topic -> partitions


class OffsetKind(Enum):
    """Which offset to read: (timestamp, isolation level)."""

    END = (api.LATEST, api.READ_UNCOMMITTED)
    STABLE = (
        api.LATEST,
        api.READ_COMMITTED,
    )  # read after END: messages written in between must not look like a transaction
    START = (api.EARLIEST, api.READ_UNCOMMITTED)


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
            self.requests[kind] = api.list_offsets_request(self.topics, timestamp=timestamp, isolation=isolation)
        return self.requests[kind]


def plan_requests(by_leader: ByLeader, purposes: Sequence[Purpose]) -> list[LeaderRequests]:
    """Distribute each leader's topics over these connections. Reuse the plan while the metadata stays the same."""
    return [
        LeaderRequests(leader=leader, purpose=purpose, topics=topics)
        for leader, led in by_leader.items()
        for number, purpose in enumerate(purposes)
        if (topics := dict(list(led.items())[number :: len(purposes)]))
    ]


async def read_partition_offsets(
    cache: ClusterCache, plan: Sequence[LeaderRequests], kinds: Sequence[OffsetKind]
) -> list[Fault]:
    """Ask every leader of the plan; return one fault for each request that a broker did not answer."""
    started_at = cache.clock()
    requests = [(leader, kind) for leader in plan for kind in kinds]
    failures = await asyncio.gather(*(_read_kind(cache, leader, kind) for leader, kind in requests))
    rows = sum(len(partitions) for leader in plan for partitions in leader.topics.values())
    i = cache.intervals
    intervals_s = {OffsetKind.END: cache.interval_s, OffsetKind.STABLE: i.stables_s, OffsetKind.START: i.starts_s}
    for kind in kinds:
        cache.record_call(f"ListOffsets ({kind.name.lower()})", intervals_s[kind], started_at, rows)
    return [broker_fault(leader.leader, error) for (leader, _), error in zip(requests, failures, strict=True) if error]


async def _read_kind(cache: ClusterCache, leader: LeaderRequests, kind: OffsetKind) -> BrokerError | None:
    requested_at, node = cache.clock(), leader.leader
    failure: BrokerError | None = None
    try:
        response = await cache.client.call(node, leader.request(kind), leader.purpose)
    except (BrokerError, UnsupportedVersion) as error:
        failure = cache.client.translate(error, node)
    else:
        await _store(cache, node, kind, response, requested_at)
    if failure is not None and kind is OffsetKind.END:
        cache.partitions.mark_leader_unavailable(node, leader.topics)
    return failure


async def _store(
    cache: ClusterCache, node: int, kind: OffsetKind, response: OffsetResponse, requested_at: float
) -> None:
    table = cache.partitions
    updates = (table.update_ends, table.update_stables, table.update_starts)
    update = dict(zip(OffsetKind, updates, strict=True))[kind]
    async for topic, rows, row_format in in_slices(response, TOPICS_PER_SLICE):
        update(OffsetRows(node, topic, rows, row_format, requested_at))
