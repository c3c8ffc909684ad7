"""One reading of JetStream: asks within a deadline, many at once but bounded, and collects what was refused."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import BrokerCall, Fault, Why
from signalbox.brokers.nats.account import left_out
from signalbox.brokers.nats.answers import Answer, number, rows, text
from signalbox.brokers.nats.connection import Connection
from signalbox.brokers.nats.consumers import group_name
from signalbox.brokers.nats.wire import CONSUMER_MISSING, STREAM_MISSING, Refusal
from signalbox.kernel.clock import Clock

T = TypeVar("T")
SLICE_ROWS = 100


@dataclass(eq=False)
class Reading:
    """What one sweep or watch has read so far."""

    connection: Connection
    clock: Clock
    every_s: float  # how often such a reading is made
    answer_s: float  # how long one answer may take
    total_s: float  # how long all of it may take: what is not asked by then is refused
    streams: dict[str, Answer] = field(default_factory=dict)
    consumers: dict[str, Answer] = field(default_factory=dict)  # by group name
    faults: list[Fault] = field(default_factory=list)
    calls: list[BrokerCall] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    gone_streams: set[str] = field(default_factory=set)
    gone_groups: set[str] = field(default_factory=set)
    answers: int = 0

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.total_s

    async def ask(self, what: str, **body: object) -> Answer:
        """Ask, within what is left of the time.

        Raises:
            Refusal: also when no time is left.
            BrokerUnavailable: the connection is lost.
        """
        left = self._until - time.monotonic()
        if left <= 0:
            raise Refusal(Why.NO_ANSWER, f"not asked: the others took {self.total_s:.3g} s")
        answer = await self.connection.ask(what, timeout_s=min(self.answer_s, left), **body)
        self.answers += 1
        return answer

    async def listed(self, what: str, key: str, *, stream: str | None = None) -> list[Answer]:
        """Return all pages of a list. Pages overlap while a cluster changes its leader: the caller goes by name."""
        found: list[Answer] = []
        offset, total = 0, 1
        while offset < total:
            answer = await self.ask(what, offset=offset)
            if offset == 0:
                self.faults += left_out(answer, stream=stream)
            page = rows(answer, key)
            if not page:
                break
            found += page
            offset += len(page)
            total = number(answer, "total") or 0
        return found

    async def read_stream(self, name: str) -> None:
        """Read one stream by its name; a refusal becomes a fault, a missing one is gone."""
        try:
            self.streams[name] = await self.ask(f"STREAM.INFO.{name}")
        except Refusal as refusal:
            if refusal.code == STREAM_MISSING:
                self.gone_streams.add(name)
            else:
                self.refused(refusal, f"stream {name}", destination=name)

    async def read_consumer(self, stream: str, name: str) -> None:
        """Read one consumer by its name; a refusal becomes a fault, a missing one is gone."""
        group = group_name(stream, name)
        try:
            self.consumers[group] = await self.ask(f"CONSUMER.INFO.{stream}.{name}")
        except Refusal as refusal:
            if refusal.code in {CONSUMER_MISSING, STREAM_MISSING}:
                self.gone_groups.add(group)
            else:
                self.refused(refusal, f"consumer {name} of {stream}", group=group, destination=stream)

    async def list_consumers(self, stream: str) -> bool:
        """Read the consumers of one stream; False when the list was refused."""
        try:
            found = await self.listed(f"CONSUMER.LIST.{stream}", "consumers", stream=stream)
        except Refusal as refusal:
            if refusal.code == STREAM_MISSING:
                return True  # deleted since the streams were listed: the next sweep says so
            self.refused(refusal, f"consumers of {stream}", destination=stream)
            return False
        self.consumers |= {group_name(stream, text(row, "name")): row for row in found}
        return True

    def refused(
        self, refusal: Refusal, resource: str, *, group: str | None = None, destination: str | None = None
    ) -> None:
        self.refusals.append(refusal)
        self.faults.append(
            Fault(resource=resource, why=refusal.why, detail=refusal.detail, group=group, destination=destination)
        )

    async def timed(self, what: str, work: Awaitable[T], rows_after: Callable[[], int] | None = None) -> T:
        """Await a step and note how long it took, for "How it is read"."""
        began = time.monotonic()
        result = await work
        took, count = time.monotonic() - began, None if rows_after is None else rows_after()
        self.calls.append(
            BrokerCall(request=what, interval_s=self.every_s, duration_s=took, at=self.clock(), rows=count)
        )
        return result


async def each(items: Iterable[T], most: int, work: Callable[[T], Awaitable[object]]) -> None:
    """Do the work for every item, at most so many at once. The first broken connection ends it.

    Raises:
        BrokerError: what the first one raised.
    """
    waiting = iter(items)
    failed: list[BrokerError] = []

    async def take() -> None:
        for item in waiting:
            if failed:
                return
            try:
                await work(item)
            except BrokerError as error:
                failed.append(error)

    async with asyncio.TaskGroup() as takers:
        for _ in range(most):
            takers.create_task(take())
    if failed:
        raise failed[0]


async def sliced(answers: Mapping[str, Answer]) -> AsyncIterator[tuple[str, Answer]]:
    """Go through answers by name, and let others run after every few: a row costs 30 us to translate."""
    for number_of_row, row in enumerate(tuple(answers.items()), 1):
        yield row
        if number_of_row % SLICE_ROWS == 0:
            await asyncio.sleep(0)
