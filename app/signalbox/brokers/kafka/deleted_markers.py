"""Find out whether the one offset that retention deleted before a group read it may have been a transaction marker.

A consumer that has read a transaction commits the offset of its marker. The log no longer holds it, but its producers are known.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from signalbox.brokers.kafka.cluster_cache import ClusterCache
from signalbox.brokers.kafka.cluster_client import NO_RESPONSE, Purpose
from signalbox.brokers.kafka.protocol.producers import transactional_partitions_request
from signalbox.brokers.model import Group

ASKED_MAX = 100_000


@dataclass(slots=True, eq=False)
class DeletedMarkers:
    """Asks about each partition once."""

    cache: ClusterCache
    _asked: set[tuple[str, str, int]] = field(default_factory=set)  # topic id, topic, partition

    async def check(self, groups: Mapping[str, Group], purpose: Purpose) -> list[str]:
        """Ask about the partitions of these groups; return the groups that may have lost less than it seems."""
        by_leader: dict[int, dict[str, list[int]]] = {}
        affected = []
        for name, group in groups.items():
            if rows := self._rows(group):
                affected.append(name)
            for topic, partition, leader in rows:
                numbers = by_leader.setdefault(leader, {}).setdefault(topic, [])
                if partition not in numbers:
                    numbers.append(partition)
        await asyncio.gather(*(self._ask(leader, topics, purpose) for leader, topics in by_leader.items()))
        return affected

    def _rows(self, group: Group) -> list[tuple[str, int, int]]:
        """Return topic, partition and leader of the rows that lost one offset."""
        positions, topics = group.positions, self.cache.partitions.topics
        if positions.deleted is None or 1 not in positions.deleted:
            return []
        found = []
        for row, lost in enumerate(positions.deleted):
            name, partition = positions.names[positions.destination[row]], positions.partition[row]
            topic = topics.get(name)
            if lost != 1 or topic is None or topic.may_hold_markers or partition >= topic.partition_count:
                continue
            key, leader = (topic.meta.topic_id, name, partition), topic.meta.leader[partition]
            if leader >= 0 and key not in self._asked:
                found.append((name, partition, leader))
        return found

    async def _ask(self, leader: int, topics: dict[str, list[int]], purpose: Purpose) -> None:
        table = self.cache.partitions
        with suppress(*NO_RESPONSE):
            found = await self.cache.client.call(leader, transactional_partitions_request(topics), purpose)
            for topic, _ in found:
                table.mark_may_hold_markers(topic)
            if len(self._asked) > ASKED_MAX:
                self._asked.clear()
            self._asked |= {
                (table.topics[name].meta.topic_id, name, partition)
                for name, partitions in topics.items()
                for partition in partitions
                if name in table.topics
            }
