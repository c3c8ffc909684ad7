"""Sends and receives messages. SQS has no consumer groups: `group` only names this consumer for us."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from signalbox.brokers import errors
from signalbox.brokers.backoff import ask_until_found, pauses
from signalbox.brokers.errors import BrokerError, BrokerUnavailable, DestinationMissing, PublishRefused
from signalbox.brokers.model import Message
from signalbox.brokers.port import Delivery
from signalbox.brokers.sqs.connection import SqsConnection
from signalbox.brokers.sqs.messages import to_message, to_send_parameters
from signalbox.brokers.sqs.throttling import Throttled

LONG_POLL_S = 20  # SQS's maximum: the fewest empty answers to pay for
RECEIVE: dict[str, Any] = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": LONG_POLL_S}  # 10 is SQS's maximum
RECEIVE |= {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]}
UNSETTLED_MAX = 100  # released when a consumer closes; older messages return after their visibility timeout
RETRY_FIRST_S, RETRY_MAX_S = 0.2, 10.0
MISSES_MAX = 4  # in 3 s: SQS may not know a new queue for a second or more

T = TypeVar("T")


class SqsDelivery:
    """See port.Delivery."""

    def __init__(self, connection: SqsConnection, url: str, received: Mapping[str, Any]) -> None:
        self._connection = connection
        self._handle = {"QueueUrl": url, "ReceiptHandle": received["ReceiptHandle"]}
        self.message = to_message(received)
        self.redelivered = received.get("Attributes", {}).get("ApproximateReceiveCount", "1") != "1"
        self.settled = False

    async def ack(self) -> None:
        await self._connection.call("delete_message", **self._handle)
        self.settled = True

    async def release(self) -> None:
        await self._connection.call("change_message_visibility", **self._handle, VisibilityTimeout=0)
        self.settled = True


class SqsTransport:
    """See port.Publisher and port.Consumer."""

    def __init__(self, connection: SqsConnection) -> None:
        self._connection = connection

    async def publish(self, destination: str, message: Message, *, timeout_s: float = 10.0) -> None:
        parameters = to_send_parameters(message, fifo=destination.endswith(".fifo"))
        sent = False
        missing: DestinationMissing | None = None

        async def send() -> None:
            nonlocal sent, missing
            try:
                url = await self._connection.queue_url(destination)
                sent, missing = True, None
                await self._connection.call("send_message", timeout_s=timeout_s, once=True, QueueUrl=url, **parameters)
            except DestinationMissing as error:
                sent, missing = False, error
                self._connection.forget(destination)
                raise

        try:
            async with asyncio.timeout(timeout_s):
                await _repeat_while_missing(send)
        except TimeoutError:
            silent = errors.BrokerTimeout(self._connection.settings.name, f"SQS did not answer within {timeout_s:g} s.")
            raise self._publish_error(missing or silent, destination, sent=sent) from None
        except BrokerError as error:
            raise self._publish_error(error, destination, sent=sent) from None

    def _publish_error(self, error: BrokerError, destination: str, *, sent: bool) -> BrokerError:
        name = self._connection.settings.name
        if isinstance(error, DestinationMissing | errors.InvalidName):
            return errors.Unroutable(
                name, f"There is no queue {destination}.", "Create the queue, or correct the name."
            )
        if isinstance(error, Throttled):
            return PublishRefused(name, error.problem, "The message was not stored: send it again later.")
        if not isinstance(error, BrokerUnavailable):
            return PublishRefused(name, f"{destination}: {error.problem}", error.hint)
        if not sent:
            return PublishRefused(name, f"{destination}: {error.problem}", "The message was not sent.")
        problem = f"No confirmation for a message to {destination}: {error.problem}"
        return errors.OutcomeUnknown(name, problem, "It may be stored; sending it again may duplicate it.")

    async def receive(self, destination: str, group: str) -> AsyncGenerator[Delivery, None]:
        del group
        unsettled: list[SqsDelivery] = []
        try:
            while True:
                url, messages = await _repeat_while_missing(lambda: self._poll(destination))
                batch = [SqsDelivery(self._connection, url, received) for received in messages]
                unsettled = [delivery for delivery in unsettled if not delivery.settled][-UNSETTLED_MAX:] + batch
                for delivery in batch:
                    yield delivery
        finally:
            # At once, instead of after the queue's visibility timeout, as long as SQS answers
            with contextlib.suppress(BrokerError):
                for delivery in unsettled:
                    if not delivery.settled:
                        await delivery.release()

    async def _poll(self, destination: str) -> tuple[str, list[dict[str, Any]]]:
        """Wait for messages and return them with the queue's URL. Retry after connection errors, not a missing queue."""
        intervals = pauses(RETRY_FIRST_S, RETRY_MAX_S)
        timeout_s, url = (
            LONG_POLL_S + self._connection.settings.timeout_s,
            await self._connection.queue_url(destination),
        )
        while True:
            try:
                answer = await self._connection.call("receive_message", timeout_s=timeout_s, QueueUrl=url, **RECEIVE)
            except DestinationMissing:
                self._connection.forget(destination)
                problem = f"The queue {destination} no longer exists."
                raise DestinationMissing(self._connection.settings.name, problem) from None
            except BrokerUnavailable:
                await asyncio.sleep(next(intervals))
            else:
                if messages := answer.get("Messages"):
                    return url, list(messages)
                intervals = pauses(RETRY_FIRST_S, RETRY_MAX_S)


async def _repeat_while_missing(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call while SQS answers that the queue does not exist: its servers learn of a new queue one by one."""
    return await ask_until_found(call, _is_ready, misses=MISSES_MAX, first_pause_s=RETRY_FIRST_S)


async def _is_ready() -> bool:
    """SQS has no state of its own to wait for: every answer counts."""
    return True
