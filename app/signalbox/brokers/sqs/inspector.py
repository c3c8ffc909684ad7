"""Reads every queue with one request each, 16 at once; fewer and less often when SQS throttles."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from signalbox.brokers.clock_skew import ClockSkew
from signalbox.brokers.errors import BrokerError, BrokerUnavailable, DestinationMissing, LoginRefused, PermissionMissing
from signalbox.brokers.model import BrokerCall, Cluster, Destination, Fault, Group, OldestUnread, Scope, Snapshot, Why
from signalbox.brokers.sqs import conversion
from signalbox.brokers.sqs.connection import SqsConnection
from signalbox.brokers.sqs.queue_list import LIST_EVERY_S, QueueList, not_permitted_fault
from signalbox.brokers.sqs.throttling import CONCURRENCY_MAX, Throttle, Throttled
from signalbox.kernel.clock import Clock

ATTRIBUTES = conversion.COUNTS + conversion.STATIC  # one request costs the same with all of them
AMAZON_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
UNANSWERED_MAX = CONCURRENCY_MAX  # in a row; then stop, because a dead endpoint would cost minutes
NOTE = (
    "SQS approximates its counts; they are exact about a minute after the last message. SQS reports no rates or ages."
)


@dataclass(slots=True)
class _Sweep:
    """What one sweep or watch has read so far."""

    groups: dict[str, Group] = field(default_factory=dict)
    destinations: dict[str, Destination] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    unanswered: int = 0  # in a row
    error: BrokerError | None = None  # the last error of the connection, not of one queue
    throttled: bool = False

    def should_stop(self) -> bool:
        return isinstance(self.error, LoginRefused) or self.unanswered >= UNANSWERED_MAX


class SqsInspector:
    """See port.Inspector. Concurrent sweeps and watches are safe."""

    def __init__(self, connection: SqsConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._list_call: BrokerCall | None = None
        self._clock_skew = ClockSkew()
        self.throttle = Throttle()
        self.queues = QueueList(connection, self.throttle)

    @property
    def sweep_interval_s(self) -> float:
        return self._connection.settings.interval_for(len(self._included())) * self.throttle.interval_factor

    @property
    def watch_interval_s(self) -> float:
        return self._connection.settings.watched_interval_s * self.throttle.interval_factor

    @property
    def is_amazon(self) -> bool:
        """Whether the endpoint is Amazon's, where each request costs money."""
        host = urlsplit(self._connection.endpoint or "").hostname
        return host is None or host.endswith(AMAZON_HOSTS)

    async def refresh_list(self, *, timeout_s: float | None = None) -> None:
        requested_at, started_at = self._clock(), time.monotonic()
        await self.queues.refresh(started_at, timeout_s=timeout_s)
        self._list_call = BrokerCall(
            request="GetQueueUrl" if self._connection.settings.queues else "ListQueues",
            interval_s=LIST_EVERY_S,
            duration_s=time.monotonic() - started_at,
            at=requested_at,
            rows=len(self.queues.names),
        )

    async def _list_if_due(self) -> None:
        if not self.queues.due(time.monotonic()):
            return
        try:
            await self.refresh_list()
        except BrokerError as error:
            if not self.queues.names:
                raise
            self.queues.add_list_fault(error)

    async def sweep(self) -> Snapshot:
        requested_at = self._clock()
        await self._list_if_due()
        names = self._included()
        sweep, call = await self._read(names, self.sweep_interval_s)
        if not sweep.throttled:
            self.throttle.speed_up()
        gone = self.queues.take_gone()
        return Snapshot(
            scope=Scope.FULL,
            requested_at=requested_at,
            read_at=self._clock(),
            groups=sweep.groups,
            destinations=sweep.destinations,
            cluster=self._cluster(sweep),
            gone_groups=gone,
            gone_destinations=gone,
            faults=(*self.queues.faults, *sweep.faults),
            calls=tuple(filter(None, (self._list_call, call))),
            excluded=len(self.queues.names) - len(self._included()),
        )

    async def watch(self, groups: Collection[str]) -> Snapshot:
        requested_at = self._clock()
        sweep, call = await self._read(sorted(set(groups) & set(self._included())), self.watch_interval_s)
        return Snapshot(
            scope=Scope.WATCHED,
            requested_at=requested_at,
            read_at=self._clock(),
            groups=sweep.groups,
            destinations=sweep.destinations,
            faults=tuple(sweep.faults),
            calls=(call,),
        )

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """Return {}: only receiving a message reveals its time, which would hide it from consumers and count as a receive."""
        del groups
        return {}

    def _included(self) -> list[str]:
        return sorted(filter(self._connection.settings.includes, self.queues.names))

    async def _read(self, names: Sequence[str], interval_s: float) -> tuple[_Sweep, BrokerCall]:
        sweep = _Sweep()
        requested_at, started_at = self._clock(), time.monotonic()
        skipped = 0

        async def read(name: str) -> None:
            nonlocal skipped
            if sweep.should_stop():
                skipped += 1
                return
            await self._read_queue(name, sweep)

        await self.throttle.for_each(names, read)
        if sweep.error is not None:
            if not sweep.groups:
                raise sweep.error
            if skipped:
                rest = f"{skipped} queues were not read"
                sweep.faults.append(Fault(resource=rest, why=Why.NO_ANSWER, detail=sweep.error.problem))
        took_s, rows, request = time.monotonic() - started_at, len(sweep.groups), "GetQueueAttributes"
        return sweep, BrokerCall(request=request, interval_s=interval_s, duration_s=took_s, at=requested_at, rows=rows)

    async def _read_queue(self, name: str, sweep: _Sweep) -> None:
        """Read one queue. Its error becomes a fault; an error of the connection is also kept as `error`."""
        try:
            await self._request_attributes(name, sweep)
        except PermissionMissing as error:
            sweep.faults.append(not_permitted_fault(name, "sqs:GetQueueAttributes", error))
        except DestinationMissing:
            self.queues.mark_missing(name)
            detail = "SQS answered that the queue does not exist; the next lists decide."
            sweep.faults.append(_no_answer_fault(name, detail))
        except BrokerError as error:
            if isinstance(error, BrokerUnavailable | LoginRefused):
                sweep.error = error
                sweep.unanswered += not isinstance(error, Throttled)
            if isinstance(error, Throttled) and not sweep.throttled:  # once: requests in flight are throttled together
                sweep.throttled = True
                self.throttle.slow_down()
            sweep.faults.append(_no_answer_fault(name, error.problem))

    async def _request_attributes(self, name: str, sweep: _Sweep) -> None:
        url = await self._connection.queue_url(name)
        requested_at = self._clock()
        answer = await self._connection.call("get_queue_attributes", QueueUrl=url, AttributeNames=list(ATTRIBUTES))
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        self._clock_skew.add(date, requested_at, self._clock())
        attributes = answer.get("Attributes", {})
        static = conversion.parse_static_attributes(name, attributes)
        sweep.unanswered = 0
        self.queues.mark_present(name)
        sweep.groups[name] = conversion.to_group(name, attributes)
        sweep.destinations[name] = conversion.to_destination(name, attributes, static)

    def _cluster(self, sweep: _Sweep) -> Cluster:
        denied = sum(fault.why is Why.NOT_PERMITTED for fault in sweep.faults)
        return Cluster(
            read_at=self._clock(),
            product="Amazon SQS" if self.is_amazon else "SQS-compatible server",
            version=None,
            nodes=None,
            missing_permissions=(f"sqs:GetQueueAttributes on {denied} queues",) if denied else (),
            notes=(NOTE, *self._clock_skew.notes(), *self._empty_notes()),
        )

    def _empty_notes(self) -> tuple[str, ...]:
        """Name the region without queues: a wrong region has none."""
        if self.queues.names or self.queues.faults:
            return ()
        prefix = self._connection.settings.prefix
        named = f" whose name begins with {prefix}" if prefix else ""
        region = self._connection.region or "this region"
        return (f"The account has no queues{named} in {region}. If that is a surprise, check region.",)


def _no_answer_fault(name: str, detail: str) -> Fault:
    return Fault(resource=f"queue {name}", why=Why.NO_ANSWER, detail=detail, group=name, destination=name)
