"""Find out where nothing but transaction markers and aborted messages follows a group's position: there its lag is 0.

Such a tail ends with a marker. So the last batch of each lagging partition is looked at, once per end offset; only where it is
a marker, the headers of the batches from the position on are read.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from signalbox.brokers.kafka.cluster_cache import ClusterCache
from signalbox.brokers.kafka.cluster_client import NO_RESPONSE, Purpose
from signalbox.brokers.kafka.errors import DENIED, NONE
from signalbox.brokers.kafka.protocol.fetch import FetchedPartition, fetch_batches_request
from signalbox.brokers.model import UNKNOWN, Group, Why
from signalbox.kernel.slices import in_slices

GROUPS_PER_SLICE = 50  # 2,500 rows: 3 ms
PROBE_BYTES = 256  # a transaction marker has 78
PROBES_PER_REQUEST = 1000
# Partitions to look at per leader and reading; the others follow with the next one
FIRST_PROBES_MAX = 10_000  # that were never looked at
PROBES_MAX = 2000  # of topics with transactions
OTHER_PROBES_MAX = 500  # of other topics, which may get their first transaction
BUSY_LAG = 1000  # where messages keep arriving, so large a lag is not looked into
# Partitions of one request, and bytes of each: small batches together first, then what is left
ROUNDS = ((500, 4096), (100, 64 * 1024), *((16, 1024 * 1024),) * 6)
ROUNDS_WITHIN_S = 3.0  # what needs more rounds follows with the next reading

Partition = tuple[str, int]  # topic, partition


@dataclass(slots=True)
class OpenPartition:
    """A partition about which it is unknown whether messages follow the positions of some groups."""

    slot: int
    end: int  # or the last stable offset: after it, everything is undecided
    positions: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class TailChecker:
    """Looks into the lagging partitions of groups, at each end offset once."""

    cache: ClusterCache
    _settled: dict[str, Group] = field(default_factory=dict)  # by name: nothing about this group is open

    async def check(self, groups: Mapping[str, Group], purpose: Purpose) -> list[str]:
        """Look into the partitions of these groups; return those whose figures may have changed: build them again."""
        open_groups = [name for name, group in groups.items() if self._settled.get(name) is not group]
        if not open_groups:
            return []
        partitions = await self._open_partitions([groups[name] for name in open_groups])
        if partitions:
            leaders = self._by_leader(partitions)
            await asyncio.gather(*(self._read(leader, mine, purpose) for leader, mine in leaders.items()))
        self._settled = {name: group for name, group in self._settled.items() if name in self.cache.groups}
        async for name in in_slices(open_groups, GROUPS_PER_SLICE):
            if not any(self._open_rows(groups[name])):
                self._settled[name] = groups[name]
        return open_groups if partitions else []

    async def _open_partitions(self, groups: Iterable[Group]) -> dict[Partition, OpenPartition]:
        partitions: dict[Partition, OpenPartition] = {}
        async for group in in_slices(groups, GROUPS_PER_SLICE):
            for partition, slot, position, end in self._open_rows(group):
                found = partitions.setdefault(partition, OpenPartition(slot, end))
                found.positions.append(position)
        return partitions

    def _open_rows(self, group: Group) -> Iterator[tuple[Partition, int, int, int]]:
        """Yield partition, slot, position and stable end of the rows of which it is unknown whether messages follow."""
        rows, table = group.positions, self.cache.partitions
        contents, stables, ends = table.contents, table.stables, table.ends
        starts = rows.start or ()
        firsts = [table.topics[name].first_slot if name in table.topics else UNKNOWN for name in rows.names]
        for row, lag in enumerate(rows.lag):
            if lag <= 0 and not (lag == UNKNOWN and rows.row_why(row) is Why.NEVER_COMMITTED):
                continue
            first_slot = firsts[rows.destination[row]]
            slot, end = first_slot + rows.partition[row], rows.arrived[row]
            if first_slot == UNKNOWN or end <= 0 or slot >= len(ends) or ends[slot] != end:
                continue
            position = rows.first_unread[row] if rows.first_unread is not None else max(rows.settled[row], starts[row])
            limit = stables[slot] if stables[slot] >= 0 else end
            if position < 0 or contents.is_decided(slot, position, limit):
                continue
            if contents.probed.get(slot) != limit or slot in contents.marker_tails:
                yield (rows.names[rows.destination[row]], rows.partition[row]), slot, position, limit

    def _by_leader(self, partitions: Mapping[Partition, OpenPartition]) -> dict[int, dict[Partition, OpenPartition]]:
        leaders: dict[int, dict[Partition, OpenPartition]] = {}
        topics = self.cache.partitions.topics
        # Topics with transactions first, then the smallest lags: they are the most likely to be none.
        for key, partition in sorted(
            partitions.items(),
            key=lambda item: (not topics[item[0][0]].may_hold_markers, item[1].end - max(item[1].positions)),
        ):
            leader = topics[key[0]].meta.leader[key[1]]
            if leader >= 0:
                leaders.setdefault(leader, {})[key] = partition
        return leaders

    async def _read(self, leader: int, partitions: dict[Partition, OpenPartition], purpose: Purpose) -> None:
        with suppress(*NO_RESPONSE):  # without an answer the lag is a maximum
            busy = await self._probe(leader, partitions, purpose)
            await self._walk(leader, partitions, busy, purpose)

    async def _probe(self, leader: int, partitions: dict[Partition, OpenPartition], purpose: Purpose) -> set[int]:
        """Look at the last batch of each partition; return the slots where messages arrived since the last time."""
        contents = self.cache.partitions.contents
        probes = list(self._choose_probes(partitions))
        busy = {partitions[key].slot for key, _ in probes if partitions[key].slot in contents.probed}
        for first in range(0, len(probes), PROBES_PER_REQUEST):
            positions = dict(probes[first : first + PROBES_PER_REQUEST])
            request = fetch_batches_request(_by_topic(positions), partition_bytes=PROBE_BYTES)
            for fetched in await self.cache.client.call(leader, request, purpose):
                if (partition := partitions.get((fetched.topic, fetched.partition))) is not None:
                    self._store_probe(partition, fetched)
        return busy

    def _choose_probes(self, partitions: Mapping[Partition, OpenPartition]) -> Iterator[tuple[Partition, int]]:
        table = self.cache.partitions
        left = {"first": FIRST_PROBES_MAX, "transactions": PROBES_MAX, "other": OTHER_PROBES_MAX}
        for key, partition in partitions.items():
            probed = table.contents.probed.get(partition.slot)
            if probed == partition.end:
                continue
            kind = "first" if probed is None else "transactions" if table.topics[key[0]].may_hold_markers else "other"
            left[kind] -= 1
            if left[kind] >= 0:
                yield key, partition.end - 1

    def _store_probe(self, partition: OpenPartition, fetched: FetchedPartition) -> None:
        table, contents = self.cache.partitions, self.cache.partitions.contents
        if fetched.error not in (NONE, *DENIED):
            return
        contents.probed[partition.slot] = partition.end
        contents.marker_tails.discard(partition.slot)
        if fetched.error in DENIED:
            table.mark_may_hold_markers(fetched.topic)
        elif fetched.empty_until >= partition.end:
            contents.marker_tails.add(partition.slot)
        else:  # a batch larger than a marker is one of messages, and comes back empty
            contents.add_message(partition.slot, partition.end - 1)
        if fetched.transactional:
            table.mark_may_hold_markers(fetched.topic)

    async def _walk(
        self, leader: int, partitions: dict[Partition, OpenPartition], busy: set[int], purpose: Purpose
    ) -> None:
        """Read the headers from the positions on, the one next to the end first: messages there wait for all others too."""
        contents = self.cache.partitions.contents
        until = self.cache.clock() + ROUNDS_WITHIN_S
        left = {key: p for key, p in partitions.items() if p.slot in contents.marker_tails}
        for partitions_max, partition_bytes in ROUNDS:
            wanted: dict[Partition, int] = {}
            for key, partition in left.items():
                position = self._next_position(partition, skip_far=partition.slot in busy)
                if position is not None and len(wanted) < partitions_max:
                    wanted[key] = position
            if not wanted or self.cache.clock() > until:
                return
            request = fetch_batches_request(_by_topic(wanted), partition_bytes=partition_bytes, committed_only=True)
            for fetched in await self.cache.client.call(leader, request, purpose):
                key = (fetched.topic, fetched.partition)
                if key in left and not self._store(left[key], fetched):
                    del left[key]

    def _next_position(self, partition: OpenPartition, *, skip_far: bool) -> int | None:
        contents = self.cache.partitions.contents
        undecided = [
            position
            for position in partition.positions
            if not contents.is_decided(partition.slot, position, partition.end)
        ]
        nearest = max(undecided, default=None)
        if nearest is None or (skip_far and partition.end - nearest > BUSY_LAG):
            return None
        return contents.first_unread(partition.slot, nearest)

    def _store(self, partition: OpenPartition, fetched: FetchedPartition) -> bool:
        """Store what the headers say; return False if no more can be read now: an open transaction follows, or an error."""
        table = self.cache.partitions
        table.add_empty(fetched.topic, fetched.partition, fetched.offset, fetched.empty_until)
        if fetched.batch is not None:
            table.contents.add_message(partition.slot, fetched.batch.last_offset)
        return fetched.error == NONE and not fetched.stable <= fetched.empty_until < partition.end


def _by_topic(positions: Mapping[Partition, int]) -> dict[str, list[tuple[int, int]]]:
    by_topic: dict[str, list[tuple[int, int]]] = {}
    for (topic, partition), offset in positions.items():
        by_topic.setdefault(topic, []).append((partition, offset))
    return by_topic
