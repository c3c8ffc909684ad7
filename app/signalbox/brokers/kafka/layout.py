"""Every partition of the cluster has one place ("slot") in a few long columns: 100,000 positions cost megabytes, not objects.

Slot 0 is nowhere: what names a partition that the metadata does not know points there, and is unknown.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from signalbox.brokers.kafka.errors import why_of
from signalbox.brokers.kafka.protocol.cluster import TopicSettings
from signalbox.brokers.kafka.protocol.metadata import TopicMetadata
from signalbox.brokers.kafka.protocol.offsets import end_rows
from signalbox.brokers.model import UNKNOWN, Why

NOWHERE = 0
STARTS, STABLES, WHYS, ENDS = range(4)  # places in `Layout.versions`


@dataclass(slots=True)
class Topic:
    """One topic: what the metadata says of it, and where its first partition stands in the columns."""

    meta: TopicMetadata
    base: int
    settings: Mapping[str, str] = field(default_factory=dict)
    settings_asked: bool = False
    sizes: "array[int] | None" = None
    version: int = 0  # counts changes of what a page would show

    @property
    def count(self) -> int:
        return len(self.meta.leader)

    @property
    def compacted(self) -> bool:
        return "compact" in self.settings.get("cleanup.policy", "")


@dataclass(frozen=True, slots=True)
class EndRows:
    """Undecoded rows of one topic from one leader, and when they were asked for."""

    leader: int
    topic: str
    rows: bytes
    form: str
    requested_at: float


@dataclass(frozen=True, slots=True)
class Leadership:
    """How many partitions each node leads (-1: nobody), which nodes have copies, and how many partitions lack one."""

    leads: Mapping[int, int]
    named: frozenset[int]
    under_replicated: int


def _leadership(topics: Iterable[Topic]) -> Leadership:
    leads: dict[int, int] = {}
    named: set[int] = set()
    short = 0
    for topic in topics:
        for leader, replicas, in_sync in zip(topic.meta.leader, topic.meta.replicas, topic.meta.in_sync, strict=True):
            leads[leader] = leads.get(leader, 0) + 1
            named.update(replicas)
            short += len(in_sync) < len(replicas)
    return Leadership(leads, frozenset(named), short)


class Layout:
    """The topics and their columns: ends, starts, last stable offsets, and why one is unknown."""

    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.generation = 0  # slots may have moved
        self.read_from = object()  # another one with each metadata answer
        self.versions = [0, 0, 0, 0]  # starts, last stable offsets, reasons and markers, ends: counts of changes
        self.ends = array("q", [UNKNOWN])
        self.starts = array("q", [UNKNOWN])
        self.stables = array("q", [UNKNOWN])
        self.whys: dict[int, Why] = {NOWHERE: Why.NO_ANSWER}
        self.markers: dict[int, int] = {}  # slot -> from here to the end stand markers of transactions, and no message
        self._open = (0, False)  # at which version of the last stable offsets, and whether any is below its end
        self._good = array("q", [UNKNOWN])  # the last end that was believed
        self._fallen: set[int] = set()  # ends that were below it once: believed when it happens twice
        self._seen: dict[tuple[int, str], EndRows] = {}
        self._leadership: tuple[object, Leadership] | None = None

    def take_metadata(self, topics: Iterable[TopicMetadata]) -> frozenset[str]:
        """Take what the metadata says now; return the known topics that it no longer names. They stay until `drop`."""
        named = set()
        for meta in topics:
            named.add(meta.name)
            self._take_topic(meta)
        self._seen.clear()
        self.read_from = object()
        return frozenset(self.topics.keys() - named)

    def _take_topic(self, meta: TopicMetadata) -> None:
        known = self.topics.get(meta.name)
        if known is None or known.meta.topic_id != meta.topic_id or known.count != len(meta.leader):
            base = len(self.ends)
            for column in (self.ends, self.starts, self.stables, self._good):
                column.extend([UNKNOWN] * len(meta.leader))
            kept = known.settings if known and known.meta.topic_id == meta.topic_id else {}
            known = self.topics[meta.name] = Topic(meta, base, kept, version=known.version + 1 if known else 0)
            self.generation += 1
        elif known.meta != meta:
            known.meta = meta
            known.version += 1
        for partition, leader in enumerate(meta.leader):
            if leader < 0 and self._lose(known.base + partition, Why.NO_LEADER):
                known.version += 1

    def drop(self, names: Iterable[str]) -> None:
        """Forget topics that are gone."""
        for name in names:
            if self.topics.pop(name, None) is not None:
                self.generation += 1

    def compact(self) -> None:
        """Close the holes that dropped topics left, once they are most of the columns."""
        live = sum(topic.count for topic in self.topics.values())
        if len(self.ends) < 1000 or len(self.ends) < 2 * live:
            return
        moved = [(topic, topic.base) for topic in self.topics.values()]
        columns = [array("q", [UNKNOWN]) for _ in range(4)]
        whys = {NOWHERE: Why.NO_ANSWER}
        for topic, old in moved:
            topic.base = len(columns[0])
            for column, source in zip(columns, (self.ends, self.starts, self.stables, self._good), strict=True):
                column.extend(source[old : old + topic.count])
            whys |= {topic.base + p: self.whys[old + p] for p in range(topic.count) if old + p in self.whys}
        self.ends, self.starts, self.stables, self._good = columns
        self.whys = whys
        self._fallen.clear()
        self.markers.clear()
        self.generation += 1

    def slots(self, topics: Iterable[tuple[str, int]], partitions: Sequence[int]) -> list[int]:
        """Return the slot of each row; `topics` are (name, rows)."""
        slots: list[int] = []
        for name, count in topics:
            rows = partitions[len(slots) : len(slots) + count]
            topic = self.topics.get(name)
            if topic is None:
                slots += [NOWHERE] * count
            else:
                base, most = topic.base, topic.count
                slots += [base + p if 0 <= p < most else NOWHERE for p in rows]
        return slots

    def by_leader(self, names: Iterable[str] | None = None) -> dict[int, dict[str, list[int]]]:
        """Return which partitions each leader is asked for: of all topics, or of these."""
        plan: dict[int, dict[str, list[int]]] = {}
        for name in self.topics if names is None else names:
            topic = self.topics.get(name)
            for partition, leader in enumerate(topic.meta.leader if topic else ()):
                if leader >= 0:
                    plan.setdefault(leader, {}).setdefault(name, []).append(partition)
        return plan

    def leadership(self) -> "Leadership":
        """Count who leads and what lacks a copy, once for each metadata answer."""
        if self._leadership is None or self._leadership[0] is not self.read_from:
            self._leadership = (self.read_from, _leadership(self.topics.values()))
        return self._leadership[1]

    def take_ends(self, answer: EndRows) -> None:
        """Take end offsets. An end below the last one is believed when it is told twice: a broker just resumed tells old ones."""
        key = (answer.leader, answer.topic)
        seen, topic = self._seen.get(key), self.topics.get(answer.topic)
        if topic is None or (
            seen is not None and (seen.rows == answer.rows or seen.requested_at > answer.requested_at)
        ):
            return
        odd: list[tuple[int, int, int]] = []
        if self._take_plain_ends(topic, answer, odd) or odd:
            topic.version += 1
            self.versions[ENDS] += 1
        whole = [self._take_odd_end(*row) for row in odd]
        if all(whole):
            self._seen[key] = answer
        else:
            self._seen.pop(key, None)

    def _take_plain_ends(self, topic: Topic, answer: EndRows, odd: list[tuple[int, int, int]]) -> bool:
        """Take the ends that moved on, put (slot, error, offset) of all others into `odd`; say whether any moved."""
        changed = False
        ends, good, base, most = self.ends, self._good, topic.base, topic.count
        for partition, error, offset in end_rows(answer.rows, answer.form):
            slot = base + partition
            if not 0 <= partition < most:
                continue
            if error or offset < good[slot]:
                odd.append((slot, error, offset))
            elif ends[slot] != offset:
                ends[slot] = good[slot] = offset
                self.markers.pop(slot, None)
                changed = True
                if self.whys:
                    self._regain(slot)
        return changed

    def _take_odd_end(self, slot: int, error: int, offset: int) -> bool:
        """Take an error, or an end that fell; say whether the end is known now."""
        if error:
            self._lose(slot, why_of(error))
            return False
        if slot not in self._fallen:
            self._fallen.add(slot)
            self._lose(slot, Why.NO_ANSWER)
            return False
        self.ends[slot] = self._good[slot] = offset
        self.markers.pop(slot, None)
        self._regain(slot)
        return True

    def lose_leader(self, leader: int, names: Iterable[str]) -> None:
        """A leader did not answer: its partitions' ends of these topics are unknown."""
        for name in names:
            topic = self.topics.get(name)
            if topic is None:
                continue
            self._seen.pop((leader, name), None)
            for partition, leads in enumerate(topic.meta.leader):
                if leads == leader:
                    self._lose(topic.base + partition, Why.NO_ANSWER)
            topic.version += 1

    def _lose(self, slot: int, why: Why) -> bool:
        """Take that an end is unknown; say whether that is new."""
        known, reason = self.ends[slot] != UNKNOWN, self.whys.get(slot) is not why
        if known:
            self.ends[slot] = UNKNOWN
            self.versions[ENDS] += 1
        if reason:
            self.whys[slot] = why
            self.versions[WHYS] += 1
        return known or reason

    def _regain(self, slot: int) -> None:
        self._fallen.discard(slot)
        if self.whys.pop(slot, None) is not None:
            self.versions[WHYS] += 1

    def take_starts(self, answer: EndRows) -> None:
        """Take the offsets of the oldest records that are kept."""
        self._take_column(answer, self.starts, STARTS)

    def take_stables(self, answer: EndRows) -> None:
        """Take last stable offsets; one that is not below the end says that no transaction is open there."""
        self._take_column(answer, self.stables, STABLES)

    def _take_column(self, answer: EndRows, column: "array[int]", which: int) -> None:
        topic = self.topics.get(answer.topic)
        if topic is None:
            return
        changed = False
        for partition, error, told in end_rows(answer.rows, answer.form):
            if not 0 <= partition < topic.count:
                continue
            slot = topic.base + partition
            offset = told
            if error or (which == STABLES and told >= self.ends[slot]):
                offset = UNKNOWN
            if column[slot] != offset:
                column[slot] = offset
                changed = True
        if changed:
            self.versions[which] += 1
            topic.version += 1

    def take_markers(self, name: str, partition: int, first: int, end: int) -> None:
        """Take that no message stands from `first` to `end`: a finished transaction takes an offset for its marker, too."""
        topic = self.topics.get(name)
        slot = topic.base + partition if topic is not None and 0 <= partition < topic.count else NOWHERE
        if self.ends[slot] == end:
            self.markers[slot] = min(first, self.markers.get(slot, first))
            self.versions[WHYS] += 1

    @property
    def open_transactions(self) -> bool:
        """Whether a transaction was open anywhere when last looked."""
        if self._open[0] != self.versions[STABLES]:
            self._open = (self.versions[STABLES], max(self.stables) >= 0)
        return self._open[1]

    def transactional(self) -> list[str]:
        """Return the topics on which a transaction was open when last looked."""
        if not self.open_transactions:
            return []
        return [
            name
            for name, topic in self.topics.items()
            if any(stable >= 0 for stable in self.stables[topic.base : topic.base + topic.count])
        ]

    def take_settings(self, told: Iterable[TopicSettings]) -> int:
        """Take topics' settings; return how many were denied."""
        denied = 0
        for one in told:
            topic = self.topics.get(one.topic)
            denied += bool(one.error)
            if topic is not None:
                topic.settings_asked = True
            if topic is not None and not one.error and topic.settings != one.values:
                topic.settings = one.values
                topic.version += 1
                self.versions[WHYS] += 1  # groups say when a topic of theirs is compacted
        return denied

    def sized(self) -> bool:
        """Say whether every topic's size has been told."""
        return all(topic.sizes is not None for topic in self.topics.values())

    def take_sizes(self, node: int, told: Iterable[tuple[str, Iterable[tuple[int, int]]]]) -> None:
        """Take the sizes of the replicas that this broker leads: one copy of each partition."""
        for name, rows in told:
            topic = self.topics.get(name)
            if topic is None:
                continue
            if topic.sizes is None or len(topic.sizes) != topic.count:
                topic.sizes = array("q", [UNKNOWN] * topic.count)
            for partition, size in rows:
                if 0 <= partition < topic.count and topic.meta.leader[partition] == node:
                    topic.sizes[partition] = size
            topic.version += 1
