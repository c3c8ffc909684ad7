"""Receives the messages of a stream for a durable consumer: pulls one at a time, so that nothing waits unread at our side."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

from nats.aio.msg import Msg
from nats.errors import Error

from signalbox.brokers.errors import BrokerError, BrokerUnavailable, DestinationMissing
from signalbox.brokers.model import Message
from signalbox.brokers.nats.connection import Connection
from signalbox.brokers.nats.names import wrong
from signalbox.brokers.nats.provisioner import JetStreamProvisioner
from signalbox.brokers.nats.publisher import EXPECTED_STREAM, MESSAGE_ID
from signalbox.brokers.nats.wire import Refusal, Wire

PULL_S = 30.0  # how long a pull waits at the server
HEARTBEAT_S = 5.0  # how often the server says that it still waits; two missing mean that it does not
RETRY_S = 0.5  # after the connection or the consumer was lost
_NANOSECONDS = 1_000_000_000

log = logging.getLogger(__name__)


@dataclass(eq=False)
class JetStreamDelivery:
    """One message, settled by a request to its own subject, which any connection may send."""

    message: Message
    redelivered: bool
    _connection: Connection = field(repr=False)
    _subject: str = field(repr=False)
    settled: bool = False

    async def ack(self) -> None:
        """Settle, and return when the server has noted it."""
        await self._settle(b"+ACK")

    async def release(self) -> None:
        """Give back: it is handed out again at once."""
        await self._settle(b"-NAK")

    async def _settle(self, how: bytes) -> None:
        await self._connection.live()
        try:
            await self._connection.request(self._subject, how, timeout_s=self._connection.settings.timeout_s)
        except Refusal as refusal:
            raise self._connection.error(refusal) from None
        self.settled = True


class JetStreamConsumer:
    """One durable pull consumer per group; made when it does not exist."""

    def __init__(self, connection: Connection, provisioner: JetStreamProvisioner) -> None:
        self._connection = connection
        self._provisioner = provisioner

    async def receive(self, stream: str, group: str) -> AsyncGenerator[JetStreamDelivery, None]:
        """As port.Consumer.receive."""
        if reason := wrong(stream):
            name = self._connection.settings.name
            raise DestinationMissing(name, f"there is no stream {stream[:300]!r}: {reason}.")
        await self._connection.live()
        await self._provisioner.consumer(stream, group)
        while True:
            with contextlib.suppress(BrokerUnavailable, Error):
                wire = await self._connection.live()
                await self._provisioner.consumer(stream, group)
                async with contextlib.aclosing(self._while_connected(wire, stream, group)) as deliveries:
                    async for delivery in deliveries:
                        yield delivery
            log.info("%s: the consumer %s of %s begins again", self._connection.settings.name, group, stream)
            await asyncio.sleep(RETRY_S)

    async def _while_connected(self, wire: Wire, stream: str, group: str) -> AsyncGenerator[JetStreamDelivery, None]:
        """Yield until the wire is lost or the consumer refuses. What was not settled is given back at the end."""
        held: list[JetStreamDelivery] = []
        async with contextlib.aclosing(self._pulled(wire, stream, group)) as messages:
            try:
                async for message in messages:
                    held = [delivery for delivery in held if not delivery.settled]
                    held.append(self._delivery(message))
                    yield held[-1]
            finally:
                for delivery in held:
                    if not delivery.settled and wire.is_connected:
                        with contextlib.suppress(BrokerError):  # it comes again by itself after the consumer's ack_wait
                            await delivery.release()

    async def _pulled(self, wire: Wire, stream: str, group: str) -> AsyncGenerator[Msg, None]:
        arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        pull = {"batch": 1, "expires": int(PULL_S * _NANOSECONDS), "idle_heartbeat": int(HEARTBEAT_S * _NANOSECONDS)}
        subject = self._connection.subject(f"CONSUMER.MSG.NEXT.{stream}.{group}")
        async with _inbox(wire, arrived) as inbox:
            while True:
                await wire.publish(subject, json.dumps(pull).encode(), reply=inbox)
                answer = await _answer(arrived)
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
async def _inbox(wire: Wire, arrived: "asyncio.Queue[Msg | None]") -> AsyncIterator[str]:
    """A subject of our own; what comes there is put into the queue, and None when the wire is lost."""

    def lost() -> None:
        arrived.put_nowait(None)

    wire.when_lost.add(lost)
    try:
        inbox = wire.new_inbox()
        subscription = await wire.subscribe(inbox, cb=arrived.put)
        try:
            yield inbox
        finally:
            with contextlib.suppress(Error):
                await subscription.unsubscribe()
    finally:
        wire.when_lost.discard(lost)


async def _answer(arrived: "asyncio.Queue[Msg | None]") -> Msg | None:
    """Return the message or the status that ends the pull; None when the wire or the server is lost."""
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
