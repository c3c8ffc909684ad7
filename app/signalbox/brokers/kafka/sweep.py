"""One reading of the whole cluster, or of some groups: what is asked when, and in which order.

Where groups stand is asked before the ends that it is compared with: the other way round every lag under traffic is negative.
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.kafka.commits import Told, read_commits, read_positions
from signalbox.brokers.kafka.describe import read_members
from signalbox.brokers.kafka.destinations import Destinations
from signalbox.brokers.kafka.ends import Plan, Which, read_ends
from signalbox.brokers.kafka.errors import NONE
from signalbox.brokers.kafka.health import cluster_of, read_settings, read_sizes, refresh
from signalbox.brokers.kafka.known import Known, broker_fault, by_node, once_per_resource
from signalbox.brokers.kafka.merge import Outcome, merge
from signalbox.brokers.kafka.nodes import WHOLE, Purpose
from signalbox.brokers.kafka.protocol.frames import Unsupported
from signalbox.brokers.kafka.protocol.offsets import Commits
from signalbox.brokers.model import Destination, Fault, Group, Scope, Snapshot, Why

GROUPS_PER_SLICE = 200  # 10,000 rows
TOPICS_PER_SLICE = 200


@dataclass(slots=True, eq=False)
class Reader:
    """Reads one cluster. A sweep and a watch may run at the same time: what was asked for later stands."""

    known: Known
    _destinations: Destinations = field(default_factory=Destinations)
    _plan: Plan = field(default_factory=Plan)
    _starts_of: int = -1  # the layout's generation of which the starts were read

    async def sweep(self) -> Snapshot:
        """Read everything once.

        Raises:
            BrokerError: nothing at all could be read.
        """
        known = self.known
        requested_at = known.clock()
        try:
            async with asyncio.TaskGroup() as tasks:
                cluster = tasks.create_task(self._read_cluster())
                commits = tasks.create_task(read_commits(known))
        except ExceptionGroup as failed:  # the metadata's; what else fails is in the answers
            raise failed.exceptions[0] from failed
        gone, faults = cluster.result()
        told = commits.result()
        _refuse_silence(told)
        async with asyncio.TaskGroup() as tasks:
            ends = tasks.create_task(self._read_ends())  # on its way while the answers about groups are taken in
            groups_read = tasks.create_task(self._take(told))
        outcome = groups_read.result()
        faults += ends.result()
        if outcome.again:  # later than the ends that they would be compared with
            rows = [known.groups[name].prepare(known.layout, known.settings.includes) for name in outcome.again]
            again = known.layout.by_leader({name for row in rows for name in row.names})
            faults += await read_ends(known, Plan.of(again, WHOLE), [Which.ENDS])
        read_at = known.clock()
        groups = await self._groups(outcome.read)
        destinations, excluded = await self._shown()
        answered = {one.node for one in told if one.listing is not None}
        return Snapshot(
            scope=Scope.FULL,
            requested_at=requested_at,
            read_at=read_at,
            groups=groups,
            destinations=destinations,
            cluster=cluster_of(known, answered),
            gone_groups=frozenset(outcome.gone),
            gone_destinations=frozenset(name for name in gone if known.settings.includes(name)),
            faults=once_per_resource([*faults, *outcome.faults]),
            calls=tuple(known.calls.values()),
            excluded=excluded + outcome.excluded,
        )

    async def _read_cluster(self) -> tuple[frozenset[str], list[Fault]]:
        """Read what there is, and its settings and sizes in their turn; return topics that are gone, and faults."""
        known = self.known
        found = await self._refresh()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read_settings(known))
            if known.due("sizes", known.intervals.sizes_s if known.layout.sized() else known.intervals.health_s):
                tasks.create_task(read_sizes(known))
        return found

    async def _take(self, told: list[Told]) -> Outcome:
        """Take where the groups stand, and get ready what does not depend on ends."""
        known = self.known
        outcome = await merge(known, told)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read_members(known, outcome.read))
            tasks.create_task(self._prepare(outcome.read))
        return outcome

    async def _prepare(self, names: Iterable[str]) -> None:
        known = self.known
        for number, name in enumerate(names):
            known.groups[name].prepare(known.layout, known.settings.includes)
            if number % GROUPS_PER_SLICE == GROUPS_PER_SLICE - 1:
                await asyncio.sleep(0)

    async def _refresh(self) -> tuple[frozenset[str], list[Fault]]:
        known = self.known
        if not known.nodes.addresses:
            raise BrokerUnavailable(known.settings.name, "is not connected.", "Connect first.")
        try:
            return await refresh(known)
        except Unsupported as error:
            raise known.nodes.silent(min(known.nodes.addresses)) from error

    async def _read_ends(self) -> list[Fault]:
        known, layout = self.known, self.known.layout
        if self._plan.generation is not layout.read_from:
            self._plan = Plan.of(layout.by_leader(), WHOLE, layout.read_from)
        wanted = [Which.ENDS]
        if known.due("stables", known.intervals.stables_s):
            known.asked["stables"] = known.clock()
            wanted.append(Which.STABLES)
        if known.due("starts", known.intervals.starts_s) or self._starts_of != layout.generation:
            known.asked["starts"] = known.clock()
            self._starts_of = layout.generation
            wanted.append(Which.STARTS)
        faults = await read_ends(known, self._plan, wanted)
        if Which.STABLES not in wanted and (open_now := layout.transactional()):
            faults += await read_ends(known, Plan.of(layout.by_leader(open_now), WHOLE), [Which.STABLES])
        return faults

    async def watch(self, names: Collection[str]) -> Snapshot:
        """Read these groups, and the destinations that they read, on connections of their own.

        Raises:
            BrokerError: nothing at all could be read.
        """
        known = self.known
        requested_at = known.clock()
        wanted = {name: held for name in names if (held := known.groups.get(name)) is not None}
        told = [Told(node=node) for node in by_node(wanted)]
        async with asyncio.TaskGroup() as tasks:
            for one, its in zip(told, by_node(wanted).values(), strict=True):
                types = {name: wanted[name].listed.type for name in its}
                tasks.create_task(_watch_node(known, one, types))
        _refuse_silence(told)
        faults = [broker_fault(one.node, one.failure) for one in told if one.failure is not None]
        read = {name for one in told for name in one.positions if _take_watched(known, one, name)}
        faults += [
            Fault(resource=f"group {name}", why=Why.NO_ANSWER, detail="its coordinator did not tell", group=name)
            for name in wanted.keys() - read
        ]
        topics = self._topics_of(read)
        which = [Which.ENDS, Which.STABLES] if known.layout.open_transactions else [Which.ENDS]
        faults += await read_ends(known, Plan.of(known.layout.by_leader(topics), [Purpose.WATCH]), which)
        read_at = known.clock()
        return Snapshot(
            scope=Scope.WATCHED,
            requested_at=requested_at,
            read_at=read_at,
            groups=await self._groups(read),
            destinations={name: self._destinations.build(known.layout, name) for name in topics},
            faults=once_per_resource(faults),
        )

    def _topics_of(self, groups: Iterable[str]) -> list[str]:
        known = self.known
        named: dict[str, None] = {}
        for name in groups:
            group = known.groups[name].build(known.layout, known.settings.includes)
            named |= dict.fromkeys(group.positions.names)
        return [name for name in named if name in known.layout.topics and self._shows(name)]

    async def _groups(self, names: Iterable[str]) -> dict[str, Group]:
        known = self.known
        built: dict[str, Group] = {}
        for number, name in enumerate(names):
            held = known.groups.get(name)
            if held is not None:
                built[name] = held.build(known.layout, known.settings.includes)
            if number % GROUPS_PER_SLICE == GROUPS_PER_SLICE - 1:
                await asyncio.sleep(0)
        return built

    async def _shown(self) -> tuple[dict[str, Destination], int]:
        layout = self.known.layout
        self._destinations.forget(layout)
        shown: dict[str, Destination] = {}
        for number, name in enumerate(list(layout.topics)):
            if name in layout.topics and self._shows(name):
                shown[name] = self._destinations.build(layout, name)
            if number % TOPICS_PER_SLICE == TOPICS_PER_SLICE - 1:
                await asyncio.sleep(0)
        return shown, len(layout.topics) - len(shown)

    def _shows(self, name: str) -> bool:
        internal = self.known.layout.topics[name].meta.internal or name.startswith("__")
        return self.known.settings.includes(name) and (self.known.settings.show_internal or not internal)


async def _watch_node(known: Known, told: Told, types: dict[str, str]) -> None:
    try:
        async with asyncio.timeout(known.deadline_s()):
            await read_positions(known, told, types, [Purpose.WATCH])
    except TimeoutError:
        told.failure = known.nodes.silent(told.node)


def _take_watched(known: Known, told: Told, name: str) -> bool:
    """Take a watched group's answer; one that fell, or an error, is left to the next sweep, which asks a second broker."""
    held = known.groups.get(name)
    requested_at, answer = told.positions[name]
    if held is None or (answer is not None and answer.error != NONE):
        return False
    if answer is not None and requested_at >= held.requested_at:
        if isinstance(answer, Commits) and held.fell(answer):
            return False
        held.take(answer, requested_at)
    held.requested_at = max(held.requested_at, requested_at)
    return True


def _refuse_silence(told: list[Told]) -> None:
    """Raise what the brokers failed with when not one of them told anything; part of an answer is an answer."""
    failures = [one.failure for one in told if one.listing is None and not one.positions]
    if len(failures) == len(told) and (first := next((failure for failure in failures if failure), None)):
        raise first
