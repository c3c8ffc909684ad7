"""Compare every figure with Kafka's own tools on an idle cluster, and cover the cases in which these tools are wrong."""

import asyncio
import time
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Producer

from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.model import UNKNOWN, GroupState, Snapshot, Why
from tests.connected.kafka.programs import running_java
from tests.support.kafka import KafkaClient, KafkaMember, KafkaTools, KafkaUnderTest, figures
from tests.support.waiting import eventually

SHARE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"
ToolRows = Mapping[str, Mapping[tuple[str, int], Mapping[str, str]]]


def differences(snapshot: Snapshot, tool: ToolRows, prefix: str) -> list[str]:
    """Compare every figure of the groups with this name prefix; return the differences."""
    different = []
    for name in sorted(name for name in {*snapshot.groups, *tool} if name.startswith(prefix)):
        ours = figures(snapshot.groups[name]) if name in snapshot.groups else {}
        theirs = tool.get(name, {})
        for key in sorted({*ours, *theirs}):
            our_row = [str(n) if n >= 0 else "-" for n in ours.get(key, (-2, -2, -2, Why.KNOWN))[:3]]
            tool_row = [theirs.get(key, {}).get(c, "?") for c in ("CURRENT-OFFSET", "LOG-END-OFFSET", "LAG")]
            if our_row != tool_row:
                different.append(f"{name} {key}: Signalbox {our_row}, the tool {tool_row}")
    return different


async def test_every_figure_equals_the_consumer_groups_tool(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_client: KafkaClient
) -> None:
    topics = {"fig-orders": 7, "fig-letters": 3}
    for topic, partitions in topics.items():
        await kafka_client.create(topic, partitions)
        for partition in range(partitions):
            await kafka_client.produce(topic, partition, 11 + 3 * partition)
    for number in range(6):
        positions = {(t, p): (number + 2 * p) % 9 + 1 for t, n in topics.items() for p in range(n) if (p + number) % 3}
        await kafka_client.commit(f"fig-idle-{number}", positions)
    async with (
        KafkaMember(kafka.bootstrap, "fig-member").subscribe("fig-orders") as classic,
        KafkaMember(kafka.bootstrap, "fig-848", group_protocol="consumer").subscribe("fig-letters") as newer,
    ):

        async def all_received() -> None:
            groups = (await kafka_broker.sweep()).groups
            assert [groups[g].state for g in ("fig-member", "fig-848") if g in groups] == [GroupState.ACTIVE] * 2
            assert (classic.received, newer.received) == (140, 42)

        await eventually(all_received, within_s=30)
        for partition in range(7):
            await classic.commit("fig-orders", partition, 5 + partition)
        await newer.commit("fig-letters", 1, 9)  # the other partitions stay without a committed offset
        tool = await KafkaTools(kafka.server).consumer_groups()
        snapshot = await kafka_broker.sweep()
        watched = await kafka_broker.watch([name for name in snapshot.groups if name.startswith("fig-")])
    assert differences(snapshot, tool, "fig-") == []
    assert differences(watched, tool, "fig-") == []
    lags = [lag for name, group in snapshot.groups.items() if name.startswith("fig-") for lag in group.positions.lag]
    assert len([lag for lag in lags if lag > 0]) > 40
    assert len(set(lags)) > 10
    assert figures(snapshot.groups["fig-848"])["fig-letters", 0] == (UNKNOWN, 11, UNKNOWN, Why.NEVER_COMMITTED)
    _check_members(snapshot)


def _check_members(snapshot: Snapshot) -> None:
    classic, newer = snapshot.groups["fig-member"], snapshot.groups["fig-848"]
    assert (classic.kind, newer.kind) == ("classic", "new protocol")
    for group, topic, partitions in ((classic, "fig-orders", 7), (newer, "fig-letters", 3)):
        assert group.members is not None
        (member,) = group.members
        assert (member.host, member.client, group.coordinator) == ("127.0.0.1", "rdkafka", "1")
        assert {t: sorted(ps) for t, ps in (member.assigned or {}).items()} == {topic: list(range(partitions))}


async def test_a_share_group_equals_the_share_groups_tool(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_client: KafkaClient
) -> None:
    await kafka_client.create("share-orders", 3)
    # Kafka's own share consumer acknowledges every message.
    arguments = ("--bootstrap-server", kafka.bootstrap, "--topic", "share-orders", "--group", "share-readers")
    async with running_java(kafka.server.jars, SHARE_CONSUMER, *arguments):

        async def joined() -> None:
            groups = (await kafka_broker.sweep()).groups
            assert "share-readers" in groups
            group = groups["share-readers"]
            assert group.members
            assert group.kind == "share"
            assert sorted(p for m in group.members for p in (m.assigned or {}).get("share-orders", ())) == [0, 1, 2]

        await eventually(joined, within_s=40)

        async def acknowledged() -> None:
            for partition in range(3):
                await kafka_client.produce("share-orders", partition, 1)
            group = (await kafka_broker.sweep()).groups["share-readers"]
            assert min(group.positions.settled, default=UNKNOWN) > 0

        await eventually(acknowledged, within_s=40, every_s=0.5)
    for partition in range(3):
        await kafka_client.produce("share-orders", partition, 5 + 2 * partition)

    async def is_empty() -> None:
        group = (await kafka_broker.sweep()).groups["share-readers"]
        assert group.state is GroupState.EMPTY
        assert group.lag is not None
        assert group.lag >= 21

    await eventually(is_empty, within_s=60)
    tool = (await KafkaTools(kafka.server).share_group("share-readers"))["share-readers"]
    ours = figures((await kafka_broker.sweep()).groups["share-readers"])
    assert {key: str(lag) for key, (_, _, lag, _) in ours.items()} == {key: row["LAG"] for key, row in tool.items()}
    starts = {key: row["START-OFFSET"] for key, row in tool.items()}
    assert {key: str(settled) for key, (settled, _, _, _) in ours.items()} == starts
    assert len({lag for _, _, lag, _ in ours.values()}) == 3


# Cases in which kafka-consumer-groups 4.3.1 is wrong or incomplete


async def test_an_offset_past_the_end_is_not_negative_lag(kafka_broker: KafkaBroker, kafka_client: KafkaClient) -> None:
    await kafka_client.create("edge-beyond", 2)
    await kafka_client.produce("edge-beyond", 1, 9)
    await kafka_client.commit("edge-beyond-readers", {("edge-beyond", 0): 100, ("edge-beyond", 1): 4})
    group = (await kafka_broker.sweep()).groups["edge-beyond-readers"]
    rows = [(100, 0, UNKNOWN, Why.BEYOND_END), (4, 9, 5, Why.KNOWN)]
    assert figures(group) == {("edge-beyond", partition): row for partition, row in enumerate(rows)}
    assert (group.lag, group.lag_partial) == (5, True)
    assert await kafka_client.lag("edge-beyond-readers") == {("edge-beyond", 0): -100, ("edge-beyond", 1): 5}


async def test_messages_deleted_unread_are_not_lag(kafka_broker: KafkaBroker, kafka_client: KafkaClient) -> None:
    await kafka_client.create("edge-start")
    await kafka_client.produce("edge-start", 0, 100)
    await kafka_client.commit("edge-start-readers", {("edge-start", 0): 10})
    assert (await kafka_broker.sweep()).groups["edge-start-readers"].lag == 90
    await kafka_client.delete_records("edge-start", 0, 60)
    snapshot = await kafka_broker.sweep()
    group = snapshot.groups["edge-start-readers"]
    assert group.positions.start is not None
    assert (group.lag, group.positions.settled[0], group.positions.start[0]) == (40, 10, 60)
    assert snapshot.destinations["edge-start"].messages == 40
    assert await kafka_client.lag("edge-start-readers") == {("edge-start", 0): 90}


async def test_the_lag_on_a_compacted_topic_is_a_maximum(kafka_broker: KafkaBroker, kafka_client: KafkaClient) -> None:
    await kafka_client.create("edge-compacted", cleanup_policy="compact")
    await kafka_client.produce("edge-compacted", 0, 30)
    await kafka_client.commit("edge-compacted-readers", {("edge-compacted", 0): 7})

    async def has_note() -> None:
        snapshot = await kafka_broker.sweep()
        group, topic = snapshot.groups["edge-compacted-readers"], snapshot.destinations["edge-compacted"]
        assert group.lag == 23
        assert any("at most" in note for note in group.notes)
        assert topic.retention is not None
        assert (topic.retention.policy, topic.retention.age_s, topic.approximate) == ("compact", None, True)

    await eventually(has_note)


async def test_an_open_transaction_holds_back_the_last_stable_offset(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_client: KafkaClient
) -> None:
    await kafka_client.create("edge-open", 2)
    for partition in range(2):
        await kafka_client.produce("edge-open", partition, 6)
    await kafka_client.commit("edge-open-readers", {("edge-open", 0): 2, ("edge-open", 1): 5})
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": "edge-open-writer"})
    await asyncio.to_thread(producer.init_transactions, 30)
    producer.begin_transaction()
    for number in range(3):
        producer.produce("edge-open", b"%d" % number, partition=0)
    assert await asyncio.to_thread(producer.flush, 20) == 0
    for read in (kafka_broker.sweep(), kafka_broker.watch(["edge-open-readers"])):
        snapshot = await read
        group = snapshot.groups["edge-open-readers"]
        assert figures(group) == {("edge-open", 0): (2, 9, 7, Why.KNOWN), ("edge-open", 1): (5, 6, 1, Why.KNOWN)}
        assert group.positions.stable is not None
        by_partition = dict(zip(group.positions.partition, group.positions.stable, strict=True))
        assert by_partition == {0: 6, 1: UNKNOWN}
    await asyncio.to_thread(producer.commit_transaction, 30)

    async def transaction_is_closed() -> None:
        group = (await kafka_broker.sweep()).groups["edge-open-readers"]
        assert group.positions.stable is None or set(group.positions.stable) == {UNKNOWN}
        assert group.lag == 9  # the transaction marker also takes an offset

    await eventually(transaction_is_closed)


async def test_a_transaction_marker_is_not_a_message(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_client: KafkaClient
) -> None:
    await kafka_client.create("edge-done")
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": "edge-done-writer"})
    await asyncio.to_thread(producer.init_transactions, 30)
    for number in range(2):
        producer.begin_transaction()
        producer.produce("edge-done", b"%d" % number, partition=0)
        await asyncio.to_thread(producer.commit_transaction, 30)  # offsets 0 and 2 are messages, 1 and 3 markers
    await kafka_client.commit("edge-done-readers", {("edge-done", 0): 3})
    await kafka_client.commit("edge-done-slow", {("edge-done", 0): 1})

    async def lags() -> dict[str, int | None]:
        groups = (await kafka_broker.sweep()).groups
        return {name: groups[name].lag for name in ("edge-done-readers", "edge-done-slow")}

    assert await lags() == {"edge-done-readers": 0, "edge-done-slow": 2}  # at once; a marker before it, one after it
    oldest = await kafka_broker.oldest_unread(["edge-done-readers", "edge-done-slow"])
    assert set(oldest) == {"edge-done-slow"}
    await kafka_client.produce("edge-done", 0, 1)

    async def lag_counts_again() -> None:
        assert await lags() == {"edge-done-readers": 1, "edge-done-slow": 3}

    await eventually(lag_counts_again)


async def test_a_consumer_with_assign_commits_while_its_group_is_empty(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_client: KafkaClient
) -> None:
    await kafka_client.create("edge-assign")
    await kafka_client.produce("edge-assign", 0, 12)
    partition = TopicPartition("edge-assign", 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id="edge-assigned", enable_auto_commit=False)
    consumer.assign([partition])
    await consumer.start()
    try:
        for offset, lag in ((3, 9), (9, 3)):
            await consumer.commit({partition: offset})
            group = (await kafka_broker.sweep()).groups["edge-assigned"]
            assert (group.state, group.lag, group.members) == (GroupState.EMPTY, lag, ())
    finally:
        await consumer.stop()


async def test_the_oldest_unread_message_has_its_time(kafka_broker: KafkaBroker, kafka_client: KafkaClient) -> None:
    await kafka_client.create("edge-times", 3)
    started_at = time.time()
    for partition in range(3):
        await kafka_client.produce("edge-times", partition, 40, **{"batch.size": 2_000_000, "linger.ms": 20})
    await kafka_client.commit("edge-times-readers", {("edge-times", p): 40 - 13 * p for p in range(3)})
    await kafka_broker.sweep()
    oldest = (await kafka_broker.oldest_unread(["edge-times-readers"]))["edge-times-readers"]
    assert sorted(unread.partition for unread in oldest) == [1, 2]  # partition 0 has no lag
    assert all(started_at - 1 < unread.at < time.time() + 1 for unread in oldest)
