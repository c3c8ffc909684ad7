"""How old the oldest unread message is: the times in the header of the record batch at a group's position.

Each answer ships one batch per partition whatever is asked, so few partitions are asked, and a position is asked once.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import zip_longest

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.errors import NONE
from signalbox.brokers.kafka.known import Known
from signalbox.brokers.kafka.nodes import Purpose
from signalbox.brokers.kafka.protocol.fetch import Fetched, Wanted, ask_batches
from signalbox.brokers.kafka.protocol.frames import Unsupported
from signalbox.brokers.model import Group, OldestUnread

WITHIN_S = 2.0
WORST = 3  # partitions of a group, by lag
EACH_BYTES = 4096  # a batch that is larger comes only when it is asked for alone
SINGLE_MOST = 20  # of those, each a whole batch, in one go
REMEMBERED_MOST = 10_000

Place = tuple[str, int, int]  # topic, partition, offset


@dataclass(slots=True, eq=False)
class OldestReader:
    """Asks for the times, and remembers them as long as the position stays."""

    known: Known
    _found: dict[Place, OldestUnread | None] = field(default_factory=dict)

    async def read(self, groups: Iterable[Group]) -> Mapping[str, list[OldestUnread]]:
        """Return, per group, what is known within WITHIN_S; a group without an answer is left out."""
        places = {group.name: _worst(group) for group in groups}
        wanted = {place for many in places.values() for place in many if place not in self._found}
        if len(self._found) > REMEMBERED_MOST:
            self._found.clear()
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._ask(wanted)
        except TimeoutError:
            pass  # what came in time is there
        found = {name: [one for place in many if (one := self._found.get(place))] for name, many in places.items()}
        return {name: many for name, many in found.items() if many}

    async def _ask(self, wanted: set[Place]) -> None:
        by_leader: dict[int, list[Place]] = {}
        for topic, partition, offset in wanted:
            known = self.known.layout.topics.get(topic)
            if known is not None and partition < known.count and (leader := known.meta.leader[partition]) >= 0:
                by_leader.setdefault(leader, []).append((topic, partition, offset))
        await asyncio.gather(*(self._ask_leader(leader, places) for leader, places in by_leader.items()))

    async def _ask_leader(self, leader: int, places: list[Place]) -> None:
        try:
            empty = [place for some in _once_each(places) for place in await self._ask_once(leader, some)]
            for place in empty[:SINGLE_MOST]:
                await self._ask_once(leader, [place])
        except (BrokerError, Unsupported):
            return  # the time lag is a figure beside the lag: it is left out

    async def _ask_once(self, leader: int, places: list[Place]) -> list[Place]:
        """Ask for these; return those whose batch was too large to come along."""
        wanted: dict[str, list[Wanted]] = {}
        for topic, partition, offset in places:
            wanted.setdefault(topic, []).append(Wanted(partition, offset))
        answers = await self.known.nodes.ask(leader, ask_batches(wanted, each_bytes=EACH_BYTES), Purpose.HEAVY)
        offsets = {(topic, partition): offset for topic, partition, offset in places}
        empty = []
        for fetched in answers:
            place = (fetched.topic, fetched.partition, offsets[fetched.topic, fetched.partition])
            if fetched.oldest is not None:
                self._found[place] = _oldest(fetched, place[2])
            elif fetched.only_markers:
                self.known.layout.take_markers(fetched.topic, fetched.partition, place[2], fetched.end)
            elif fetched.error == NONE and len(places) > 1:
                empty.append(place)
        return empty


def _once_each(places: Iterable[Place]) -> Iterable[list[Place]]:
    """One question can name a partition once: groups that stand at different offsets of it take several."""
    by_partition: dict[tuple[str, int], list[Place]] = {}
    for place in places:
        by_partition.setdefault(place[:2], []).append(place)
    return ([place for place in some if place] for some in zip_longest(*by_partition.values()))


def _worst(group: Group) -> list[Place]:
    rows = group.positions
    behind = [row for row, lag in enumerate(rows.lag) if lag > 0 and rows.settled[row] >= 0]
    places = []
    for row in nlargest(WORST, behind, key=lambda row: rows.lag[row]):
        start = rows.start[row] if rows.start is not None else 0
        places.append((rows.names[rows.destination[row]], rows.partition[row], max(rows.settled[row], start)))
    return places


def _oldest(fetched: Fetched, offset: int) -> OldestUnread | None:
    batch = fetched.oldest
    if batch is None or batch.first_ms < 0:
        return None
    exact = offset <= batch.base or batch.first_ms == batch.newest_ms
    return OldestUnread(destination=fetched.topic, partition=fetched.partition, at=batch.first_ms / 1000, exact=exact)
