"""Topics as destinations. A topic in which nothing changed stays the same object."""

import functools
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from signalbox.brokers.kafka.layout import Layout, Topic
from signalbox.brokers.model import UNKNOWN, Destination, Partitions, Retention, Why


@dataclass(slots=True, eq=False)
class Destinations:
    """Builds them, and keeps what it built."""

    _built: dict[str, tuple[tuple[int, int], Destination]] = field(default_factory=dict)

    def build(self, layout: Layout, name: str) -> Destination:
        """Return the destination of this topic as it is now."""
        topic = layout.topics[name]
        version = (topic.version, topic.base)
        kept = self._built.get(name)
        if kept is not None and kept[0] == version:
            return kept[1]
        built = _destination(layout, topic)
        self._built[name] = (version, built)
        return built

    def forget(self, layout: Layout) -> None:
        """Drop what the layout no longer has."""
        for name in self._built.keys() - layout.topics.keys():
            del self._built[name]


def _destination(layout: Layout, topic: Topic) -> Destination:
    meta, settings = topic.meta, topic.settings
    partitions = _partitions(layout, topic)
    state = _state(topic)
    kept = None
    if min(partitions.end, default=UNKNOWN) >= 0 and min(partitions.start, default=UNKNOWN) >= 0:
        kept = sum(partitions.end) - sum(partitions.start)
    return Destination(
        name=meta.name,
        kind="topic",
        identity=meta.topic_id or meta.name,
        partitions=partitions,
        internal=meta.internal,
        messages=kept,
        size_bytes=sum(topic.sizes) if topic.sizes is not None and min(topic.sizes, default=UNKNOWN) >= 0 else None,
        retention=_retention(settings, topic.count) if settings else None,
        arrived=sum(partitions.end) if min(partitions.end, default=UNKNOWN) >= 0 else None,
        approximate=topic.compacted,
        state=state,
        healthy=state == "running",
        settings={key: value for key, value in settings.items() if key not in ("cleanup.policy", "retention.ms")},
    )


def _partitions(layout: Layout, topic: Topic) -> Partitions:
    first, last = topic.base, topic.base + topic.count
    known = (Why.KNOWN,) * topic.count
    whys = layout.whys
    if len(whys) > 1:  # the place that is nowhere is always there
        known = tuple(whys.get(slot, Why.KNOWN) for slot in range(first, last))
    return Partitions(
        index=_numbers(topic.count),
        leader=topic.meta.leader,
        start=layout.starts[first:last],
        end=layout.ends[first:last],
        stable=layout.stables[first:last],
        why=known,
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
    short = any(len(i) < len(r) for i, r in zip(topic.meta.in_sync, topic.meta.replicas, strict=True))
    return "lacks copies" if short else "running"


def _retention(settings: Mapping[str, str], partitions: int) -> Retention:
    policy = settings.get("cleanup.policy", "")
    if "delete" not in policy:
        return Retention(policy=policy)
    age, size = _limit(settings.get("retention.ms")), _limit(settings.get("retention.bytes"))
    return Retention(
        age_s=None if age is None else age / 1000,
        size_bytes=None if size is None else size * partitions,  # the broker's limit is for each partition
        policy=policy,
    )


def _limit(value: str | None) -> int | None:
    """Read a limit; -1 is Kafka's word for none."""
    if value is None or not value.lstrip("-").isdecimal() or int(value) < 0:
        return None
    return int(value)
