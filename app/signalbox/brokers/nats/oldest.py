"""Finds the time of each consumer's oldest unread message, by MSG.GET. Asks again only after the consumer has moved."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from signalbox.brokers.model import OldestUnread
from signalbox.brokers.nats.client import JetStreamError
from signalbox.brokers.nats.connection import NatsConnection
from signalbox.brokers.nats.fields import Answer, filter_subjects, integer, text, timestamp
from signalbox.brokers.nats.inspector import JetStreamInspector
from signalbox.brokers.nats.sweep import for_each

TIMEOUT_S = 2.0
AT_ONCE = 20
FILTERS_MAX = 8  # one request per subject; with more subjects the time stays unknown


@dataclass(frozen=True, slots=True)
class _OldestMessage:
    floor: tuple[str, int]  # the consumer's creation time, and the sequence after which the search began
    sequence: int
    at: float


class OldestUnreadMessages:
    """Caches each group's message until the consumer's floor moves or the stream drops the message."""

    def __init__(self, connection: NatsConnection, inspector: JetStreamInspector) -> None:
        self._connection = connection
        self._inspector = inspector
        self._cache: dict[str, _OldestMessage] = {}

    async def read(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """Return what can be read within 2 s, for groups with lag. Raises BrokerError if the reconnect failed."""
        await self._connection.connected_client()
        consumers = self._inspector.consumers
        self._cache = {name: message for name, message in self._cache.items() if name in consumers}
        answers: dict[str, Sequence[OldestUnread]] = {}

        async def find(name: str) -> None:
            if message := await self._find(name, consumers[name]):
                stream = name.split("/", 1)[0]
                exact = not integer(consumers[name], "num_ack_pending")
                answers[name] = [OldestUnread(destination=stream, partition=0, at=message.at, exact=exact)]

        with suppress(TimeoutError):  # groups without an answer are left out
            async with asyncio.timeout(TIMEOUT_S):
                await for_each([name for name in groups if name in consumers], AT_ONCE, find)
        return answers

    async def _find(self, name: str, consumer: Answer) -> _OldestMessage | None:
        """Messages in flight may be ones that JetStream gave up on; then the time lag is only an upper bound."""
        in_flight, pending = integer(consumer, "num_ack_pending"), integer(consumer, "num_pending")
        if not in_flight and not pending:
            return None
        sequence = integer(consumer, "ack_floor" if in_flight else "delivered", "stream_seq")
        if sequence is None:
            return None
        stream, floor = name.split("/", 1)[0], (text(consumer, "created"), sequence)
        first = integer(self._inspector.stream(stream), "state", "first_seq") or 0
        message = self._cache.get(name)
        if message is None or message.floor != floor or message.sequence < first:
            message = await self._request(stream, floor, filter_subjects(consumer) or (">",))
            if message is not None:
                self._cache[name] = message
        return message

    async def _request(self, stream: str, floor: tuple[str, int], subjects: Sequence[str]) -> _OldestMessage | None:
        messages = []
        for subject in subjects if len(subjects) <= FILTERS_MAX else ():
            try:
                answer = await self._connection.request_api(
                    f"STREAM.MSG.GET.{stream}", timeout_s=TIMEOUT_S, seq=floor[1] + 1, next_by_subj=subject
                )
            except JetStreamError:
                continue  # no message of that subject, no permission to read messages, or no leader
            sequence, at = integer(answer, "message", "seq"), timestamp(answer, "message", "time")
            if sequence is not None and at is not None:
                messages.append(_OldestMessage(floor, sequence, at))
        return min(messages, key=lambda message: message.sequence, default=None)
