"""Finds the time of each consumer's oldest unread message, by MSG.GET. Asks again only after the consumer has moved."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from signalbox.brokers.model import OldestUnread
from signalbox.brokers.nats.client import JetStreamError
from signalbox.brokers.nats.connection import NatsConnection
from signalbox.brokers.nats.fields import Answer, filter_subjects, integer, limit, text, timestamp
from signalbox.brokers.nats.inspector import JetStreamInspector
from signalbox.brokers.nats.sweep import for_each

TIMEOUT_S = 2.0
AT_ONCE = 20
FILTERS_MAX = 8  # one request per subject; with more subjects the time stays unknown


@dataclass(frozen=True, slots=True)
class _Search:
    """Where the search for a message began."""

    created: str  # of the consumer
    after: int  # sequence
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _FoundMessage:
    search: _Search
    sequence: int
    at: float


class OldestUnreadMessages:
    """Caches each group's messages until the consumer moves or the stream drops the message."""

    def __init__(self, connection: NatsConnection, inspector: JetStreamInspector) -> None:
        self._connection = connection
        self._inspector = inspector
        self._cache: dict[tuple[str, str], _FoundMessage] = {}  # by group and the field where the search begins

    async def read(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """Return what can be read within 2 s, for groups with lag. Raises BrokerError if the reconnect failed."""
        await self._connection.connected_client()
        consumers = self._inspector.consumers
        self._cache = {key: message for key, message in self._cache.items() if key[0] in consumers}
        answers: dict[str, Sequence[OldestUnread]] = {}

        async def find(name: str) -> None:
            if oldest := await self._oldest(name, consumers[name]):
                answers[name] = [oldest]

        with suppress(TimeoutError):  # groups without an answer are left out
            async with asyncio.timeout(TIMEOUT_S):
                await for_each([name for name in groups if name in consumers], AT_ONCE, find)
        return answers

    async def _oldest(self, name: str, consumer: Answer) -> OldestUnread | None:
        """Return the message after the acknowledged ones; where it may be settled already, also the first undelivered one."""
        in_flight, pending = integer(consumer, "num_ack_pending"), integer(consumer, "num_pending")
        if not in_flight and not pending:
            return None
        undelivered = await self._find(name, consumer, "delivered") if pending else None
        first = await self._find(name, consumer, "ack_floor") if in_flight else undelivered
        if first is None:
            return None
        stream, unread = name.split("/", 1)[0], first if _in_flight(first, consumer) else undelivered
        at = self._inspector.to_our_clock(stream, first.at)
        if at is None:  # without the server's own time no age is measured
            return None
        proven = in_flight and unread is not None and not _skips(consumer)
        return OldestUnread(
            destination=stream,
            partition=0,
            at=at,
            exact=not in_flight and not _skips(consumer),
            not_after=self._inspector.to_our_clock(stream, unread.at) if proven and unread is not None else None,
        )

    async def _find(self, name: str, consumer: Answer, field: str) -> _FoundMessage | None:
        sequence = integer(consumer, field, "stream_seq")
        if sequence is None:
            return None
        stream, subjects = name.split("/", 1)[0], filter_subjects(consumer)
        search = _Search(text(consumer, "created"), sequence, subjects)
        first = integer(self._inspector.stream(stream), "state", "first_seq") or 0
        message = self._cache.get((name, field))
        if message is None or message.search != search or message.sequence < first:
            message = await self._request(stream, search)
            if message is not None:
                self._cache[name, field] = message
        return message

    async def _request(self, stream: str, search: _Search) -> _FoundMessage | None:
        messages = []
        subjects = search.subjects or (">",)
        for subject in subjects if len(subjects) <= FILTERS_MAX else ():
            try:
                answer = await self._connection.request_api(
                    f"STREAM.MSG.GET.{stream}", timeout_s=TIMEOUT_S, seq=search.after + 1, next_by_subj=subject
                )
            except JetStreamError:
                continue  # no message of that subject, no permission to read messages, or no leader
            sequence, at = integer(answer, "message", "seq"), timestamp(answer, "message", "time")
            if sequence is not None and at is not None:
                messages.append(_FoundMessage(search, sequence, at))
        return min(messages, key=lambda message: message.sequence, default=None)


def _skips(consumer: Answer) -> bool:
    """Return whether the consumer passes messages on purpose, so that the next one in the stream may not be for it."""
    return text(consumer, "config", "deliver_policy") == "last_per_subject"


def _in_flight(first: _FoundMessage, consumer: Answer) -> bool:
    """Return whether the first message after the acknowledged ones is proven to be unacknowledged.

    With a maximum of deliveries JetStream may have given up on it; a later sequence may be acknowledged already.
    """
    gives_up = limit(consumer, "config", "max_deliver") is not None
    return first.sequence == first.search.after + 1 and not first.search.subjects and not gives_up
