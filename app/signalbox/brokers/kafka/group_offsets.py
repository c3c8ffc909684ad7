"""Read the offsets of all groups: each broker returns those of the groups that it coordinates."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.cluster_cache import ClusterCache
from signalbox.brokers.kafka.cluster_client import SWEEP_PURPOSES, Purpose
from signalbox.brokers.kafka.protocol import groups as group_api
from signalbox.brokers.kafka.protocol import offsets as offset_api
from signalbox.brokers.kafka.protocol.connection import Request, UnsupportedVersion

ROWS_PER_BATCH = 10_000  # decoded in one step: 4 ms
ROWS_EXPECTED = 50  # of a group that was not read yet
REQUESTS_IN_FLIGHT = 10
SINGLE_REQUESTS_IN_FLIGHT = 50  # for old brokers, where each request contains one group
GROUPS_PER_SLICE = 200

T = TypeVar("T")
GroupOffsets = offset_api.CommittedOffsets | group_api.ShareOffsets


@dataclass(slots=True, kw_only=True, eq=False)
class NodeAnswers:
    """What one broker returned in one reading. `offsets`: group -> (requested at, offsets; None = unchanged)."""

    node: int
    group_list: group_api.ListedGroups | None = None
    offsets: dict[str, tuple[float, GroupOffsets | None]] = field(default_factory=dict)
    failure: BrokerError | None = None


async def read_group_offsets(cache: ClusterCache) -> list[NodeAnswers]:
    started_at = cache.clock()
    all_answers = [NodeAnswers(node=node) for node in sorted(cache.client.addresses)]
    async with asyncio.TaskGroup() as tasks:
        for answers in all_answers:
            tasks.create_task(NodeReader(cache, answers).read_all())
    rows = sum(len(answers.offsets) for answers in all_answers)
    cache.record_call("OffsetFetch", cache.interval_s, started_at, rows)
    return all_answers


def select_groups(
    cache: ClusterCache, node: int, group_list: group_api.ListedGroups
) -> dict[str, group_api.GroupListing]:
    """Return the groups of the list that pass the name filter, by name; computed once per list."""
    selected = cache.listed_groups.get(node)
    if selected is None or selected[0] is not group_list:
        includes = cache.settings.includes
        rows = {row.group: row for row in group_list.rows if includes(row.group)}
        selected = cache.listed_groups[node] = (group_list, rows)
    return selected[1]


@dataclass(slots=True, eq=False)
class NodeReader:
    """Reads groups from one broker into `answers`, failures included."""

    cache: ClusterCache
    answers: NodeAnswers

    async def read_all(self) -> None:
        """Request the list and, at the same time, the offsets of known groups; then the offsets of new groups in the list."""
        cache, node = self.cache, self.answers.node
        known = {name: group.listing.type for name, group in cache.groups.items() if group.node == node}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_list())
            tasks.create_task(self.read_offsets(known, SWEEP_PURPOSES))
        if self.answers.group_list is not None:
            listings = select_groups(cache, node, self.answers.group_list)
            new = {name: row.type for name, row in listings.items() if known.get(name) != row.type}
            await self.read_offsets(new, SWEEP_PURPOSES)

    async def _read_list(self) -> None:
        client, node = self.cache.client, self.answers.node
        try:
            self.answers.group_list = await client.call(
                node, group_api.list_groups_request(self.cache.group_lists.get(node))
            )
        except (BrokerError, UnsupportedVersion) as error:
            self.answers.failure = client.translate(error, node)

    async def read_offsets(self, types: dict[str, str], purposes: Sequence[Purpose]) -> None:
        """Request the offsets of these groups (name -> type) in batches, several in flight, over these connections in turn."""
        if not types:
            return
        shares = [name for name, group_type in types.items() if group_type == group_api.SHARE]
        others = [name for name, group_type in types.items() if group_type != group_api.SHARE]
        try:
            batched = await self.cache.client.supports(self.answers.node, offset_api.OFFSET_FETCH, purposes[0])
        except BrokerError as error:
            self.answers.failure = error
            return
        limit = asyncio.Semaphore(REQUESTS_IN_FLIGHT if batched else SINGLE_REQUESTS_IN_FLIGHT)
        batches = self._batches(others) if batched else [[name] for name in others]
        async with asyncio.TaskGroup() as tasks:
            for batch, purpose in zip(batches, itertools.cycle(purposes), strict=False):
                tasks.create_task(self._read_batch(batch, batched=batched, limit=limit, purpose=purpose))
            for first in range(0, len(shares), GROUPS_PER_SLICE):
                batch = shares[first : first + GROUPS_PER_SLICE]
                tasks.create_task(self._read_shares(batch, limit=limit, purpose=purposes[0]))

    def _batches(self, groups: Sequence[str]) -> list[list[str]]:
        batches: list[list[str]] = []
        rows = ROWS_PER_BATCH
        for name in groups:
            cached = self.cache.groups.get(name)
            expected = len(cached.committed.partition) + 1 if cached and cached.committed else ROWS_EXPECTED
            if rows + expected > ROWS_PER_BATCH:
                batches.append([])
                rows = 0
            batches[-1].append(name)
            rows += expected
        return batches

    async def _read_batch(self, batch: list[str], *, batched: bool, limit: asyncio.Semaphore, purpose: Purpose) -> None:
        async with limit:
            requested_at = self.cache.clock()
            raw = [cached.raw if (cached := self.cache.groups.get(name)) else b"" for name in batch]
            request = offset_api.committed_offsets_request(batch, raw)
            if not batched:
                request = offset_api.single_group_offsets_request(batch[0], raw[0])
            for offsets in await self._call(request, purpose) or ():
                if isinstance(offsets, int):
                    self.answers.offsets[batch[offsets]] = (requested_at, None)
                else:
                    self.answers.offsets[offsets.group] = (requested_at, offsets)
            await asyncio.sleep(0)

    async def _read_shares(self, batch: list[str], *, limit: asyncio.Semaphore, purpose: Purpose) -> None:
        async with limit:
            requested_at = self.cache.clock()
            for offsets in await self._call(group_api.share_offsets_request(batch), purpose) or ():
                cached = self.cache.groups.get(offsets.group)
                unchanged = cached is not None and cached.share == offsets
                self.answers.offsets[offsets.group] = (requested_at, None if unchanged else offsets)

    async def _call(self, request: Request[T], purpose: Purpose) -> T | None:
        try:
            return await self.cache.client.call(self.answers.node, request, purpose)
        except BrokerError as error:
            self.answers.failure = error
        except UnsupportedVersion:
            pass  # this broker does not support offsets of share groups: they remain unread
        return None
