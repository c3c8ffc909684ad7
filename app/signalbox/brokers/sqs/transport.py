"""Sending and receiving. Queues have no groups of their own: `group` only names this consumer to us."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from signalbox.brokers.errors import (
    BrokerError,
    BrokerUnavailable,
    DestinationMissing,
    InvalidName,
    OutcomeUnknown,
    PublishRefused,
    Unroutable,
)
from signalbox.brokers.model import Message
from signalbox.brokers.port import Delivery
from signalbox.brokers.sqs.account import Account
from signalbox.brokers.sqs.messages import message_of, parameters
from signalbox.brokers.sqs.throttling import Throttled

LONG_POLL_S = 20  # the longest that SQS waits: the fewest empty answers to pay for
BATCH = 10  # the most that one answer holds
UNSETTLED_MOST = 100  # that a closing consumer gives back at once; older ones come again by their visibility timeout
PAUSE_FIRST_S, PAUSE_MOST_S = 0.2, 10.0


class SqsDelivery:
    """See port.Delivery."""

    def __init__(self, account: Account, url: str, received: Mapping[str, Any]) -> None:
        self._account = account
        self._handle = {"QueueUrl": url, "ReceiptHandle": received["ReceiptHandle"]}
        self.message = message_of(received)
        self.redelivered = received.get("Attributes", {}).get("ApproximateReceiveCount", "1") != "1"
        self.settled = False

    async def ack(self) -> None:
        await self._account.call("delete_message", **self._handle)
        self.settled = True

    async def release(self) -> None:
        await self._account.call("change_message_visibility", **self._handle, VisibilityTimeout=0)
        self.settled = True


class SqsTransport:
    """See port.Publisher and port.Consumer."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        name = self._account.settings.name
        asked = parameters(message, fifo=destination.endswith(".fifo"))
        sent = False
        try:
            url = await self._account.url(destination)
            sent = True
            await self._account.call("send_message", timeout_s=timeout_s, once=True, QueueUrl=url, **asked)
        except (DestinationMissing, InvalidName):
            self._account.forget(destination)
            raise Unroutable(name, f"there is no queue {destination}.", "Make it, or correct the name.") from None
        except Throttled as error:
            raise PublishRefused(name, error.problem, "Send it again, slower: it was not stored.") from None
        except BrokerUnavailable as error:
            if not sent:
                raise PublishRefused(name, f"{destination}: {error.problem}", "It was not sent.") from None
            found = f"no confirm came for a message to {destination}: {error.problem}"
            raise OutcomeUnknown(name, found, "It may be stored; sending it again may double it.") from None
        except BrokerError as error:
            raise PublishRefused(name, f"{destination}: {error.problem}", error.hint) from None

    async def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        del group
        url = await self._account.url(destination)
        held: list[SqsDelivery] = []
        try:
            while True:
                batch = [SqsDelivery(self._account, url, received) for received in await self._poll(destination, url)]
                held = [delivery for delivery in held if not delivery.settled][-UNSETTLED_MOST:] + batch
                for delivery in batch:
                    yield delivery
        finally:
            await self._give_back(held)

    async def _poll(self, destination: str, url: str) -> list[dict[str, Any]]:
        """Wait for messages; after a fault of the connection, ask again with growing pauses."""
        pause = PAUSE_FIRST_S
        while True:
            try:
                answer = await self._account.call(
                    "receive_message",
                    timeout_s=LONG_POLL_S + self._account.settings.timeout_s,
                    QueueUrl=url,
                    MaxNumberOfMessages=BATCH,
                    WaitTimeSeconds=LONG_POLL_S,
                    MessageAttributeNames=["All"],
                    MessageSystemAttributeNames=["All"],
                )
            except DestinationMissing:
                self._account.forget(destination)
                raise DestinationMissing(
                    self._account.settings.name, f"there is no queue {destination} any more."
                ) from None
            except BrokerUnavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_MOST_S)
            else:
                if messages := answer.get("Messages"):
                    return list(messages)
                pause = PAUSE_FIRST_S

    async def _give_back(self, held: list[SqsDelivery]) -> None:
        """What was not settled comes again at once, not only after the queue's visibility timeout; while SQS answers."""
        with contextlib.suppress(BrokerError):
            for delivery in held:
                if not delivery.settled:
                    await delivery.release()
