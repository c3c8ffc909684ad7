"""Topics and groups that are created, deleted, recreated or extended between two sweeps."""

from pathlib import Path

import pytest
from confluent_kafka.cimpl import NewPartitions

from signalbox.brokers.errors import Unroutable
from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.kafka.cluster_cache import Intervals
from signalbox.brokers.kafka.protocol.changes import commit_offsets_request
from signalbox.brokers.kafka.protocol.connection import Api, Request
from signalbox.brokers.kafka.protocol.wire import Cursor, RequestBody
from signalbox.brokers.model import UNKNOWN, GroupState, Message, Snapshot, Why
from tests.support.commands import configured, run_here
from tests.support.kafka import KafkaClient, KafkaMember, KafkaUnderTest, connected, figures
from tests.support.waiting import eventually


async def create_topic_and_group(client: KafkaClient, name: str, partitions: int = 2) -> None:
    """Create a topic with 8, 9, ... messages per partition, and a group with the committed offsets 3, 4, ..."""
    await client.create(name, partitions)
    for partition in range(partitions):
        await client.produce(name, partition, 8 + partition)
    await client.commit(f"{name}-readers", {(name, p): 3 + p for p in range(partitions)})


async def test_a_deleted_topic_is_gone_with_its_positions(kafka_broker: KafkaBroker, kafka_client: KafkaClient) -> None:
    await create_topic_and_group(kafka_client, "change-deleted")
    await create_topic_and_group(kafka_client, "change-kept")
    await kafka_client.commit("change-both", {("change-deleted", 0): 1, ("change-kept", 0): 2})
    before = await kafka_broker.sweep()
    assert before.groups["change-both"].lag == 13
    assert not before.gone_destinations
    await kafka_client.delete("change-deleted")
    gone: set[str] = set()

    async def deletion_is_reported() -> Snapshot:
        snapshot = await kafka_broker.sweep()
        gone.update(snapshot.gone_destinations, snapshot.gone_groups)
        assert "change-deleted" in gone
        assert snapshot.groups["change-both"].destinations == ("change-kept",)
        return snapshot

    after = await eventually(deletion_is_reported)
    assert gone == {"change-deleted"}
    assert "change-deleted" not in after.destinations
    assert after.groups["change-both"].lag == 6
    without_offsets = after.groups["change-deleted-readers"]  # Kafka keeps the group for a while, without offsets
    assert (without_offsets.lag, len(without_offsets.positions)) == (None, 0)


async def test_a_recreated_topic_has_a_new_identity(kafka_broker: KafkaBroker, kafka_client: KafkaClient) -> None:
    await create_topic_and_group(kafka_client, "change-recreated")
    before = await kafka_broker.sweep()
    await kafka_client.delete("change-recreated")
    await eventually(lambda: kafka_client.create("change-recreated", 2))
    # A client continues at its old offset.
    await kafka_client.commit("change-recreated-readers", {("change-recreated", 1): 4})

    async def recreation_is_reported() -> None:
        after = await kafka_broker.sweep()
        assert after.destinations["change-recreated"].identity != before.destinations["change-recreated"].identity
        group = after.groups["change-recreated-readers"]
        assert figures(group) == {("change-recreated", 1): (4, 0, UNKNOWN, Why.BEYOND_END)}
        assert group.lag is None

    await eventually(recreation_is_reported)


async def test_a_deleted_group_is_gone(kafka_broker: KafkaBroker, kafka_client: KafkaClient) -> None:
    await create_topic_and_group(kafka_client, "change-group")
    assert "change-group-readers" in (await kafka_broker.sweep()).groups
    await kafka_client.delete_group("change-group-readers")
    snapshot = await kafka_broker.sweep()
    assert snapshot.gone_groups == {"change-group-readers"}
    assert not (await kafka_broker.sweep()).gone_groups
    assert not (await kafka_broker.watch(["change-group-readers"])).groups


async def test_new_partitions_are_reported(kafka_broker: KafkaBroker, kafka_client: KafkaClient) -> None:
    await create_topic_and_group(kafka_client, "change-grown")
    await create_topic_and_group(kafka_client, "change-other")
    await kafka_broker.sweep()
    for future in kafka_client.admin.create_partitions([NewPartitions("change-grown", 5)]).values():
        future.result(20)

    async def new_partitions_are_reported() -> None:
        await kafka_client.produce("change-grown", 4, 21)
        await kafka_client.commit("change-grown-readers", {("change-grown", 4): 6})
        snapshot = await kafka_broker.sweep()
        partitions = snapshot.destinations["change-grown"].partitions
        assert partitions is not None
        assert list(partitions.end[:4]) == [8, 9, 0, 0]
        rows = figures(snapshot.groups["change-grown-readers"])
        assert rows["change-grown", 0] == (3, 8, 5, Why.KNOWN)
        assert rows["change-grown", 4][0] == 6
        assert rows["change-grown", 4][2] == partitions.end[4] - 6
        assert snapshot.groups["change-other-readers"].lag == 10

    await eventually(new_partitions_are_reported)


async def test_a_real_rewind_is_reported_at_once(kafka_broker: KafkaBroker, kafka_client: KafkaClient) -> None:
    await create_topic_and_group(kafka_client, "change-rewound")
    assert (await kafka_broker.sweep()).groups["change-rewound-readers"].lag == 10
    await kafka_client.commit("change-rewound-readers", {("change-rewound", 0): 1})
    snapshot = await kafka_broker.sweep()
    assert snapshot.groups["change-rewound-readers"].lag == 12
    assert not snapshot.faults


async def test_an_unchanged_group_stays_the_same_object(kafka: KafkaUnderTest, kafka_client: KafkaClient) -> None:
    await create_topic_and_group(kafka_client, "change-none")
    await create_topic_and_group(kafka_client, "change-some")
    async with connected(kafka.bootstrap, Intervals()) as broker:
        await broker.sweep()
        first = await broker.sweep()
        await kafka_client.produce("change-some", 0, 2)
        second = await broker.sweep()
    assert second.groups["change-none-readers"] is first.groups["change-none-readers"]
    assert second.destinations["change-none"] is first.destinations["change-none"]
    assert second.groups["change-some-readers"] is not first.groups["change-some-readers"]
    assert second.groups["change-some-readers"].lag == 12


async def test_a_group_keeps_its_figures_during_a_rebalance(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_client: KafkaClient
) -> None:
    await kafka_client.create("change-rebalance", 4)
    await kafka_client.produce("change-rebalance", 0, 9)
    await kafka_client.produce("change-rebalance", 3, 2)
    async with KafkaMember(kafka.bootstrap, "change-joining").subscribe("change-rebalance") as first:

        async def all_received() -> None:
            assert first.received == 11

        await eventually(all_received, within_s=30)
        await first.commit("change-rebalance", 0, 4)
        first.paused = True
        async with KafkaMember(kafka.bootstrap, "change-joining").subscribe("change-rebalance"):

            async def is_rebalancing() -> None:
                group = (await kafka_broker.sweep()).groups["change-joining"]
                assert group.state is GroupState.REBALANCING
                assert group.state_text == "PreparingRebalance"
                assert figures(group)["change-rebalance", 0] == (4, 9, 5, Why.KNOWN)
                assert figures(group)["change-rebalance", 2] == (UNKNOWN, 0, 0, Why.KNOWN)  # empty
                assert figures(group)["change-rebalance", 3][3] is Why.NEVER_COMMITTED  # assigned before the rebalance

            await eventually(is_rebalancing, within_s=30)
            first.paused = False


async def test_publishing_never_creates_a_topic(kafka_broker: KafkaBroker, kafka_client: KafkaClient) -> None:
    with pytest.raises(Unroutable):
        await kafka_broker.publish("change-never-created", Message(body=b"x"))
    await create_topic_and_group(kafka_client, "change-published")
    await kafka_broker.publish("change-published", Message(body=b"x"))
    await kafka_client.delete("change-published")
    with pytest.raises(Unroutable):
        await kafka_broker.publish("change-published", Message(body=b"x"), timeout_s=10.0)
    topics = (await kafka_broker.sweep()).destinations
    assert not {"change-never-created", "change-published"} & topics.keys()


async def test_the_group_with_the_empty_name_is_read_like_any_other(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_client: KafkaClient, tmp_path: Path
) -> None:
    await kafka_client.create("empty-name")
    await kafka_client.produce("empty-name", 0, 9)
    await kafka_client.commit("empty-name-others", {("empty-name", 0): 5})
    commit = commit_offsets_request("", {"empty-name": [2]})
    assert await kafka_broker._client.call(1, commit) == 0
    group = (await kafka_broker.sweep()).groups[""]
    assert (group.lag, group.state) == (7, GroupState.EMPTY)
    assert (await kafka_broker.watch([""])).groups[""].lag == 7
    bootstrap = f'bootstrap = ["{kafka.bootstrap}"]\n'
    configured(tmp_path, f'[[connections]]\nname = "k"\nkind = "kafka"\n{bootstrap}')
    ran = await run_here("lag", "--group", "", folder=tmp_path)
    assert [line.split()[:2] for line in ran.out.splitlines()[1:] if line] == [["k", '""']]
    assert await kafka_broker._client.call(1, delete_group_request("")) == 0  # Kafka's own tool fails on it


def delete_group_request(group: str) -> Request[int]:
    """Delete a group (DeleteGroups). Response: error code."""

    def encode(_version: int) -> bytes:
        body = RequestBody(flexible=False)
        body.texts([group])
        return body.to_bytes()

    def decode(data: bytes, _version: int) -> int:
        cursor = Cursor(data, flexible=False, position=8)
        cursor.text()
        return cursor.i16()

    return Request(Api("DeleteGroups", 42, (1,), flexible_from=2), encode, decode)
