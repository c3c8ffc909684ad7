"""Publish messages with aiokafka's idempotent producer; each waits for the confirmation of all in-sync replicas."""

import asyncio
import contextlib

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka

from signalbox.brokers import errors
from signalbox.brokers.kafka.aiokafka_options import aiokafka_options, wait_for_stop
from signalbox.brokers.kafka.cluster_client import ClusterClient
from signalbox.brokers.kafka.errors import CLIENT_ERRORS, translate
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.kafka.topic_admin import TopicAdmin
from signalbox.brokers.model import Message

REQUEST_BYTES_MAX = 64 * 1024 * 1024  # the broker's limit applies; aiokafka's default would refuse more than 1 MB
ID_HEADER = "message-id"
TOPIC_CHECK_TIMEOUT_S = 1.0

NO_TOPIC = (kafka.UnknownTopicOrPartitionError, kafka.InvalidTopicError)
REFUSED = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.CorruptRecordException,
    kafka.TopicAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
)


class KafkaPublisher:
    """One producer, started with the first message."""

    def __init__(self, settings: KafkaSettings, client: ClusterClient, topics: TopicAdmin) -> None:
        self._settings = settings
        self._client = client
        self._topics = topics
        self._existing_topics: set[str] = set()
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def publish(self, destination: str, message: Message, *, timeout_s: float) -> None:
        name = self._settings.name
        try:
            async with asyncio.timeout(timeout_s):
                await self._check_topic(destination)
                producer = await self._start_producer()
                await producer.send_and_wait(
                    destination,
                    value=message.body,
                    key=message.key.encode() if message.key is not None else None,
                    headers=_headers(message),
                )
        except NO_TOPIC as error:
            self._existing_topics.discard(destination)
            problem = f"The topic {destination} does not exist."
            raise errors.Unroutable(name, problem, "Create it, or check the name.") from error
        except REFUSED as error:
            problem = f"The broker refused the message for {destination}: {_reason(error)}."
            raise errors.PublishRefused(name, problem, "Check its size and the user's permissions.") from error
        except (errors.BrokerError, asyncio.CancelledError):
            raise
        except CLIENT_ERRORS as error:
            if isinstance(error, kafka.KafkaError) and not error.retriable:  # such as a lost sequence number
                await self.close()
            await self._check_topic_again(destination)
            problem = f"The broker did not confirm a message to {destination} ({_reason(error)})."
            hint = "It may be stored: publishing it again may duplicate it."
            raise errors.OutcomeUnknown(name, problem, hint) from error

    async def _check_topic(self, destination: str) -> None:
        """Check once that the topic exists: otherwise the producer would wait for the topic until its timeout."""
        if destination in self._existing_topics:
            return
        try:
            await self._topics.check_exists(destination)
        except errors.DestinationMissing as error:
            raise errors.Unroutable(error.connection, error.problem, error.hint) from error
        except errors.PermissionMissing as error:
            raise errors.PublishRefused(error.connection, error.problem, error.hint) from error
        self._existing_topics.add(destination)

    async def _check_topic_again(self, destination: str) -> None:
        """Raise Unroutable if the topic was deleted: then the message is certainly not stored."""
        self._existing_topics.discard(destination)
        with contextlib.suppress(errors.BrokerUnavailable, errors.PublishRefused, TimeoutError):
            async with asyncio.timeout(TOPIC_CHECK_TIMEOUT_S):
                await self._check_topic(destination)

    async def _start_producer(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                options = await aiokafka_options(self._settings, self._client)
                options |= {"acks": "all", "enable_idempotence": True, "max_request_size": REQUEST_BYTES_MAX}
                producer = AIOKafkaProducer(**options)
                try:
                    await producer.start()
                except (*REFUSED, asyncio.CancelledError):
                    await wait_for_stop(producer.stop())
                    raise
                except CLIENT_ERRORS as error:
                    await wait_for_stop(producer.stop())
                    raise translate(error, self._settings, self._client.peer()) from error
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        self._existing_topics.clear()
        if producer is not None:
            await wait_for_stop(producer.stop())


def _headers(message: Message) -> list[tuple[str, bytes]]:
    headers = [(name, value.encode()) for name, value in message.headers.items()]
    return headers if message.id is None else [*headers, (ID_HEADER, message.id.encode())]


def _reason(error: BaseException) -> str:
    return str(getattr(error, "message", "") or type(error).__name__)
