"""Receiving for one group: aiokafka's consumer; an ack commits the position after the message, a release seeks back to it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka

from signalbox.brokers.errors import BrokerError, BrokerUnavailable, DestinationMissing
from signalbox.brokers.kafka.client import client_options, ended
from signalbox.brokers.kafka.errors import CLIENT_ERRORS, translate
from signalbox.brokers.kafka.nodes import Nodes
from signalbox.brokers.kafka.produce import ID_HEADER
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.kafka.topics import Topics
from signalbox.brokers.model import Message
from signalbox.brokers.port import Delivery

log = logging.getLogger(__name__)

AGAIN_S = 1.0


class KafkaDelivery:
    """One record. Kafka does not tell whether it was handed out before."""

    redelivered = False

    def __init__(self, settings: KafkaSettings, consumer: AIOKafkaConsumer, record: ConsumerRecord) -> None:
        self._settings = settings
        self._consumer = consumer
        self._place = TopicPartition(record.topic, record.partition)
        self._offset = record.offset
        self.message = _message(record)

    async def ack(self) -> None:
        """As `port.Delivery.ack`."""
        try:
            await self._consumer.commit({self._place: self._offset + 1})
        except CLIENT_ERRORS as error:
            raise self._lost() from error

    async def release(self) -> None:
        """As `port.Delivery.release`."""
        try:
            self._consumer.seek(self._place, self._offset)
        except CLIENT_ERRORS as error:
            raise self._lost() from error

    def _lost(self) -> BrokerError:
        found = f"partition {self._place.partition} of {self._place.topic} is no longer this consumer's."
        return BrokerUnavailable(self._settings.name, found, "The message comes again, to whom it now belongs.")


async def receive(
    settings: KafkaSettings, nodes: Nodes, topics: Topics, destination: str, group: str
) -> AsyncGenerator[Delivery, None]:
    """As `port.Consumer.receive`."""
    await topics.exist(destination)
    while True:
        try:
            async with _joined(settings, nodes, destination, group) as consumer:
                while True:
                    yield KafkaDelivery(settings, consumer, await consumer.getone())
        except kafka.UnknownTopicOrPartitionError as error:
            found = f"there is no topic {destination}."
            raise DestinationMissing(settings.name, found, "Create it, or look at its name.") from error
        except (kafka.TopicAuthorizationFailedError, kafka.GroupAuthorizationFailedError) as error:
            raise translate(error, settings, destination) from error
        except CLIENT_ERRORS as error:
            log.warning("%s: %s joins %s again: %r", settings.name, group, destination, type(error).__name__)
            await asyncio.sleep(AGAIN_S)


@asynccontextmanager
async def _joined(
    settings: KafkaSettings, nodes: Nodes, destination: str, group: str
) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        destination,
        **await client_options(settings, nodes),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # a group that stands nowhere misses nothing
        isolation_level="read_committed",
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await ended(consumer.stop())


def _message(record: ConsumerRecord) -> Message:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    message_id = headers.pop(ID_HEADER, None)
    key = None if record.key is None else record.key.decode(errors="replace")
    return Message(body=record.value or b"", headers=headers, key=key, id=message_id)
