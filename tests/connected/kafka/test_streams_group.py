"""A streams group (KIP-1071): Kafka's own word count example."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.model import GroupState
from signalbox.servers.kafka import VERSION
from signalbox.servers.maven import jars
from tests.connected.kafka.programs import running_java
from tests.support.kafka import KafkaClient, KafkaUnderTest, figures
from tests.support.waiting import eventually

INPUT, OUTPUT, GROUP = "streams-plaintext-input", "streams-wordcount-output", "word-count"


@asynccontextmanager
async def word_count(kafka: KafkaUnderTest, folder: Path) -> AsyncIterator[None]:
    jars_folder = await jars("Kafka Streams", [f"org.apache.kafka:kafka-streams-examples:{VERSION}"])
    settings = folder / "words.properties"
    lines = {
        "bootstrap.servers": kafka.bootstrap,
        "application.id": GROUP,
        "group.protocol": "streams",
        "state.dir": str(folder / "state"),
        "commit.interval.ms": "200",
    }
    settings.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    async with running_java(jars_folder, "org.apache.kafka.streams.examples.wordcount.WordCountDemo", str(settings)):
        yield


async def test_a_streams_group_has_lag_and_members(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_client: KafkaClient, tmp_path: Path
) -> None:
    await kafka_client.create(INPUT, 2)
    await kafka_client.create(OUTPUT)
    async with word_count(kafka, tmp_path):

        async def is_active() -> None:
            await kafka_client.produce(INPUT, 1, 3)
            groups = (await kafka_broker.sweep()).groups
            assert GROUP in groups
            group = groups[GROUP]
            assert (group.kind, group.state) == ("streams", GroupState.ACTIVE)
            assert group.members
            assigned = {topic: sorted(ps) for topic, ps in (group.members[0].assigned or {}).items()}
            assert assigned[INPUT] == [0, 1]
            assert any("repartition" in topic for topic in assigned)
            assert figures(group)[INPUT, 1][0] > 0

        await eventually(is_active, within_s=60, every_s=0.5)
    await kafka_client.produce(INPUT, 1, 17)

    async def is_behind() -> None:
        group = (await kafka_broker.sweep()).groups[GROUP]
        expected = await kafka_client.lag(GROUP)
        assert {key: lag for key, (settled, _, lag, _) in figures(group).items() if settled >= 0} == expected
        assert expected[INPUT, 1] >= 17

    await eventually(is_behind, within_s=30)
