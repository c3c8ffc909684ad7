"""Receives a stream's messages for a durable consumer. Pulls one at a time, so that no message waits unread in this process."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from functools import partial

from nats.aio.msg import Msg
from nats.errors import Error

from signalbox.brokers.backoff import ask_until_found
from signalbox.brokers.errors import BrokerError, BrokerUnavailable, DestinationMissing
from signalbox.brokers.model import Message
from signalbox.brokers.nats.client import JetStreamError, NatsClient
from signalbox.brokers.nats.connection import NatsConnection
from signalbox.brokers.nats.names import name_problem
from signalbox.brokers.nats.provisioner import JetStreamProvisioner
from signalbox.brokers.nats.publisher import EXPECTED_STREAM, MESSAGE_ID

PULL_S = 30.0  # how long a pull waits at the server
HEARTBEAT_S = 5.0  # the server confirms a waiting pull this often; two missing heartbeats mean that the pull is lost
RESTART_PAUSE_S = 0.5  # after the connection or the consumer was lost
_NANOSECONDS = 1_000_000_000

log = logging.getLogger(__name__)


@dataclass(eq=False)
class JetStreamDelivery:
    """One message. A request to its own subject, over any connection, settles it."""

    message: Message
    redelivered: bool
    _connection: NatsConnection = field(repr=False)
    _subject: str = field(repr=False)
    settled: bool = False

    async def ack(self) -> None:
        """Acknowledge, and return when the server has confirmed."""
        await self._settle(b"+ACK")

    async def release(self) -> None:
        """Return the message to the server, which redelivers it at once."""
        await self._settle(b"-NAK")

    async def _settle(self, payload: bytes) -> None:
        await self._connection.connected_client()
        try:
            await self._connection.request(self._subject, payload, timeout_s=self._connection.settings.timeout_s)
        except JetStreamError as error:
            raise self._connection.broker_error(error) from None
        self.settled = True


class JetStreamReceiver:
    """One durable pull consumer per group, created if it does not exist."""

    def __init__(self, connection: NatsConnection, provisioner: JetStreamProvisioner) -> None:
        self._connection = connection
        self._provisioner = provisioner

    async def receive(self, stream: str, group: str) -> AsyncGenerator[JetStreamDelivery, None]:
        if problem := name_problem(stream):
            name = self._connection.settings.name
            raise DestinationMissing(name, f"There is no stream {stream[:300]!r}: {problem}.")
        await self._connection.connected_client()
        await self._ensure_consumer(stream, group)
        while True:
            with contextlib.suppress(BrokerUnavailable, Error):
                client = await self._connection.connected_client()
                await self._ensure_consumer(stream, group)
                async with contextlib.aclosing(self._receive_while_connected(client, stream, group)) as deliveries:
                    async for delivery in deliveries:
                        yield delivery
            log.info("%s: consumer %s of %s restarts", self._connection.settings.name, group, stream)
            await asyncio.sleep(RESTART_PAUSE_S)

    async def _ensure_consumer(self, stream: str, group: str) -> None:
        """A server that recovers answers "stream not found" for streams that it has not loaded yet."""
        ensure = partial(self._provisioner.ensure_consumer, stream, group)
        await ask_until_found(ensure, self._connection.is_jetstream_ready)

    async def _receive_while_connected(
        self, client: NatsClient, stream: str, group: str
    ) -> AsyncGenerator[JetStreamDelivery, None]:
        """Yield until the connection or the consumer is lost. At the end, release the unsettled messages."""
        unsettled: list[JetStreamDelivery] = []
        async with contextlib.aclosing(self._pull(client, stream, group)) as messages:
            try:
                async for message in messages:
                    unsettled = [delivery for delivery in unsettled if not delivery.settled]
                    unsettled.append(self._delivery(message))
                    yield unsettled[-1]
            finally:
                for delivery in unsettled:
                    if not delivery.settled and client.is_connected:
                        with contextlib.suppress(BrokerError):  # the server redelivers it after the consumer's ack_wait
                            await delivery.release()

    async def _pull(self, client: NatsClient, stream: str, group: str) -> AsyncGenerator[Msg, None]:
        arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        pull = {"batch": 1, "expires": int(PULL_S * _NANOSECONDS), "idle_heartbeat": int(HEARTBEAT_S * _NANOSECONDS)}
        subject = self._connection.api_subject(f"CONSUMER.MSG.NEXT.{stream}.{group}")
        async with _inbox(client, arrived) as inbox:
            while True:
                await client.publish(subject, json.dumps(pull).encode(), reply=inbox)
                answer = await _next_answer(arrived)
                if answer is None or (not answer.reply and _status(answer) != "408"):
                    return
                if answer.reply:
                    yield answer

    def _delivery(self, message: Msg) -> JetStreamDelivery:
        headers = dict(message.headers or {})
        message_id = headers.pop(MESSAGE_ID, None)
        headers.pop(EXPECTED_STREAM, None)
        return JetStreamDelivery(
            message=Message(body=message.data, headers=headers, id=message_id),
            redelivered=message.metadata.num_delivered > 1,
            _connection=self._connection,
            _subject=message.reply,
        )


@contextlib.asynccontextmanager
async def _inbox(client: NatsClient, arrived: "asyncio.Queue[Msg | None]") -> AsyncIterator[str]:
    """Subscribe to a new subject. Its messages go into the queue, and None when the connection is lost."""
    put_none = partial(arrived.put_nowait, None)
    client.on_lost.add(put_none)
    try:
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox, cb=arrived.put)
        try:
            yield inbox
        finally:
            with contextlib.suppress(Error):
                await subscription.unsubscribe()
    finally:
        client.on_lost.discard(put_none)


async def _next_answer(arrived: "asyncio.Queue[Msg | None]") -> Msg | None:
    """Return the message, or the status that ends the pull; None if the connection or the server is lost."""
    while True:
        try:
            async with asyncio.timeout(2 * HEARTBEAT_S + 1):
                answer = await arrived.get()
        except TimeoutError:
            return None
        if answer is None or answer.reply or _status(answer) != "100":
            return answer


def _status(answer: Msg) -> str:
    return (answer.headers or {}).get("Status", "")
