"""Read the offsets of all groups: each broker returns those of the groups that it coordinates, within its own deadline."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.cluster_cache import ClusterCache
from signalbox.brokers.kafka.cluster_client import SWEEP_PURPOSES, Purpose
from signalbox.brokers.kafka.protocol.connection import Request, UnsupportedVersion
from signalbox.brokers.kafka.protocol.groups import (
    SHARE,
    GroupList,
    GroupListing,
    ShareOffsets,
    list_groups_request,
    share_offsets_request,
)
from signalbox.brokers.kafka.protocol.offsets import (
    OFFSET_FETCH,
    CommittedOffsets,
    committed_offsets_request,
    single_group_offsets_request,
)

ROWS_PER_BATCH = 10_000  # decoded in one step: 4 ms
ROWS_EXPECTED = 50  # of a group that was not read yet
REQUESTS_IN_FLIGHT = 10
SINGLE_REQUESTS_IN_FLIGHT = 50  # for old brokers, where each request contains one group
GROUPS_PER_SLICE = 200
PROTOCOL_TYPES = frozenset(
    {"consumer", "", "share", "streams"}
)  # groups of other types (Connect workers) read no topic

T = TypeVar("T")
GroupOffsets = CommittedOffsets | ShareOffsets


@dataclass(slots=True, kw_only=True, eq=False)
class NodeAnswers:
    """What one broker returned in one reading. `offsets`: group -> (requested at, offsets; None = unchanged)."""

    node: int
    group_list: GroupList | None = None
    offsets: dict[str, tuple[float, GroupOffsets | None]] = field(default_factory=dict)
    failure: BrokerError | None = None


async def read_group_offsets(cache: ClusterCache) -> list[NodeAnswers]:
    """Ask every broker for its groups and their offsets."""
    started_at = cache.clock()
    all_answers = [NodeAnswers(node=node) for node in sorted(cache.client.addresses)]
    async with asyncio.TaskGroup() as tasks:
        for answers in all_answers:
            tasks.create_task(_read_node(cache, answers))
    rows = sum(len(answers.offsets) for answers in all_answers)
    cache.record_call("OffsetFetch", cache.intervals.sweep_s, started_at, rows)
    return all_answers


async def _read_node(cache: ClusterCache, answers: NodeAnswers) -> None:
    """Request the list and, at the same time, the offsets of known groups; then the offsets of new groups in the list."""
    known = {name: group.listing.type for name, group in cache.groups.items() if group.node == answers.node}
    try:
        async with asyncio.timeout(cache.deadline_s()):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_read_list(cache, answers))
                tasks.create_task(read_offsets(cache, answers, known, SWEEP_PURPOSES))
            if answers.group_list is not None:
                listings = select_groups(cache, answers.node, answers.group_list)
                new = {name: row.type for name, row in listings.items() if known.get(name) != row.type}
                await read_offsets(cache, answers, new, SWEEP_PURPOSES)
    except TimeoutError:
        answers.failure = cache.client.timeout_error(answers.node)


async def _read_list(cache: ClusterCache, answers: NodeAnswers) -> None:
    request = list_groups_request(cache.group_lists.get(answers.node))
    try:
        answers.group_list = await cache.client.call(answers.node, request)
    except BrokerError as error:
        answers.failure = error
    except UnsupportedVersion as error:
        answers.failure = cache.client.timeout_error(answers.node)
        answers.failure.__cause__ = error


def select_groups(cache: ClusterCache, node: int, group_list: GroupList) -> dict[str, GroupListing]:
    """Return the consumer groups of the list that pass the name filter, by name; computed once per list."""
    selected = cache.listed_groups.get(node)
    if selected is None or selected[0] is not group_list:
        is_shown = cache.settings.includes
        rows = {row.group: row for row in group_list.rows if row.protocol in PROTOCOL_TYPES and is_shown(row.group)}
        selected = cache.listed_groups[node] = (group_list, rows)
    return selected[1]


async def read_offsets(
    cache: ClusterCache, answers: NodeAnswers, types: dict[str, str], purposes: Sequence[Purpose]
) -> None:
    """Request the offsets of these groups (name -> type) in batches, several in flight, distributed over the connections.

    Failures are recorded in `answers`.
    """
    if not types:
        return
    shares = [name for name, group_type in types.items() if group_type == SHARE]
    others = [name for name, group_type in types.items() if group_type != SHARE]
    try:
        many = await cache.client.supports(answers.node, OFFSET_FETCH, purposes[0])
    except BrokerError as error:
        answers.failure = error
        return
    limit = asyncio.Semaphore(REQUESTS_IN_FLIGHT if many else SINGLE_REQUESTS_IN_FLIGHT)
    batches = _batches(cache, others) if many else [[name] for name in others]
    async with asyncio.TaskGroup() as tasks:
        for batch, purpose in zip(batches, itertools.cycle(purposes), strict=False):
            tasks.create_task(_read_batch(cache, answers, batch, many=many, limit=limit, purpose=purpose))
        for first in range(0, len(shares), GROUPS_PER_SLICE):
            batch = shares[first : first + GROUPS_PER_SLICE]
            tasks.create_task(_read_shares(cache, answers, batch, limit=limit, purpose=purposes[0]))


def _batches(cache: ClusterCache, groups: Sequence[str]) -> list[list[str]]:
    batches: list[list[str]] = []
    rows = ROWS_PER_BATCH
    for name in groups:
        cached = cache.groups.get(name)
        expected = len(cached.committed.partition) + 1 if cached and cached.committed else ROWS_EXPECTED
        if rows + expected > ROWS_PER_BATCH:
            batches.append([])
            rows = 0
        batches[-1].append(name)
        rows += expected
    return batches


async def _read_batch(
    cache: ClusterCache,
    answers: NodeAnswers,
    batch: list[str],
    *,
    many: bool,
    limit: asyncio.Semaphore,
    purpose: Purpose,
) -> None:
    async with limit:
        requested_at = cache.clock()
        previous = [cached.raw if (cached := cache.groups.get(name)) else b"" for name in batch]
        request = (
            committed_offsets_request(batch, previous) if many else single_group_offsets_request(batch[0], previous[0])
        )
        for offsets in await _call(cache, answers, request, purpose) or ():
            if isinstance(offsets, int):
                answers.offsets[batch[offsets]] = (requested_at, None)
            else:
                answers.offsets[offsets.group] = (requested_at, offsets)
        await asyncio.sleep(0)


async def _read_shares(
    cache: ClusterCache, answers: NodeAnswers, batch: list[str], *, limit: asyncio.Semaphore, purpose: Purpose
) -> None:
    async with limit:
        requested_at = cache.clock()
        for offsets in await _call(cache, answers, share_offsets_request(batch), purpose) or ():
            cached = cache.groups.get(offsets.group)
            unchanged = cached is not None and cached.share == offsets
            answers.offsets[offsets.group] = (requested_at, None if unchanged else offsets)


async def _call(cache: ClusterCache, answers: NodeAnswers, request: Request[T], purpose: Purpose) -> T | None:
    try:
        return await cache.client.call(answers.node, request, purpose)
    except BrokerError as error:
        answers.failure = error
    except UnsupportedVersion:
        pass  # this broker does not support offsets of share groups: they remain unread
    return None
