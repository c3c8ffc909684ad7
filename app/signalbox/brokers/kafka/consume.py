"""Receive messages with aiokafka's consumer: ack commits the offset after the message, release seeks back to the message."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka

from signalbox.brokers.errors import BrokerUnavailable, DestinationMissing
from signalbox.brokers.kafka.aiokafka_options import aiokafka_options, wait_for_stop
from signalbox.brokers.kafka.cluster_client import ClusterClient
from signalbox.brokers.kafka.errors import CLIENT_ERRORS, translate
from signalbox.brokers.kafka.produce import ID_HEADER
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.kafka.topic_admin import TopicAdmin
from signalbox.brokers.model import Message
from signalbox.brokers.port import Delivery

log = logging.getLogger(__name__)

REJOIN_DELAY_S = 1.0


class KafkaDelivery:
    """One record. Kafka does not report redeliveries."""

    redelivered = False

    def __init__(self, settings: KafkaSettings, consumer: AIOKafkaConsumer, record: ConsumerRecord) -> None:
        self._settings = settings
        self._consumer = consumer
        self._partition = TopicPartition(record.topic, record.partition)
        self._offset = record.offset
        self.message = _message(record)

    async def ack(self) -> None:
        with self._while_assigned():
            await self._consumer.commit({self._partition: self._offset + 1})

    async def release(self) -> None:
        with self._while_assigned():
            self._consumer.seek(self._partition, self._offset)

    @contextmanager
    def _while_assigned(self) -> Iterator[None]:
        try:
            yield
        except CLIENT_ERRORS as error:
            topic, partition = self._partition
            problem = f"Partition {partition} of {topic} is no longer assigned to this consumer."
            raise BrokerUnavailable(
                self._settings.name, problem, "The new owner receives the message again."
            ) from error


async def receive(
    settings: KafkaSettings, client: ClusterClient, topics: TopicAdmin, destination: str, group: str
) -> AsyncGenerator[Delivery, None]:
    await topics.check_exists(destination)
    while True:
        try:
            async with _joined(settings, client, destination, group) as consumer:
                while True:
                    yield KafkaDelivery(settings, consumer, await consumer.getone())
        except kafka.UnknownTopicOrPartitionError as error:
            problem = f"The topic {destination} does not exist."
            raise DestinationMissing(settings.name, problem, "Create it, or check the name.") from error
        except (kafka.TopicAuthorizationFailedError, kafka.GroupAuthorizationFailedError) as error:
            raise translate(error, settings, client.peer()) from error
        except CLIENT_ERRORS as error:
            log.warning("%s: group %s rejoins %s after %s", settings.name, group, destination, type(error).__name__)
            await asyncio.sleep(REJOIN_DELAY_S)


@asynccontextmanager
async def _joined(
    settings: KafkaSettings, client: ClusterClient, destination: str, group: str
) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        destination,
        **await aiokafka_options(settings, client),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # a group without committed offsets must not miss messages
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await wait_for_stop(consumer.stop())


def _message(record: ConsumerRecord) -> Message:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    message_id = headers.pop(ID_HEADER, None)
    key = None if record.key is None else record.key.decode(errors="replace")
    return Message(body=record.value or b"", headers=headers, key=key, id=message_id)
