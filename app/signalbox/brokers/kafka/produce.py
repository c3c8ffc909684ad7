"""Publishing with confirm: aiokafka's idempotent producer, all in-sync replicas, one confirmation awaited for each message."""

import asyncio
import contextlib

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka

from signalbox.brokers.errors import (
    BrokerError,
    BrokerUnavailable,
    DestinationMissing,
    NotPermitted,
    OutcomeUnknown,
    PublishRefused,
    Unroutable,
)
from signalbox.brokers.kafka.client import client_options, ended
from signalbox.brokers.kafka.errors import CLIENT_ERRORS, translate
from signalbox.brokers.kafka.nodes import Nodes
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.kafka.topics import Topics
from signalbox.brokers.model import Message

REQUEST_BYTES_MOST = 64 * 1024 * 1024  # the broker's own limit decides; aiokafka would refuse above 1 MB
ID_HEADER = "message-id"
CHECK_WAIT_S = 1.0

NO_TOPIC = (kafka.UnknownTopicOrPartitionError, kafka.InvalidTopicError)
REFUSED = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.CorruptRecordException,
    kafka.TopicAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
)


class Publisher:
    """One producer, begun with the first message."""

    def __init__(self, settings: KafkaSettings, nodes: Nodes, topics: Topics) -> None:
        self._settings = settings
        self._nodes = nodes
        self._topics = topics
        self._there: set[str] = set()
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def publish(self, destination: str, message: Message, *, timeout_s: float) -> None:
        """As `port.Publisher.publish`."""
        name = self._settings.name
        try:
            async with asyncio.timeout(timeout_s):
                await self._check(destination)
                producer = await self._started()
                await producer.send_and_wait(
                    destination,
                    value=message.body,
                    key=message.key.encode() if message.key is not None else None,
                    headers=_headers(message),
                )
        except NO_TOPIC as error:
            self._there.discard(destination)
            raise Unroutable(name, f"there is no topic {destination}.", "Create it, or look at its name.") from error
        except REFUSED as error:
            found = f"the broker refused the message for {destination}: {_reason(error)}."
            raise PublishRefused(name, found, "Look at its size and at the user's rights.") from error
        except (BrokerError, asyncio.CancelledError):
            raise
        except CLIENT_ERRORS as error:
            await self._drop_broken(error)
            await self._check_again(destination)
            found = f"no confirm came for a message to {destination} ({_reason(error)})."
            raise OutcomeUnknown(name, found, "It may be stored: publishing it again may double it.") from error

    async def _check(self, destination: str) -> None:
        """Ask once whether the topic is there: the producer would wait for it to appear until its time is over."""
        if destination in self._there:
            return
        try:
            await self._topics.exist(destination)
        except DestinationMissing as error:
            raise Unroutable(error.connection, error.problem, error.hint) from error
        except NotPermitted as error:
            raise PublishRefused(error.connection, error.problem, error.hint) from error
        self._there.add(destination)

    async def _check_again(self, destination: str) -> None:
        """Raise Unroutable when the topic is gone: then the message is not stored, wherever it got to."""
        self._there.discard(destination)
        with contextlib.suppress(BrokerUnavailable, PublishRefused, TimeoutError):
            async with asyncio.timeout(CHECK_WAIT_S):
                await self._check(destination)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                options = await client_options(self._settings, self._nodes)
                producer = AIOKafkaProducer(
                    **options, acks="all", enable_idempotence=True, max_request_size=REQUEST_BYTES_MOST
                )
                try:
                    await producer.start()
                except REFUSED:
                    await ended(producer.stop())
                    raise
                except CLIENT_ERRORS as error:
                    await ended(producer.stop())
                    raise translate(error, self._settings, ", ".join(self._settings.bootstrap)) from error
                except asyncio.CancelledError:
                    await ended(producer.stop())
                    raise
                self._producer = producer
            return self._producer

    async def _drop_broken(self, error: BaseException) -> None:
        """Begin anew after an error that a producer does not get over by itself, such as a lost sequence."""
        if isinstance(error, kafka.KafkaError) and not error.retriable:
            await self.close()

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        self._there.clear()
        if producer is not None:
            await ended(producer.stop())


def _headers(message: Message) -> list[tuple[str, bytes]]:
    headers = [(name, value.encode()) for name, value in message.headers.items()]
    return headers if message.id is None else [*headers, (ID_HEADER, message.id.encode())]


def _reason(error: BaseException) -> str:
    return str(getattr(error, "message", "") or type(error).__name__)
