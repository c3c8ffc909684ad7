"""Whether a topic is there, asked without ever creating it; and making what `ensure` wants."""

import asyncio
import re
from collections.abc import Mapping, Sequence

from signalbox.brokers.errors import BrokerTimeout, DestinationMissing, InvalidName, NotPermitted, PublishRefused
from signalbox.brokers.kafka.errors import DENIED, INVALID_TOPIC, NONE, TOPIC_EXISTS, UNKNOWN_TOPIC, said
from signalbox.brokers.kafka.nodes import Nodes
from signalbox.brokers.kafka.protocol.cluster import ask_coordinators
from signalbox.brokers.kafka.protocol.metadata import TopicMetadata, ask_metadata
from signalbox.brokers.kafka.protocol.offsets import (
    OFFSET_FETCH,
    START,
    Commits,
    ask_commits,
    ask_commits_of_one,
    ask_ends,
    end_rows,
)
from signalbox.brokers.kafka.protocol.provision import ask_commit, ask_create
from signalbox.brokers.model import DestinationSpec

LEGAL = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
READY_WAIT_S = 20.0
POLL_S = 0.05


class Topics:
    """Questions and wishes about single topics."""

    def __init__(self, connection: str, nodes: Nodes) -> None:
        self._connection = connection
        self._nodes = nodes

    async def exist(self, name: str) -> None:
        """Return when the topic exists.

        Raises:
            DestinationMissing: it does not.
            InvalidName: Kafka cannot have such a name.
            NotPermitted: the user may not see it.
        """
        self._check_name(name)
        (topic,) = await self._ask([name])
        if topic.error == UNKNOWN_TOPIC:
            do = "Create it, or look at its name."
            raise DestinationMissing(self._connection, f"there is no topic {name}.", do)
        if topic.error in DENIED:
            raise NotPermitted(self._connection, f"the user may not see the topic {name}.", "Grant it DESCRIBE.")

    def _check_name(self, name: str) -> None:
        if not LEGAL.fullmatch(name):
            do = "Use letters, digits, '.', '_' and '-', at most 249."
            raise InvalidName(self._connection, f"Kafka cannot have a topic named {name!r}.", do)

    async def _ask(self, names: Sequence[str]) -> list[TopicMetadata]:
        return list((await self._nodes.ask_any(ask_metadata(names))).topics)

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """Create topics that are missing, and let new groups stand at the start of theirs."""
        for one in specs:
            self._check_name(one.name)
        by_name = {one.name: one for one in specs}
        try:
            async with asyncio.timeout(READY_WAIT_S):
                missing = [topic.name for topic in await self._ask(list(by_name)) if topic.error == UNKNOWN_TOPIC]
                if missing:
                    await self._create([by_name[name] for name in missing])
                await self._wait_for_leaders(list(by_name))
                groups = sorted({group for one in specs for group in one.groups})
                for group in groups:
                    await self._begin(group, [one for one in by_name.values() if group in one.groups])
        except TimeoutError:
            raise BrokerTimeout(self._connection, "topics were not ready in time.", "Look at the brokers.") from None

    async def _create(self, specs: Sequence[DestinationSpec]) -> None:
        controller = (await self._nodes.ask_any(ask_metadata([]))).controller
        answers = await self._nodes.ask(controller, ask_create(specs))
        for name, (error, message) in answers.items():
            if error == INVALID_TOPIC:
                raise InvalidName(
                    self._connection, f"Kafka refuses the topic {name}: {message}", "Choose another name."
                )
            if error in DENIED:
                raise NotPermitted(self._connection, f"the user may not create the topic {name}.", "Grant it CREATE.")
            if error not in (NONE, TOPIC_EXISTS):
                found = f"the topic {name} was not created: {message or said(error)}"
                raise PublishRefused(self._connection, found, "Look at its settings.")

    async def _wait_for_leaders(self, names: Sequence[str]) -> None:
        """Wait until every broker knows the topics and who leads them."""
        for node in self._nodes.addresses:
            while True:
                topics = list((await self._nodes.ask(node, ask_metadata(names))).topics)
                if all(topic.error == NONE and min(topic.leader, default=-1) >= 0 for topic in topics):
                    break
                await asyncio.sleep(POLL_S)

    async def _begin(self, group: str, specs: Sequence[DestinationSpec]) -> None:
        """Set a group that stands nowhere on these topics to their start; what it has committed stays."""
        while True:
            if await self._begun(group, specs):
                return
            await asyncio.sleep(POLL_S)  # the first group of a cluster has the offsets topic made

    async def _begun(self, group: str, specs: Sequence[DestinationSpec]) -> bool:
        found = await self._nodes.ask_any(ask_coordinators([group]))
        if group not in found:
            return False
        commits = await self._commits(found[group], group)
        stands = {name for name, _ in commits.topics}
        new = [one.name for one in specs if one.name not in stands]
        error = commits.error
        if new and not error:
            error = await self._nodes.ask(found[group], ask_commit(group, await self._starts(new)))
        if error in DENIED:
            raise NotPermitted(self._connection, f"the user may not use the group {group}.", "Grant it READ.")
        return error == NONE

    async def _commits(self, node: int, group: str) -> Commits:
        many = await self._nodes.offers(node, OFFSET_FETCH)
        question = ask_commits([group]) if many else ask_commits_of_one(group)
        (answer,) = await self._nodes.ask(node, question)
        assert isinstance(answer, Commits)  # noqa: S101 - nothing was known before
        return answer

    async def _starts(self, names: Sequence[str]) -> Mapping[str, list[int]]:
        starts: dict[str, list[int]] = {}
        plan: dict[int, dict[str, list[int]]] = {}
        for topic in await self._ask(names):
            starts[topic.name] = [0] * len(topic.leader)
            for partition, leader in enumerate(topic.leader):
                plan.setdefault(leader, {}).setdefault(topic.name, []).append(partition)
        for leader, partitions in plan.items():
            for name, rows, form in await self._nodes.ask(leader, ask_ends(partitions, timestamp=START)):
                for partition, error, offset in end_rows(rows, form):
                    if not error:
                        starts[name][partition] = offset
        return starts
