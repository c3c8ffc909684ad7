"""One sweep or watch in progress: bounded concurrent requests within a deadline, and the faults so far."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.model import BrokerCall, Fault, Why
from signalbox.brokers.nats.account import missing_faults
from signalbox.brokers.nats.client import CONSUMER_MISSING, STREAM_MISSING, JetStreamError
from signalbox.brokers.nats.connection import NatsConnection
from signalbox.brokers.nats.fields import Answer, integer, mappings, text
from signalbox.brokers.nats.groups import group_name
from signalbox.kernel.clock import Clock

T = TypeVar("T")


@dataclass(eq=False)
class Sweep:
    """What one sweep or watch has read so far."""

    connection: NatsConnection
    clock: Clock
    interval_s: float  # between two such sweeps
    answer_timeout_s: float
    total_timeout_s: float  # requests after it fail without being sent
    streams: dict[str, Answer] = field(default_factory=dict)
    consumers: dict[str, Answer] = field(default_factory=dict)  # by group name
    faults: list[Fault] = field(default_factory=list)
    calls: list[BrokerCall] = field(default_factory=list)
    errors: list[JetStreamError] = field(default_factory=list)
    asked: dict[str, tuple[float, float]] = field(default_factory=dict)  # by stream: when requested and answered
    gone_streams: set[str] = field(default_factory=set)
    gone_groups: set[str] = field(default_factory=set)
    answers: int = 0

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.total_timeout_s

    async def request(self, operation: str, **body: object) -> Answer:
        """Send a request within the remaining time. Raises JetStreamError also when no time is left."""
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise JetStreamError(Why.NO_ANSWER, f"not read: earlier requests took {self.total_timeout_s:.3g} s")
        answer = await self.connection.request_api(operation, timeout_s=min(self.answer_timeout_s, left_s), **body)
        self.answers += 1
        return answer

    async def list_pages(self, operation: str, key: str, *, stream: str | None = None) -> list[Answer]:
        """Return the rows of all pages. Pages may overlap while a cluster changes its leader: index the rows by name."""
        rows: list[Answer] = []
        offset, total = 0, 1
        while offset < total:
            answer = await self.request(operation, offset=offset)
            if offset == 0:
                self.faults += missing_faults(answer, stream=stream)
            page = mappings(answer, key)
            if not page:
                break
            rows += page
            offset += len(page)
            total = integer(answer, "total") or 0
        return rows

    async def list_streams(self) -> None:
        """Read the streams by pages. Raises JetStreamError if the list failed."""
        requested_at = self.clock()
        rows = {text(row, "config", "name"): row for row in await self.list_pages("STREAM.LIST", "streams")}
        self.streams |= rows
        self.asked |= dict.fromkeys(rows, (requested_at, self.clock()))

    async def read_stream(self, name: str) -> None:
        """Read one stream by name; an error becomes a fault, a missing stream is gone."""
        requested_at = self.clock()
        try:
            self.streams[name] = await self.request(f"STREAM.INFO.{name}")
            self.asked[name] = requested_at, self.clock()
        except JetStreamError as error:
            if error.code == STREAM_MISSING:
                self.gone_streams.add(name)
            else:
                self.add_fault(error, f"stream {name}", destination=name)

    async def read_consumer(self, stream: str, name: str) -> None:
        """Read one consumer by name; an error becomes a fault, a missing consumer is gone."""
        group = group_name(stream, name)
        try:
            self.consumers[group] = await self.request(f"CONSUMER.INFO.{stream}.{name}")
        except JetStreamError as error:
            if error.code in {CONSUMER_MISSING, STREAM_MISSING}:
                self.gone_groups.add(group)
            else:
                self.add_fault(error, f"consumer {name} of {stream}", group=group, destination=stream)

    async def list_consumers(self, stream: str) -> bool:
        """Read the consumers of one stream; return False if the list failed."""
        try:
            rows = await self.list_pages(f"CONSUMER.LIST.{stream}", "consumers", stream=stream)
        except JetStreamError as error:
            if error.code == STREAM_MISSING:
                return True  # deleted since the streams were listed: the next sweep reports it
            self.add_fault(error, f"consumers of {stream}", destination=stream)
            return False
        self.consumers |= {group_name(stream, text(row, "name")): row for row in rows}
        return True

    def add_fault(
        self, error: JetStreamError, resource: str, *, group: str | None = None, destination: str | None = None
    ) -> None:
        self.errors.append(error)
        why, detail = error.why, error.detail
        self.faults.append(Fault(resource=resource, why=why, detail=detail, group=group, destination=destination))

    async def timed(self, operation: str, work: Awaitable[T], count_rows: Callable[[], int] | None = None) -> T:
        """Await a step and record its duration for the data collection table of the connection's page."""
        started = time.monotonic()
        result = await work
        took_s, at, rows = time.monotonic() - started, self.clock(), None if count_rows is None else count_rows()
        call = BrokerCall(request=operation, interval_s=self.interval_s, duration_s=took_s, at=at, rows=rows)
        self.calls.append(call)
        return result


async def for_each(items: Iterable[T], at_once: int, work: Callable[[T], Awaitable[object]]) -> None:
    """Run the work for every item with bounded concurrency. The first BrokerError stops the rest and is raised."""
    remaining = iter(items)
    failures: list[BrokerError] = []

    async def run_worker() -> None:
        for item in remaining:
            if failures:
                return
            try:
                await work(item)
            except BrokerError as error:
                failures.append(error)

    async with asyncio.TaskGroup() as workers:
        for _ in range(at_once):
            workers.create_task(run_worker())
    if failures:
        raise failures[0]
