"""The time of the oldest message that a consumer has not read, by MSG.GET; asked again only when the consumer has moved on."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from signalbox.brokers.model import OldestUnread
from signalbox.brokers.nats.answers import Answer, filters, moment, number, text
from signalbox.brokers.nats.connection import Connection
from signalbox.brokers.nats.inspector import JetStreamInspector
from signalbox.brokers.nats.reading import each
from signalbox.brokers.nats.wire import Refusal

WITHIN_S = 2.0
AT_ONCE = 20
FILTERS_MAX = 8  # one request each; with more subjects the time stays unknown


@dataclass(frozen=True, slots=True)
class _Found:
    floor: tuple[str, int]  # which consumer of that name, and the sequence from which the message was looked for
    sequence: int
    at: float


class OldestUnreadMessages:
    """Keeps what it found per group until the consumer's floor moves or the message is no longer kept."""

    def __init__(self, connection: Connection, inspector: JetStreamInspector) -> None:
        self._connection = connection
        self._inspector = inspector
        self._found: dict[str, _Found] = {}

    async def read(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """Return what could be found within 2 s, for groups that lag.

        Raises:
            BrokerError: the connection is lost and cannot be made anew.
        """
        await self._connection.live()
        seen = self._inspector.consumers
        self._found = {name: found for name, found in self._found.items() if name in seen}
        answers: dict[str, Sequence[OldestUnread]] = {}

        async def find(name: str) -> None:
            if found := await self._find(name, seen[name]):
                stream = name.split("/", 1)[0]
                exact = not number(seen[name], "num_ack_pending")
                answers[name] = [OldestUnread(destination=stream, partition=0, at=found.at, exact=exact)]

        try:
            async with asyncio.timeout(WITHIN_S):
                await each([name for name in groups if name in seen], AT_ONCE, find)
        except TimeoutError:
            pass  # who was not reached is left out
        return answers

    async def _find(self, name: str, consumer: Answer) -> _Found | None:
        """Messages in flight may be dead ones that were given up: with some, the time lag is at most what follows."""
        in_flight, pending = number(consumer, "num_ack_pending"), number(consumer, "num_pending")
        if not in_flight and not pending:
            return None
        floor = number(consumer, "ack_floor" if in_flight else "delivered", "stream_seq")
        if floor is None:
            return None
        stream, mark = name.split("/", 1)[0], (text(consumer, "created"), floor)
        kept_from = number(self._inspector.stream(stream), "state", "first_seq") or 0
        known = self._found.get(name)
        if known is None or known.floor != mark or known.sequence < kept_from:
            known = await self._ask(stream, mark, filters(consumer) or (">",))
            if known is not None:
                self._found[name] = known
        return known

    async def _ask(self, stream: str, mark: tuple[str, int], subjects: Sequence[str]) -> _Found | None:
        found = []
        for subject in subjects if len(subjects) <= FILTERS_MAX else ():
            try:
                answer = await self._connection.ask(
                    f"STREAM.MSG.GET.{stream}", timeout_s=WITHIN_S, seq=mark[1] + 1, next_by_subj=subject
                )
            except Refusal:
                continue  # no message of that subject, no right to read messages, or no leader: not told
            sequence, at = number(answer, "message", "seq"), moment(answer, "message", "time")
            if sequence is not None and at is not None:
                found.append(_Found(mark, sequence, at))
        return min(found, key=lambda each_found: each_found.sequence, default=None)
