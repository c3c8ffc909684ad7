"""Topics and the offsets of their partitions. Each partition is one slot in a few arrays: 100,000 partitions take megabytes.

`UNKNOWN_SLOT` stands for every partition that the metadata does not contain; its figures are unknown.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from signalbox.brokers.kafka.errors import why_unknown
from signalbox.brokers.kafka.log_contents import LogContents
from signalbox.brokers.kafka.protocol.cluster import TopicConfig
from signalbox.brokers.kafka.protocol.metadata import TopicMetadata
from signalbox.brokers.kafka.protocol.offsets import decode_offset_rows
from signalbox.brokers.model import UNKNOWN, Why

UNKNOWN_SLOT = 0
STARTS, STABLES, WHYS, ENDS, CONTENTS = range(5)  # indexes of `OffsetTable.versions`


@dataclass(slots=True)
class Topic:
    """One topic: its metadata, and the slot of its first partition."""

    meta: TopicMetadata
    first_slot: int
    config: Mapping[str, str] = field(default_factory=dict)
    config_read: bool = False
    sizes: "array[int] | None" = None
    may_hold_markers: bool = False  # transactions write to it, or we may not look
    version: int = 0  # increases with every change that a page would show
    contents_version: int = 0  # increases when more is known about its contents

    @property
    def partition_count(self) -> int:
        return len(self.meta.leader)

    @property
    def is_compacted(self) -> bool:
        return "compact" in self.config.get("cleanup.policy", "")

    @property
    def has_gaps(self) -> bool:
        """Return whether some of its offsets may hold no message, so that counts of offsets are upper bounds."""
        return self.may_hold_markers or self.is_compacted


@dataclass(frozen=True, slots=True)
class OffsetRows:
    """Undecoded offsets of one topic from one leader, and when they were requested."""

    leader: int
    topic: str
    rows: bytes
    row_format: str
    requested_at: float


@dataclass(frozen=True, slots=True)
class Leadership:
    """Partitions led by each node (-1 = no leader), all nodes with replicas, and the number of under-replicated partitions."""

    led: Mapping[int, int]
    replica_nodes: frozenset[int]
    under_replicated: int


def _count_leadership(topics: Iterable[Topic]) -> Leadership:
    metas = [topic.meta for topic in topics]
    led = Counter(leader for meta in metas for leader in meta.leader)
    replica_nodes = frozenset(node for meta in metas for replicas in meta.replicas for node in replicas)
    return Leadership(led, replica_nodes, sum(meta.under_replicated for meta in metas))


class OffsetTable:
    """The topics, and per partition: end, start and last stable offset, and why the end is unknown."""

    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.generation = 0  # increases when slots may have moved
        self.metadata_marker = object()  # a new object for each metadata response
        self.versions = [0, 0, 0, 0, 0]  # number of changes of starts, last stable offsets, reasons, ends, contents
        self.ends = array("q", [UNKNOWN])
        self.starts = array("q", [UNKNOWN])
        self.stables = array("q", [UNKNOWN])
        self.whys: dict[int, Why] = {UNKNOWN_SLOT: Why.NO_ANSWER}
        self.contents = LogContents()
        self._open_transactions = (0, False)  # version of the last stable offsets, whether any is below its end
        self._confirmed_ends = array("q", [UNKNOWN])
        self._lowered: set[int] = set()  # slots whose end was once below the confirmed end; twice confirms it
        self._last_rows: dict[tuple[int, str], OffsetRows] = {}
        # (column, leader, topic) -> rows, and the end offsets that they were compared with
        self._last_column_rows: dict[tuple[int, int, str], tuple[bytes, OffsetRows | None]] = {}
        self._leadership: tuple[object, Leadership] | None = None

    def update_metadata(self, topics: Iterable[TopicMetadata]) -> frozenset[str]:
        """Store a metadata response; return the known topics that are missing from it. They remain until `drop`."""
        names = set()
        for meta in topics:
            names.add(meta.name)
            self._update_topic(meta)
        self._last_rows.clear()
        self._last_column_rows.clear()
        self.metadata_marker = object()
        return frozenset(self.topics.keys() - names)

    def _update_topic(self, meta: TopicMetadata) -> None:
        topic = self.topics.get(meta.name)
        if topic is None or topic.meta.topic_id != meta.topic_id or topic.partition_count != len(meta.leader):
            first_slot = len(self.ends)
            for column in (self.ends, self.starts, self.stables, self._confirmed_ends):
                column.extend([UNKNOWN] * len(meta.leader))
            same = topic is not None and topic.meta.topic_id == meta.topic_id
            config = topic.config if topic and same else {}
            version = topic.version + 1 if topic else 0
            may_hold_markers = topic is not None and same and topic.may_hold_markers
            topic = Topic(meta, first_slot, config, may_hold_markers=may_hold_markers, version=version)
            self.topics[meta.name] = topic
            self.generation += 1
        elif topic.meta != meta:
            topic.meta = meta
            topic.version += 1
        for partition, leader in enumerate(meta.leader):
            if leader < 0 and self._mark_unknown(topic.first_slot + partition, Why.NO_LEADER):
                topic.version += 1

    def drop(self, names: Iterable[str]) -> None:
        for name in names:
            if self.topics.pop(name, None) is not None:
                self.generation += 1

    def compact(self) -> None:
        """Remove the slots of dropped topics once they are half of all slots."""
        used = sum(topic.partition_count for topic in self.topics.values())
        if len(self.ends) < 1000 or len(self.ends) < 2 * used:
            return
        old_slots = [(topic, topic.first_slot) for topic in self.topics.values()]
        columns = [array("q", [UNKNOWN]) for _ in range(4)]
        sources = (self.ends, self.starts, self.stables, self._confirmed_ends)
        whys = {UNKNOWN_SLOT: Why.NO_ANSWER}
        for topic, old in old_slots:
            topic.first_slot, count = len(columns[0]), topic.partition_count
            for column, source in zip(columns, sources, strict=True):
                column.extend(source[old : old + count])
            whys |= {topic.first_slot + p: self.whys[old + p] for p in range(count) if old + p in self.whys}
        self.ends, self.starts, self.stables, self._confirmed_ends = columns
        self.whys = whys
        self._lowered.clear()
        self.contents = LogContents()
        self.generation += 1

    def slots(self, name: str, partitions: Iterable[int]) -> list[int]:
        """Return the slots of these partitions of a topic."""
        topic = self.topics.get(name)
        first, most = (topic.first_slot, topic.partition_count) if topic else (UNKNOWN_SLOT, 0)
        return [first + p if 0 <= p < most else UNKNOWN_SLOT for p in partitions]

    def by_leader(self, names: Iterable[str] | None = None) -> dict[int, dict[str, list[int]]]:
        """Return leader -> topic -> partitions, for these topics (None = all)."""
        leaders: dict[int, dict[str, list[int]]] = {}
        for name in self.topics if names is None else names:
            topic = self.topics.get(name)
            for partition, leader in enumerate(topic.meta.leader if topic else ()):
                if leader >= 0:
                    leaders.setdefault(leader, {}).setdefault(name, []).append(partition)
        return leaders

    def leadership(self) -> Leadership:
        """Count leaders and under-replicated partitions, once per metadata response."""
        if self._leadership is None or self._leadership[0] is not self.metadata_marker:
            self._leadership = (self.metadata_marker, _count_leadership(self.topics.values()))
        return self._leadership[1]

    def update_ends(self, response: OffsetRows) -> None:
        """Store end offsets. A lower end counts only when it is reported twice: a broker that was paused reports old ones."""
        key = (response.leader, response.topic)
        last, topic = self._last_rows.get(key), self.topics.get(response.topic)
        if topic is None or (last and (last.rows == response.rows or last.requested_at > response.requested_at)):
            return
        exceptions: list[tuple[int, int, int]] = []
        if self._update_higher_ends(topic, response, exceptions) or exceptions:
            topic.version += 1
            self.versions[ENDS] += 1
        known = [self._update_exceptional_end(*row) for row in exceptions]
        if all(known):
            self._last_rows[key] = response
        else:
            self._last_rows.pop(key, None)

    def _update_higher_ends(self, topic: Topic, response: OffsetRows, exceptions: list[tuple[int, int, int]]) -> bool:
        """Store ends that increased, append (slot, error, offset) of other rows to `exceptions`; return if any changed."""
        changed = False
        ends, confirmed, first, most = self.ends, self._confirmed_ends, topic.first_slot, topic.partition_count
        for partition, error, offset in decode_offset_rows(response.rows, response.row_format):
            slot = first + partition
            if not 0 <= partition < most:
                continue
            if error or offset < confirmed[slot]:
                exceptions.append((slot, error, offset))
            elif ends[slot] != offset:
                ends[slot] = confirmed[slot] = offset
                changed = True
                if self.whys:
                    self._mark_known(slot)
        return changed

    def _update_exceptional_end(self, slot: int, error: int, offset: int) -> bool:
        """Store an error or a lower end; return whether the end is known now."""
        if error:
            self._mark_unknown(slot, why_unknown(error))
            return False
        if slot not in self._lowered:
            self._lowered.add(slot)
            self._mark_unknown(slot, Why.NO_ANSWER)
            return False
        self.ends[slot] = self._confirmed_ends[slot] = offset
        self.contents.forget(slot)
        self._mark_known(slot)
        return True

    def mark_leader_unavailable(self, leader: int, names: Iterable[str]) -> None:
        """Mark the ends of this leader's partitions of these topics as unknown: it did not respond."""
        for name in names:
            topic = self.topics.get(name)
            if topic is None:
                continue
            self._last_rows.pop((leader, name), None)
            for partition, leader_id in enumerate(topic.meta.leader):
                if leader_id == leader:
                    self._mark_unknown(topic.first_slot + partition, Why.NO_ANSWER)
            topic.version += 1

    def _mark_unknown(self, slot: int, why: Why) -> bool:
        """Mark an end as unknown; return whether anything changed."""
        was_known, new_reason = self.ends[slot] != UNKNOWN, self.whys.get(slot) is not why
        if was_known:
            self.ends[slot] = UNKNOWN
            self.versions[ENDS] += 1
        if new_reason:
            self.whys[slot] = why
            self.versions[WHYS] += 1
        return was_known or new_reason

    def _mark_known(self, slot: int) -> None:
        self._lowered.discard(slot)
        if self.whys.pop(slot, None) is not None:
            self.versions[WHYS] += 1

    def update_starts(self, response: OffsetRows) -> None:
        """Store start offsets: the oldest records that Kafka still keeps."""
        self._update_column(response, self.starts, STARTS)

    def update_stables(self, response: OffsetRows) -> None:
        """Store last stable offsets; one that equals the end (no open transaction) is stored as UNKNOWN."""
        self._update_column(response, self.stables, STABLES)

    def _update_column(self, response: OffsetRows, column: "array[int]", version: int) -> None:
        topic, ends = self.topics.get(response.topic), self._last_rows.get((response.leader, response.topic))
        key, now = (version, response.leader, response.topic), (response.rows, ends)
        if topic is None or (ends is not None and self._last_column_rows.get(key) == now):
            return
        self._last_column_rows[key] = now
        changed = False
        for partition, error, reported in decode_offset_rows(response.rows, response.row_format):
            if not 0 <= partition < topic.partition_count:
                continue
            slot = topic.first_slot + partition
            offset = reported
            if error or (version == STABLES and reported >= self.ends[slot]):
                offset = UNKNOWN
            if column[slot] != offset:
                column[slot] = offset
                changed = True
        if changed:
            self.versions[version] += 1
            topic.version += 1
            if version == STABLES:
                self.mark_may_hold_markers(response.topic)

    def add_empty(self, name: str, partition: int, first: int, until: int) -> None:
        """Record that the offsets from `first` up to, not including, `until` hold no messages."""
        topic, (slot,) = self.topics.get(name), self.slots(name, [partition])
        if topic is not None and self.contents.add_empty(slot, first, min(until, self.ends[slot])):
            topic.contents_version += 1
            self.versions[CONTENTS] += 1

    def mark_may_hold_markers(self, name: str) -> None:
        """Record that transactions write to this topic, or that we may not look: its offsets count more than messages."""
        topic = self.topics.get(name)
        if topic is not None and not topic.may_hold_markers:
            topic.may_hold_markers = True
            topic.version += 1
            self.versions[WHYS] += 1

    @property
    def has_open_transactions(self) -> bool:
        if self._open_transactions[0] != self.versions[STABLES]:
            self._open_transactions = (self.versions[STABLES], max(self.stables) >= 0)
        return self._open_transactions[1]

    def topics_with_open_transactions(self) -> list[str]:
        if not self.has_open_transactions:
            return []
        return [
            name
            for name, topic in self.topics.items()
            if any(s >= 0 for s in self.stables[topic.first_slot : topic.first_slot + topic.partition_count])
        ]

    def update_configs(self, configs: Iterable[TopicConfig]) -> int:
        """Store topic configuration; return how many topics were denied."""
        denied = 0
        for config in configs:
            topic = self.topics.get(config.topic)
            denied += bool(config.error)
            if topic is not None:
                topic.config_read = True
            if topic is not None and not config.error and topic.config != config.values:
                topic.config = config.values
                topic.version += 1
                self.versions[WHYS] += 1  # groups say that their lag is a maximum when one of their topics is compacted
        return denied

    def all_sizes_known(self) -> bool:
        return all(topic.sizes is not None for topic in self.topics.values())

    def update_sizes(self, node: int, sizes: Iterable[tuple[str, Iterable[tuple[int, int]]]]) -> None:
        """Store the sizes of the replicas that this broker leads: one copy of each partition."""
        for name, rows in sizes:
            topic = self.topics.get(name)
            if topic is None:
                continue
            if topic.sizes is None or len(topic.sizes) != topic.partition_count:
                topic.sizes = array("q", [UNKNOWN] * topic.partition_count)
            for partition, size in rows:
                if 0 <= partition < topic.partition_count and topic.meta.leader[partition] == node:
                    topic.sizes[partition] = size
            topic.version += 1
