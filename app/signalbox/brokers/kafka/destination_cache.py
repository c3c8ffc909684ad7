"""Build destinations from topics. An unchanged topic stays the same object."""

import functools
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.brokers.kafka.offset_table import OffsetTable, Topic
from signalbox.brokers.model import UNKNOWN, Destination, Partitions, RetentionLimits, Why


@dataclass(slots=True, eq=False)
class DestinationCache:
    """The last destination built from each topic, with the version of the topic."""

    _built: dict[str, tuple[tuple[int, int], Destination]] = field(default_factory=dict)

    def build(self, table: OffsetTable, name: str) -> Destination:
        topic = table.topics[name]
        version = (topic.version, topic.first_slot)
        cached = self._built.get(name)
        if cached is not None and cached[0] == version:
            return cached[1]
        destination = _build_destination(table, topic)
        self._built[name] = (version, destination)
        return destination

    def drop_missing(self, table: OffsetTable) -> None:
        for name in self._built.keys() - table.topics.keys():
            del self._built[name]


def _build_destination(table: OffsetTable, topic: Topic) -> Destination:
    meta, config = topic.meta, topic.config
    partitions, state = _build_partitions(table, topic), _state(topic)
    start, end, size_bytes = (_total(column) for column in (partitions.start, partitions.end, topic.sizes or ()))
    return Destination(
        name=meta.name,
        kind="topic",
        identity=meta.topic_id or meta.name,
        partitions=partitions,
        internal=meta.internal,
        messages=end - start if end is not None and start is not None else None,
        size_bytes=size_bytes,
        retention=_retention(config, topic.partition_count) if config else None,
        arrived=end,
        messages_at_most=topic.has_gaps,
        approximate=topic.is_compacted,
        state=state,
        healthy=state == "running",
        settings={key: value for key, value in config.items() if key not in ("cleanup.policy", "retention.ms")},
    )


def _total(column: Sequence[int]) -> int | None:
    return sum(column) if min(column, default=UNKNOWN) >= 0 else None


def _build_partitions(table: OffsetTable, topic: Topic) -> Partitions:
    first, end = topic.first_slot, topic.first_slot + topic.partition_count
    reasons = (Why.KNOWN,) * topic.partition_count
    whys = table.whys
    if len(whys) > 1:  # UNKNOWN_SLOT is always in it
        reasons = tuple(whys.get(slot, Why.KNOWN) for slot in range(first, end))
    return Partitions(
        index=_numbers(topic.partition_count),
        leader=topic.meta.leader,
        start=table.starts[first:end],
        end=table.ends[first:end],
        stable=table.stables[first:end],
        why=reasons,
        replicas=topic.meta.replicas,
        in_sync=topic.meta.in_sync,
        size_bytes=topic.sizes,
    )


@functools.cache
def _numbers(count: int) -> "array[int]":
    return array("i", range(count))


def _state(topic: Topic) -> str:
    if min(topic.meta.leader, default=0) < 0:
        return "no leader"
    return "under-replicated" if topic.meta.under_replicated else "running"


def _retention(config: Mapping[str, str], partitions: int) -> RetentionLimits:
    policy = config.get("cleanup.policy", "")
    if "delete" not in policy:
        return RetentionLimits(policy=policy)
    age_ms, size = _limit(config.get("retention.ms")), _limit(config.get("retention.bytes"))
    return RetentionLimits(
        age_s=None if age_ms is None else age_ms / 1000,
        size_bytes=None if size is None else size * partitions,  # retention.bytes applies to each partition
        policy=policy,
    )


def _limit(value: str | None) -> int | None:
    """Parse a limit; None if missing or -1 (Kafka's "no limit")."""
    if value is None or not value.lstrip("-").isdecimal() or int(value) < 0:
        return None
    return int(value)
