"""A streams group (KIP-1071): Kafka's own word-count example, run as its operators would."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from signalbox.brokers.kafka.adapter import KafkaBroker
from signalbox.brokers.model import GroupState
from signalbox.servers.kafka import VERSION
from signalbox.servers.maven import class_path, jars, java
from tests.support.kafka import KafkaUnderTest, Oracle, figures
from tests.support.waiting import eventually

INPUT, OUTPUT, GROUP = "streams-plaintext-input", "streams-wordcount-output", "words-counted"


@asynccontextmanager
async def word_count(kafka: KafkaUnderTest, folder: Path) -> AsyncIterator[None]:
    folder_of_jars = await jars("Kafka Streams", [f"org.apache.kafka:kafka-streams-examples:{VERSION}"])
    settings = folder / "words.properties"
    lines = {
        "bootstrap.servers": kafka.bootstrap,
        "application.id": GROUP,
        "group.protocol": "streams",
        "state.dir": str(folder / "state"),
        "commit.interval.ms": "200",
    }
    settings.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    main = "org.apache.kafka.streams.examples.wordcount.WordCountDemo"
    argv = [java("Kafka Streams"), "-XX:TieredStopAtLevel=1", "-cp", class_path(folder_of_jars), main, str(settings)]
    with (folder / "words.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)  # noqa: ASYNC220 - returns at once
    try:
        yield
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)


async def test_a_streams_group_has_its_lag_and_its_members(
    kafka: KafkaUnderTest, kafka_broker: KafkaBroker, kafka_oracle: Oracle, tmp_path: Path
) -> None:
    await kafka_oracle.create(INPUT, 2)
    await kafka_oracle.create(OUTPUT)
    async with word_count(kafka, tmp_path):

        async def counting() -> None:
            await kafka_oracle.produce(INPUT, 1, 3)
            groups = (await kafka_broker.sweep()).groups
            assert GROUP in groups
            group = groups[GROUP]
            assert (group.kind, group.state) == ("streams", GroupState.ACTIVE)
            assert group.members
            held = {topic: sorted(ps) for topic, ps in group.members[0].assigned.items()}
            assert held[INPUT] == [0, 1]
            assert any("repartition" in topic for topic in held)
            assert figures(group)[INPUT, 1][0] > 0

        await eventually(counting, within_s=60, every_s=0.5)
    await kafka_oracle.produce(INPUT, 1, 17)

    async def behind() -> None:
        group = (await kafka_broker.sweep()).groups[GROUP]
        told = await kafka_oracle.lag(GROUP)
        assert {place: lag for place, (settled, _, lag, _) in figures(group).items() if settled >= 0} == told
        assert told[INPUT, 1] >= 17

    await eventually(behind, within_s=30)
