"""Read the whole cluster, or some groups, in the right order.

Group offsets are read before end offsets: otherwise every lag under traffic would be negative.
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from signalbox.brokers.kafka.cluster_cache import ClusterCache, broker_fault, first_fault_per_resource
from signalbox.brokers.kafka.cluster_client import SWEEP_PURPOSES, Purpose
from signalbox.brokers.kafka.deleted_markers import DeletedMarkers
from signalbox.brokers.kafka.destination_cache import DestinationCache
from signalbox.brokers.kafka.errors import NONE
from signalbox.brokers.kafka.group_offsets import NodeAnswers, NodeReader, read_group_offsets
from signalbox.brokers.kafka.group_positions import GroupRows
from signalbox.brokers.kafka.health import build_cluster, read_health, read_sizes, read_topic_configs, refresh_metadata
from signalbox.brokers.kafka.members import read_members
from signalbox.brokers.kafka.merge import MergeResult, merge_answers
from signalbox.brokers.kafka.partition_offsets import LeaderRequests, OffsetKind, plan_requests, read_partition_offsets
from signalbox.brokers.kafka.protocol.connection import UnsupportedVersion
from signalbox.brokers.kafka.tail_check import TailChecker
from signalbox.brokers.model import Destination, Fault, Group, Scope, Snapshot, Why
from signalbox.kernel.slices import in_slices

GROUPS_PER_SLICE = 200  # 10,000 rows
TOPICS_PER_SLICE = 200
PAUSE_FACTOR = 1.25  # a sweep that takes longer than its interval leaves the brokers a pause


@dataclass(slots=True, eq=False)
class ClusterReader:
    """Reads one cluster. A sweep and a watch may run at the same time; the answer that was requested later wins."""

    cache: ClusterCache
    tails: TailChecker
    deleted_markers: DeletedMarkers
    _destinations: DestinationCache = field(default_factory=DestinationCache)
    _plan: list[LeaderRequests] = field(default_factory=list)
    _planned_for: object = None  # the metadata of the plan
    _starts_generation: int = -1  # the generation of the partition table at the last reading of start offsets

    async def sweep(self) -> Snapshot:
        """Read everything once. Raises BrokerError if nothing could be read."""
        cache = self.cache
        requested_at = cache.clock()
        try:
            async with asyncio.TaskGroup() as tasks:
                metadata = tasks.create_task(self._read_cluster())
                offsets = tasks.create_task(read_group_offsets(cache))
        except ExceptionGroup as failed:  # only the metadata raises; other failures are in the answers
            raise failed.exceptions[0] from failed
        gone, faults = metadata.result()
        faults += [fault for node in cache.client.addresses for fault in cache.log_dir_faults.get(node, ())]
        all_answers = offsets.result()
        _raise_if_silent(all_answers)
        async with asyncio.TaskGroup() as tasks:
            ends = tasks.create_task(self._read_partition_offsets())  # in flight while the answers are merged
            merged = tasks.create_task(self._merge(all_answers))
        result = merged.result()
        faults += ends.result()
        if result.read_twice:  # their offsets are newer than the end offsets
            topics = {topic for name in result.read_twice for topic in self._rows_of(name).names}
            plan = plan_requests(cache.partitions.by_leader(topics), SWEEP_PURPOSES)
            faults += await read_partition_offsets(cache, plan, [OffsetKind.END])
        read_at = cache.clock()
        cache.interval_s = max(cache.intervals.sweep_s, PAUSE_FACTOR * (read_at - requested_at))
        groups = await self._build_groups(result.read, Purpose.SWEEP)
        destinations, excluded = await self._build_destinations()
        responding = {answers.node for answers in all_answers if answers.group_list is not None}
        return Snapshot(
            scope=Scope.FULL,
            requested_at=requested_at,
            read_at=read_at,
            groups=groups,
            destinations=destinations,
            cluster=build_cluster(cache, responding, took_s=read_at - requested_at),
            gone_groups=frozenset(result.gone),
            gone_destinations=frozenset(name for name in gone if cache.settings.includes(name)),
            faults=first_fault_per_resource([*faults, *result.faults]),
            calls=tuple(cache.calls.values()),
            excluded=excluded + result.excluded,
        )

    async def _read_cluster(self) -> tuple[frozenset[str], list[Fault]]:
        """Read metadata, and configuration and sizes when due; return deleted topics and faults."""
        cache = self.cache
        if not cache.client.addresses:
            raise cache.client.not_connected_error()
        try:
            gone_and_faults = await refresh_metadata(cache)
        except UnsupportedVersion as error:
            raise cache.client.translate(error, min(cache.client.addresses)) from error
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read_topic_configs(cache))
            if cache.is_due("health", cache.intervals.health_s):
                tasks.create_task(read_health(cache))
            interval_s = cache.intervals.sizes_s if cache.partitions.all_sizes_known() else cache.intervals.health_s
            if cache.is_due("sizes", interval_s):
                tasks.create_task(read_sizes(cache))
        return gone_and_faults

    async def _merge(self, all_answers: list[NodeAnswers]) -> MergeResult:
        """Merge the answers about groups, and prepare everything that does not need end offsets."""
        cache = self.cache
        result = await merge_answers(cache, all_answers)
        others = {name for name in result.read if not cache.groups[name].reads_topics}
        result.read -= others
        result.excluded += len(others)
        async with asyncio.TaskGroup() as tasks:
            members = tasks.create_task(read_members(cache, result.read))
            tasks.create_task(self._prepare_rows(result.read))
        result.faults += members.result()
        return result

    async def _prepare_rows(self, names: Iterable[str]) -> None:
        async for name in in_slices(names, GROUPS_PER_SLICE):
            self._rows_of(name)

    def _rows_of(self, group: str) -> GroupRows:
        return self.cache.groups[group].prepare_rows(self.cache.partitions, self.cache.settings.includes)

    async def _read_partition_offsets(self) -> list[Fault]:
        cache, table = self.cache, self.cache.partitions
        if self._planned_for is not table.metadata_marker:
            self._plan, self._planned_for = plan_requests(table.by_leader(), SWEEP_PURPOSES), table.metadata_marker
        kinds = [OffsetKind.END]
        if cache.is_due("stables", cache.intervals.stables_s):
            cache.last_read["stables"] = cache.clock()
            kinds.append(OffsetKind.STABLE)
        if cache.is_due("starts", cache.intervals.starts_s) or self._starts_generation != table.generation:
            cache.last_read["starts"] = cache.clock()
            self._starts_generation = table.generation
            kinds.append(OffsetKind.START)
        faults = await read_partition_offsets(cache, self._plan, kinds)
        if OffsetKind.STABLE not in kinds and (topics := table.topics_with_open_transactions()):
            plan = plan_requests(table.by_leader(topics), SWEEP_PURPOSES)
            faults += await read_partition_offsets(cache, plan, [OffsetKind.STABLE])
        return faults

    async def watch(self, names: Collection[str]) -> Snapshot:
        """Read these groups and their destinations over separate connections. Raises as `sweep`."""
        cache, table = self.cache, self.cache.partitions
        requested_at = cache.clock()
        watched = {name: cached for name in names if (cached := cache.groups.get(name)) is not None}
        all_answers = [NodeAnswers(node=node) for node in {group.node for group in watched.values()}]
        async with asyncio.TaskGroup() as tasks:
            for answers in all_answers:
                types = {name: group.listing.type for name, group in watched.items() if group.node == answers.node}
                tasks.create_task(NodeReader(cache, answers).read_offsets(types, [Purpose.WATCH]))
        _raise_if_silent(all_answers)
        faults = [broker_fault(answers.node, answers.failure) for answers in all_answers if answers.failure is not None]
        read = {name for answers in all_answers for name in answers.offsets if _store_watched(cache, answers, name)}
        faults += [
            Fault(resource=f"group {name}", why=Why.NO_ANSWER, detail="its coordinator did not respond", group=name)
            for name in watched.keys() - read
        ]
        topics = self._topics_of(read)
        kinds = [OffsetKind.END, OffsetKind.STABLE] if table.has_open_transactions else [OffsetKind.END]
        plan = plan_requests(table.by_leader(topics), [Purpose.WATCH])
        faults += await read_partition_offsets(cache, plan, kinds)
        return Snapshot(
            scope=Scope.WATCHED,
            requested_at=requested_at,
            read_at=cache.clock(),
            groups=await self._build_groups(read, Purpose.WATCH),
            destinations={name: self._destinations.build(table, name) for name in topics},
            faults=first_fault_per_resource(faults),
        )

    def _topics_of(self, groups: Iterable[str]) -> list[str]:
        names = dict.fromkeys(topic for group in groups for topic in self._build(group).positions.names)
        return [name for name in names if name in self.cache.partitions.topics and self._is_shown(name)]

    async def _build_groups(self, names: Iterable[str], purpose: Purpose) -> dict[str, Group]:
        """Build the groups; where a lag may count no messages, look into the log first."""
        groups = {
            name: self._build(name) async for name in in_slices(names, GROUPS_PER_SLICE) if name in self.cache.groups
        }
        checked = {*await self.tails.check(groups, purpose), *await self.deleted_markers.check(groups, purpose)}
        async for name in in_slices(checked, GROUPS_PER_SLICE):
            if name in self.cache.groups:
                groups[name] = self._build(name)
        return groups

    def _build(self, group: str) -> Group:
        return self.cache.groups[group].build(self.cache.partitions, self.cache.settings.includes)

    async def _build_destinations(self) -> tuple[dict[str, Destination], int]:
        """Return the destinations by name, and the number of excluded topics."""
        table = self.cache.partitions
        self._destinations.drop_missing(table)
        destinations = {
            name: self._destinations.build(table, name)
            async for name in in_slices(list(table.topics), TOPICS_PER_SLICE)
            if name in table.topics and self._is_shown(name)
        }
        return destinations, len(table.topics) - len(destinations)

    def _is_shown(self, name: str) -> bool:
        settings = self.cache.settings
        is_internal = self.cache.partitions.topics[name].meta.internal or name.startswith("__")
        return settings.includes(name) and (settings.show_internal or not is_internal)


def _store_watched(cache: ClusterCache, answers: NodeAnswers, name: str) -> bool:
    """Store a watched group's answer. Errors and lower offsets are left to the next sweep, which asks a second broker."""
    cached = cache.groups.get(name)
    requested_at, offsets = answers.offsets[name]
    if cached is None or (offsets is not None and offsets.error != NONE):
        return False
    return cached.accept_offsets(offsets, requested_at)


def _raise_if_silent(all_answers: list[NodeAnswers]) -> None:
    """Raise the first failure if no broker returned anything; a partial answer is an answer."""
    failures = [answers.failure for answers in all_answers if answers.group_list is None and not answers.offsets]
    if len(failures) == len(all_answers) and (first := next((failure for failure in failures if failure), None)):
        raise first
