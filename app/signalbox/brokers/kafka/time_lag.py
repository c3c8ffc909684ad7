"""Read the age of the oldest unread message from the header of the record batch at a group's position.

Each response contains at least one batch, however large: so only a few partitions are read, and each position once.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import zip_longest

from signalbox.brokers.kafka.cluster_cache import ClusterCache
from signalbox.brokers.kafka.cluster_client import NO_RESPONSE, Purpose
from signalbox.brokers.kafka.errors import NONE
from signalbox.brokers.kafka.protocol.fetch import FetchedPartition, fetch_batches_request
from signalbox.brokers.model import UNKNOWN, Group, OldestUnread

TIMEOUT_S = 2.0
PARTITIONS_PER_GROUP = 3  # those with the highest lag
PARTITION_BYTES = 4096  # a larger batch is returned only if it is requested alone
SINGLE_REQUESTS_MAX = 20  # for larger batches, per leader and reading
CACHED_MAX = 10_000

Position = tuple[str, int, int]  # topic, partition, offset


@dataclass(slots=True, eq=False)
class OldestUnreadReader:
    """Reads the times, and caches them by position."""

    cache: ClusterCache
    _oldest: dict[Position, OldestUnread | None] = field(default_factory=dict)

    async def read(self, groups: Iterable[Group]) -> Mapping[str, list[OldestUnread]]:
        """Return what is known within TIMEOUT_S, by group; groups without an answer are left out."""
        by_group = {group.name: _worst_positions(group) for group in groups}
        missing = {position for positions in by_group.values() for position in positions} - self._oldest.keys()
        if len(self._oldest) > CACHED_MAX:
            self._oldest.clear()
        with suppress(TimeoutError):  # answers that came in time are cached
            async with asyncio.timeout(TIMEOUT_S):
                await self._fetch(missing)
        oldest = {name: [self._oldest.get(position) for position in rows] for name, rows in by_group.items()}
        return {name: known for name, rows in oldest.items() if (known := [row for row in rows if row is not None])}

    async def _fetch(self, positions: set[Position]) -> None:
        by_leader: dict[int, list[Position]] = {}
        for name, partition, offset in positions:
            topic = self.cache.partitions.topics.get(name)
            leader = topic.meta.leader[partition] if topic and partition < topic.partition_count else UNKNOWN
            if leader >= 0:
                by_leader.setdefault(leader, []).append((name, partition, offset))
        await asyncio.gather(*(self._fetch_from_leader(leader, rows) for leader, rows in by_leader.items()))

    async def _fetch_from_leader(self, leader: int, positions: list[Position]) -> None:
        with suppress(*NO_RESPONSE):  # the time lag is optional beside the lag
            too_large = [p for batch in _distinct_partitions(positions) for p in await self._request(leader, batch)]
            for position in too_large[:SINGLE_REQUESTS_MAX]:
                await self._request(leader, [position])

    async def _request(self, leader: int, positions: list[Position]) -> list[Position]:
        """Read these positions; return those whose batch was too large for this response."""
        by_topic: dict[str, list[tuple[int, int]]] = {}
        for topic, partition, offset in positions:
            by_topic.setdefault(topic, []).append((partition, offset))
        request = fetch_batches_request(by_topic, partition_bytes=PARTITION_BYTES)
        too_large = []
        for fetched in await self.cache.client.call(leader, request, Purpose.SLOW):
            position = (fetched.topic, fetched.partition, fetched.offset)
            if fetched.batch is not None:
                self._oldest[position] = _oldest_unread(fetched)
            elif fetched.only_markers:
                self.cache.partitions.add_markers(*position, fetched.end)
            elif fetched.error == NONE and len(positions) > 1:
                too_large.append(position)
        return too_large


def _distinct_partitions(positions: Iterable[Position]) -> Iterable[list[Position]]:
    """Split the positions so that each list contains a partition once: a request cannot contain it twice."""
    by_partition: dict[tuple[str, int], list[Position]] = {}
    for position in positions:
        by_partition.setdefault(position[:2], []).append(position)
    return ([position for position in row if position] for row in zip_longest(*by_partition.values()))


def _worst_positions(group: Group) -> list[Position]:
    rows = group.positions
    behind = [row for row, lag in enumerate(rows.lag) if lag > 0 and rows.settled[row] >= 0]
    positions = []
    for row in nlargest(PARTITIONS_PER_GROUP, behind, key=lambda row: rows.lag[row]):
        start = rows.start[row] if rows.start is not None else 0
        positions.append((rows.names[rows.destination[row]], rows.partition[row], max(rows.settled[row], start)))
    return positions


def _oldest_unread(fetched: FetchedPartition) -> OldestUnread | None:
    batch = fetched.batch
    if batch is None or batch.first_ms < 0:
        return None
    is_exact = fetched.offset <= batch.base_offset or batch.first_ms == batch.max_ms
    at = batch.first_ms / 1000
    return OldestUnread(destination=fetched.topic, partition=fetched.partition, at=at, exact=is_exact)
