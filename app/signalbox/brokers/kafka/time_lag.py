"""Read the age of the oldest unread message from the header of the record batch at a group's position.

Each response contains at least one batch, however large: so only a few partitions are read, and each position once.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import islice, zip_longest

from signalbox.brokers.kafka.cluster_cache import ClusterCache
from signalbox.brokers.kafka.cluster_client import NO_RESPONSE, Purpose
from signalbox.brokers.kafka.errors import NONE
from signalbox.brokers.kafka.protocol.fetch import BatchTimes, FetchedPartition, fetch_batches_request
from signalbox.brokers.model import UNKNOWN, Group, OldestUnread

WORST_PER_GROUP = 3  # the partitions with the highest lag, each time
OTHERS_PER_GROUP = 5  # of the other partitions, in turn
PARTITION_BYTES = 4096  # a larger batch is returned only if it is requested alone
SINGLE_REQUESTS_MAX = 20  # for larger batches, per leader and reading
CACHED_MAX = 50_000
EARLIEST_S = 1_293_840_000.0  # 2011: no record is older than Kafka, so an earlier time is in a wrong unit or not set

Position = tuple[str, int, int]  # topic, partition, offset


@dataclass(slots=True, eq=False)
class OldestUnreadReader:
    """Reads the times, and caches them by position."""

    cache: ClusterCache
    _oldest: dict[Position, OldestUnread | None] = field(default_factory=dict)
    _requested: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)  # group -> partition -> turn
    _turn: int = 0

    async def read(self, groups: Iterable[Group]) -> Mapping[str, list[OldestUnread]]:
        """Return what is known within `timeout_s`, by group; groups without an answer are left out."""
        by_group = {group.name: _lagging_positions(group) for group in groups}
        if len(self._oldest) > CACHED_MAX:
            self._oldest.clear()
        self._turn += 1
        missing = {position for name, rows in by_group.items() for position in self._choose(name, rows)}
        with suppress(TimeoutError):  # answers that came in time are cached
            async with asyncio.timeout(self.cache.settings.timeout_s):
                await self._fetch(missing)
        oldest = {name: [self._oldest.get(position) for position, _ in rows] for name, rows in by_group.items()}
        return {name: known for name, rows in oldest.items() if (known := [row for row in rows if row is not None])}

    def _choose(self, group: str, rows: list[tuple[Position, int]]) -> list[Position]:
        """Return the positions to read now: the highest lags, and of the others those that waited longest for their turn."""
        turns = self._requested.get(group, {})
        worst = [position for position, _ in nlargest(WORST_PER_GROUP, rows, key=lambda row: row[1])]
        others = [p for p, _ in rows if p not in self._oldest and p not in set(worst)]
        others.sort(key=lambda position: turns.get(position[:2], 0))
        chosen = [*(p for p in worst if p not in self._oldest), *others[:OTHERS_PER_GROUP]]
        lagging = {position[:2] for position, _ in rows}
        self._requested[group] = {key: turn for key, turn in turns.items() if key in lagging} | {
            position[:2]: self._turn for position in chosen
        }
        return chosen

    async def _fetch(self, positions: set[Position]) -> None:
        by_leader: dict[tuple[int, bool], list[Position]] = {}
        for name, partition, offset in positions:
            topic = self.cache.partitions.topics.get(name)
            leader = topic.meta.leader[partition] if topic and partition < topic.partition_count else UNKNOWN
            if topic is not None and leader >= 0:
                stable = self.cache.partitions.stables[topic.first_slot + partition]
                committed_only = not 0 <= stable <= offset  # inside an open transaction, all that is there is undecided
                by_leader.setdefault((leader, committed_only), []).append((name, partition, offset))
        await asyncio.gather(*(self._fetch_from_leader(*key, rows) for key, rows in by_leader.items()))

    async def _fetch_from_leader(self, leader: int, committed_only: bool, positions: list[Position]) -> None:
        with suppress(*NO_RESPONSE):  # the time lag is optional beside the lag
            batches = _distinct_partitions(positions)
            too_large = [p for batch in batches for p in await self._request(leader, batch, committed_only)]
            for position in islice(too_large, SINGLE_REQUESTS_MAX):
                await self._request(leader, [position], committed_only)

    async def _request(self, leader: int, positions: list[Position], committed_only: bool) -> list[Position]:
        """Read these positions; return those whose batch was too large for this response."""
        by_topic: dict[str, list[tuple[int, int]]] = {}
        for topic, partition, offset in positions:
            by_topic.setdefault(topic, []).append((partition, offset))
        request = fetch_batches_request(by_topic, partition_bytes=PARTITION_BYTES, committed_only=committed_only)
        too_large = []
        for fetched in await self.cache.client.call(leader, request, Purpose.SLOW):
            position = (fetched.topic, fetched.partition, fetched.offset)
            self.cache.partitions.add_empty(*position, fetched.empty_until)
            if fetched.transactional:
                self.cache.partitions.mark_may_hold_markers(fetched.topic)
            if fetched.batch is not None:
                self._oldest[position] = _oldest_unread(fetched, fetched.batch, self.cache.clock())
            elif fetched.error == NONE and fetched.empty_until == fetched.offset and len(positions) > 1:
                too_large.append(position)
        return too_large


def _distinct_partitions(positions: Iterable[Position]) -> Iterable[list[Position]]:
    """Split the positions so that each list contains a partition once: a request cannot contain it twice."""
    by_partition: dict[tuple[str, int], list[Position]] = {}
    for position in positions:
        by_partition.setdefault(position[:2], []).append(position)
    return ([position for position in row if position] for row in zip_longest(*by_partition.values()))


def _lagging_positions(group: Group) -> list[tuple[Position, int]]:
    """Return the positions of the rows with lag, and their lags."""
    rows = group.positions
    starts = rows.start or rows.settled
    firsts = rows.first_unread or list(map(max, rows.settled, starts))
    return [
        ((rows.names[rows.destination[row]], rows.partition[row], firsts[row]), lag)
        for row, lag in enumerate(rows.lag)
        if lag > 0 and firsts[row] >= 0
    ]


def _oldest_unread(fetched: FetchedPartition, batch: BatchTimes, now: float) -> OldestUnread | None:
    """Return the time of the first unread message, or a bound of it; None for a time that no clock can have given it."""
    is_bound = batch.first_ms is None  # the header tells only that no record is newer than the newest one
    first_ms = batch.max_ms if batch.first_ms is None else batch.first_ms
    at = first_ms / 1000
    if not EARLIEST_S <= at <= now:
        return None
    is_first = fetched.offset <= batch.base_offset or first_ms == batch.max_ms
    return OldestUnread(
        destination=fetched.topic,
        partition=fetched.partition,
        at=at,
        exact=is_first and not is_bound,
        at_least=is_bound,
        position=fetched.offset,
    )
