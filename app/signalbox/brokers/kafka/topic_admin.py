"""Check that topics exist, without creating them by accident, and create topics and groups for `ensure`."""

import asyncio
import re
from collections.abc import Mapping, Sequence

from signalbox.brokers.errors import BrokerTimeout, DestinationMissing, InvalidName, PermissionMissing, PublishRefused
from signalbox.brokers.kafka.cluster_client import ClusterClient
from signalbox.brokers.kafka.errors import DENIED, INVALID_TOPIC, NONE, TOPIC_EXISTS, UNKNOWN_TOPIC, error_name
from signalbox.brokers.kafka.protocol import offsets as offset_api
from signalbox.brokers.kafka.protocol.changes import commit_offsets_request, create_topics_request
from signalbox.brokers.kafka.protocol.cluster import find_coordinators_request
from signalbox.brokers.kafka.protocol.metadata import TopicMetadata, metadata_request
from signalbox.brokers.model import DestinationSpec

TOPIC_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
READY_TIMEOUT_S = 20.0
POLL_S = 0.05


class TopicAdmin:
    """Checks and creates topics of one cluster."""

    def __init__(self, connection: str, client: ClusterClient) -> None:
        self._connection = connection
        self._client = client

    async def check_exists(self, name: str) -> None:
        """Raise DestinationMissing, InvalidName, or PermissionMissing if our user may not see the topic."""
        self._check_name(name)
        (topic,) = await self._metadata([name])
        if topic.error == UNKNOWN_TOPIC:
            hint = "Create it, or check the name."
            raise DestinationMissing(self._connection, f"The topic {name} does not exist.", hint)
        if topic.error in DENIED:
            hint = "Grant DESCRIBE on the topic."
            raise PermissionMissing(self._connection, f"The user has no permission to see the topic {name}.", hint)

    def _check_name(self, name: str) -> None:
        if not TOPIC_NAME.fullmatch(name):
            hint = "Use letters, digits, '.', '_' and '-', at most 249 characters."
            raise InvalidName(self._connection, f"Kafka does not allow the topic name {name!r}.", hint)

    async def _metadata(self, names: Sequence[str]) -> list[TopicMetadata]:
        return list((await self._client.call_any(metadata_request(names))).topics)

    async def ensure(self, specs: Sequence[DestinationSpec]) -> None:
        """Create missing topics, and commit the start offsets of their topics for new groups."""
        for spec in specs:
            self._check_name(spec.name)
        by_name = {spec.name: spec for spec in specs}
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                missing = [topic.name for topic in await self._metadata(list(by_name)) if topic.error == UNKNOWN_TOPIC]
                if missing:
                    await self._create([by_name[name] for name in missing])
                await self._wait_for_leaders(list(by_name))
                for group in sorted({group for spec in specs for group in spec.groups}):
                    await self._start_group(group, [spec.name for spec in by_name.values() if group in spec.groups])
        except TimeoutError:
            problem = f"The topics were not ready within {READY_TIMEOUT_S:.0f} s."
            raise BrokerTimeout(self._connection, problem, "Check the brokers.") from None

    async def _create(self, specs: Sequence[DestinationSpec]) -> None:
        controller = (await self._client.call_any(metadata_request([]))).controller
        results = await self._client.call(controller, create_topics_request(specs))
        for name, (error, message) in results.items():
            if error == INVALID_TOPIC:
                problem = f"Kafka does not allow the topic name {name}: {message}"
                raise InvalidName(self._connection, problem, "Choose another name.")
            if error in DENIED:
                problem = f"The user has no permission to create the topic {name}."
                raise PermissionMissing(self._connection, problem, "Grant CREATE on the topic.")
            if error not in (NONE, TOPIC_EXISTS):
                problem = f"Cannot create the topic {name}: {message or error_name(error)}"
                raise PublishRefused(self._connection, problem, "Check its settings.")

    async def _wait_for_leaders(self, names: Sequence[str]) -> None:
        """Wait until every broker knows the topics and their leaders."""
        for node in self._client.addresses:
            while True:
                topics = list((await self._client.call(node, metadata_request(names))).topics)
                if all(topic.error == NONE and min(topic.leader, default=-1) >= 0 for topic in topics):
                    break
                await asyncio.sleep(POLL_S)

    async def _start_group(self, group: str, topics: Sequence[str]) -> None:
        """Commit start offsets of the topics on which the group has no committed offset yet."""
        while True:
            if await self._try_start_group(group, topics):
                return
            await asyncio.sleep(POLL_S)  # the first group of a cluster creates the offsets topic

    async def _try_start_group(self, group: str, topics: Sequence[str]) -> bool:
        node = (await self._client.call_any(find_coordinators_request([group]))).get(group)
        if node is None:
            return False
        committed = await self._committed_offsets(node, group)
        new = [name for name in topics if name not in dict(committed.topics)]
        error = committed.error
        if new and not error:
            error = await self._client.call(node, commit_offsets_request(group, await self._start_offsets(new)))
        if error in DENIED:
            problem = f"The user has no permission on the consumer group {group}."
            raise PermissionMissing(self._connection, problem, "Grant READ on the group.")
        return error == NONE

    async def _committed_offsets(self, node: int, group: str) -> offset_api.CommittedOffsets:
        batched = await self._client.supports(node, offset_api.OFFSET_FETCH)
        request = (
            offset_api.committed_offsets_request([group]) if batched else offset_api.single_group_offsets_request(group)
        )
        (offsets,) = await self._client.call(node, request)
        assert isinstance(offsets, offset_api.CommittedOffsets)  # noqa: S101 - the request contains no previous bytes
        return offsets

    async def _start_offsets(self, names: Sequence[str]) -> Mapping[str, list[int]]:
        topics = await self._metadata(names)
        starts = {topic.name: [0] * len(topic.leader) for topic in topics}
        by_leader: dict[int, dict[str, list[int]]] = {}
        for topic in topics:
            for partition, leader in enumerate(topic.leader):
                by_leader.setdefault(leader, {}).setdefault(topic.name, []).append(partition)
        for leader, partitions in by_leader.items():
            response = await self._client.call(
                leader, offset_api.list_offsets_request(partitions, timestamp=offset_api.EARLIEST)
            )
            for name, rows, row_format in response:
                for partition, error, offset in offset_api.decode_offset_rows(rows, row_format):
                    if not error:
                        starts[name][partition] = offset
        return starts
