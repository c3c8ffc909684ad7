"""What changes at a Kafka cluster between two sweeps: topics and groups that come, go, grow and come again."""

import pytest
from confluent_kafka.cimpl import NewPartitions

from signalbox.brokers.errors import Unroutable
from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.kafka.cluster_cache import Intervals
from signalbox.brokers.model import UNKNOWN, GroupState, Message, Snapshot, Why
from tests.support.kafka import KafkaUnderTest, Oracle, Reading, connected, figures
from tests.support.waiting import eventually


async def begun(oracle: Oracle, name: str, partitions: int = 2) -> None:
    """A topic with 8, 9, ... records, and a group that stands at 3, 4, ..."""
    await oracle.create(name, partitions)
    for partition in range(partitions):
        await oracle.produce(name, partition, 8 + partition)
    await oracle.commit(f"{name}-readers", {(name, p): 3 + p for p in range(partitions)})


async def test_a_deleted_topic_is_gone_with_its_positions(kafka_broker: KafkaBroker, kafka_oracle: Oracle) -> None:
    await begun(kafka_oracle, "change-deleted")
    await begun(kafka_oracle, "change-kept")
    await kafka_oracle.commit("change-both", {("change-deleted", 0): 1, ("change-kept", 0): 2})
    before = await kafka_broker.sweep()
    assert before.groups["change-both"].lag == 13
    assert not before.gone_destinations
    await kafka_oracle.delete("change-deleted")
    gone: set[str] = set()

    async def seen_gone() -> Snapshot:
        snapshot = await kafka_broker.sweep()
        gone.update(snapshot.gone_destinations, snapshot.gone_groups)
        assert "change-deleted" in gone
        assert snapshot.groups["change-both"].destinations == ("change-kept",)
        return snapshot

    after = await eventually(seen_gone)
    assert gone == {"change-deleted"}
    assert "change-deleted" not in after.destinations
    assert after.groups["change-both"].lag == 6
    emptied = after.groups["change-deleted-readers"]  # Kafka keeps it for a while, without a position
    assert (emptied.lag, len(emptied.positions)) == (None, 0)


async def test_a_topic_made_anew_is_another_one(kafka_broker: KafkaBroker, kafka_oracle: Oracle) -> None:
    await begun(kafka_oracle, "change-anew")
    before = await kafka_broker.sweep()
    await kafka_oracle.delete("change-anew")
    await eventually(lambda: kafka_oracle.create("change-anew", 2))
    await kafka_oracle.commit("change-anew-readers", {("change-anew", 1): 4})  # a client that goes on as before

    async def anew() -> None:
        after = await kafka_broker.sweep()
        assert after.destinations["change-anew"].identity != before.destinations["change-anew"].identity
        assert figures(after.groups["change-anew-readers"]) == {("change-anew", 1): (4, 0, UNKNOWN, Why.BEYOND_END)}
        assert after.groups["change-anew-readers"].lag is None

    await eventually(anew)


async def test_a_deleted_group_is_gone(kafka_broker: KafkaBroker, kafka_oracle: Oracle) -> None:
    await begun(kafka_oracle, "change-group")
    assert "change-group-readers" in (await kafka_broker.sweep()).groups
    await kafka_oracle.delete_group("change-group-readers")
    snapshot = await kafka_broker.sweep()
    assert snapshot.gone_groups == {"change-group-readers"}
    assert not (await kafka_broker.sweep()).gone_groups
    assert not (await kafka_broker.watch(["change-group-readers"])).groups


async def test_new_partitions_are_seen(kafka_broker: KafkaBroker, kafka_oracle: Oracle) -> None:
    await begun(kafka_oracle, "change-grown")
    await begun(kafka_oracle, "change-other")
    await kafka_broker.sweep()
    for future in kafka_oracle.admin.create_partitions([NewPartitions("change-grown", 5)]).values():
        future.result(20)

    async def grown() -> None:
        await kafka_oracle.produce("change-grown", 4, 21)
        await kafka_oracle.commit("change-grown-readers", {("change-grown", 4): 6})
        snapshot = await kafka_broker.sweep()
        partitions = snapshot.destinations["change-grown"].partitions
        assert partitions is not None
        assert list(partitions.end[:4]) == [8, 9, 0, 0]
        rows = figures(snapshot.groups["change-grown-readers"])
        assert rows["change-grown", 0] == (3, 8, 5, Why.KNOWN)
        assert rows["change-grown", 4][0] == 6
        assert rows["change-grown", 4][2] == partitions.end[4] - 6
        assert snapshot.groups["change-other-readers"].lag == 10

    await eventually(grown)


async def test_a_real_rewind_is_shown_at_once(kafka_broker: KafkaBroker, kafka_oracle: Oracle) -> None:
    await begun(kafka_oracle, "change-rewound")
    assert (await kafka_broker.sweep()).groups["change-rewound-readers"].lag == 10
    await kafka_oracle.commit("change-rewound-readers", {("change-rewound", 0): 1})
    snapshot = await kafka_broker.sweep()
    assert snapshot.groups["change-rewound-readers"].lag == 12
    assert not snapshot.faults


async def test_an_unchanged_group_stays_the_same_object(kafka: KafkaUnderTest, kafka_oracle: Oracle) -> None:
    await begun(kafka_oracle, "change-none")
    await begun(kafka_oracle, "change-some")
    async with connected(kafka.bootstrap, Intervals()) as broker:
        await broker.sweep()
        first = await broker.sweep()
        await kafka_oracle.produce("change-some", 0, 2)
        second = await broker.sweep()
    assert second.groups["change-none-readers"] is first.groups["change-none-readers"]
    assert second.destinations["change-none"] is first.destinations["change-none"]
    assert second.groups["change-some-readers"] is not first.groups["change-some-readers"]
    assert second.groups["change-some-readers"].lag == 12


async def test_a_rebalancing_group_keeps_its_figures(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_oracle: Oracle
) -> None:
    await kafka_oracle.create("change-rebalance", 4)
    await kafka_oracle.produce("change-rebalance", 0, 9)
    async with Reading(kafka.bootstrap, "change-joining").subscribe("change-rebalance") as first:

        async def reads() -> None:
            assert first.seen == 9

        await eventually(reads, within_s=30)
        await first.commit("change-rebalance", 0, 4)
        first.held = True
        async with Reading(kafka.bootstrap, "change-joining").subscribe("change-rebalance"):

            async def rebalancing() -> None:
                group = (await kafka_broker.sweep()).groups["change-joining"]
                assert group.state is GroupState.REBALANCING
                assert group.state_text == "PreparingRebalance"
                assert figures(group)["change-rebalance", 0] == (4, 9, 5, Why.KNOWN)
                assert figures(group)["change-rebalance", 3][3] is Why.NEVER_COMMITTED  # assigned before

            await eventually(rebalancing, within_s=30)
            first.held = False


async def test_publishing_never_makes_a_topic(kafka_broker: KafkaBroker, kafka_oracle: Oracle) -> None:
    with pytest.raises(Unroutable):
        await kafka_broker.publish("change-never-made", Message(body=b"x"))
    await begun(kafka_oracle, "change-published")
    await kafka_broker.publish("change-published", Message(body=b"x"))
    await kafka_oracle.delete("change-published")

    async def refused() -> None:
        with pytest.raises(Unroutable):
            await kafka_broker.publish("change-published", Message(body=b"x"), timeout_s=10.0)

    await refused()
    topics = (await kafka_broker.sweep()).destinations
    assert not {"change-never-made", "change-published"} & topics.keys()
