"""Reads every queue: one request each, 16 at once, fewer and rarer when SQS says that it is too much."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from signalbox.brokers.errors import BrokerError, BrokerUnavailable, DestinationMissing, LoginRefused, NotPermitted
from signalbox.brokers.model import BrokerCall, Cluster, Destination, Fault, Group, OldestUnread, Scope, Snapshot, Why
from signalbox.brokers.sqs.account import Account
from signalbox.brokers.sqs.figures import COUNTS, STATIC, Static, destination_of, group_of, static_of
from signalbox.brokers.sqs.queues import LIST_EVERY_S, QueueList, not_permitted
from signalbox.brokers.sqs.throttling import AT_ONCE_MOST, Pace, Throttled
from signalbox.kernel.clock import Clock

STATIC_EVERY_S = 600.0
UNANSWERED_MOST = AT_ONCE_MOST  # in a row: then the rest is not asked, or a dead endpoint would cost minutes
NOTE = "Counts are SQS's approximations, settled about a minute after the senders stop. Rates and ages are not told."


@dataclass(slots=True)
class _Reading:
    """What one round of questions brought."""

    groups: dict[str, Group] = field(default_factory=dict)
    destinations: dict[str, Destination] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    unanswered: int = 0  # in a row
    error: BrokerError | None = None  # the last that is the connection's fault, not a queue's
    throttled: bool = False

    def hopeless(self) -> bool:
        return isinstance(self.error, LoginRefused) or self.unanswered >= UNANSWERED_MOST


class SqsInspector:
    """See port.Inspector. One sweep or watch at a time is enough; two do no harm."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._static: dict[str, Static] = {}
        self._list_call: BrokerCall | None = None
        self.pace = Pace()
        self.queues = QueueList(account, self.pace)

    @property
    def sweep_interval_s(self) -> float:
        return self._account.settings.every_s(len(self._shown())) * self.pace.factor

    @property
    def watch_interval_s(self) -> float:
        return self._account.settings.watched_interval_s * self.pace.factor

    @property
    def amazon(self) -> bool:
        """Whether the endpoint is Amazon's own, where each question costs money."""
        host = urlsplit(self._account.settings.endpoint_url or "").hostname
        return host is None or host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    async def refresh_list(self, *, timeout_s: float | None = None) -> None:
        requested_at, started = self._clock(), time.monotonic()
        await self.queues.refresh(started, timeout_s=timeout_s)
        what = "GetQueueUrl" if self._account.settings.queues else "ListQueues"
        took, rows = time.monotonic() - started, len(self.queues.names)
        self._list_call = BrokerCall(request=what, interval_s=LIST_EVERY_S, duration_s=took, at=requested_at, rows=rows)

    async def _list_if_due(self) -> None:
        if not self.queues.due(time.monotonic()):
            return
        try:
            await self.refresh_list()
        except BrokerError as error:
            if not self.queues.names:
                raise
            self.queues.unlisted(error)

    async def sweep(self) -> Snapshot:
        requested_at = self._clock()
        await self._list_if_due()
        names = self._shown()
        reading, call = await self._read(names, self.sweep_interval_s)
        if not reading.throttled:
            self.pace.speed_up()
        gone = self.queues.take_gone()
        for name in gone:
            self._static.pop(name, None)
        return Snapshot(
            scope=Scope.FULL,
            requested_at=requested_at,
            read_at=self._clock(),
            groups=reading.groups,
            destinations=reading.destinations,
            cluster=self._cluster(reading),
            gone_groups=gone,
            gone_destinations=gone,
            faults=(*self.queues.faults, *reading.faults),
            calls=tuple(filter(None, (self._list_call, call))),
            excluded=len(self.queues.names) - len(self._shown()),
        )

    async def watch(self, groups: Collection[str]) -> Snapshot:
        requested_at = self._clock()
        reading, call = await self._read(sorted(set(groups) & set(self._shown())), self.watch_interval_s)
        return Snapshot(
            scope=Scope.WATCHED,
            requested_at=requested_at,
            read_at=self._clock(),
            groups=reading.groups,
            destinations=reading.destinations,
            faults=tuple(reading.faults),
            calls=(call,),
        )

    async def oldest_unread(self, groups: Collection[str]) -> Mapping[str, Sequence[OldestUnread]]:
        """Nothing: only receiving a message tells its time, and that hides it from the consumers and counts as a receive."""
        del groups
        return {}

    def _shown(self) -> list[str]:
        return sorted(filter(self._account.settings.includes, self.queues.names))

    async def _read(self, names: Sequence[str], every_s: float) -> tuple[_Reading, BrokerCall]:
        reading = _Reading()
        requested_at, started = self._clock(), time.monotonic()
        unasked = 0

        async def one(name: str) -> None:
            nonlocal unasked
            if reading.hopeless():
                unasked += 1
                return
            await self._one(name, reading)

        await self.pace.each(names, one)
        if reading.error is not None:
            if not reading.groups:
                raise reading.error
            if unasked:
                rest = f"{unasked} queues were not asked any more"
                reading.faults.append(Fault(resource=rest, why=Why.NO_ANSWER, detail=reading.error.problem))
        took = time.monotonic() - started
        call = BrokerCall(
            request="GetQueueAttributes", interval_s=every_s, duration_s=took, at=requested_at, rows=len(reading.groups)
        )
        return reading, call

    async def _one(self, name: str, reading: _Reading) -> None:
        """Ask about one queue. Its own faults are noted; what ails the connection is kept as `error`."""
        try:
            await self._ask(name, reading)
        except NotPermitted as error:
            reading.faults.append(not_permitted(name, "sqs:GetQueueAttributes", error))
        except DestinationMissing:
            self.queues.missing(name)
            reading.faults.append(_no_answer(name, "SQS says that it does not exist; the next lists decide."))
        except BrokerError as error:
            if isinstance(error, BrokerUnavailable | LoginRefused):
                self._note(error, reading)
            reading.faults.append(_no_answer(name, error.problem))

    def _note(self, error: BrokerError, reading: _Reading) -> None:
        reading.error = error
        if not isinstance(error, Throttled):
            reading.unanswered += 1
        elif not reading.throttled:  # once a round: those in flight are refused together
            reading.throttled = True
            self.pace.slow_down()

    async def _ask(self, name: str, reading: _Reading) -> None:
        now = time.monotonic()
        known = self._static.get(name)
        fresh = known is not None and now - known.read_at < STATIC_EVERY_S
        wanted = COUNTS if fresh else COUNTS + STATIC  # one request either way
        url = await self._account.url(name)
        answer = await self._account.call("get_queue_attributes", QueueUrl=url, AttributeNames=list(wanted))
        attributes = answer.get("Attributes", {})
        if known is None or not fresh:
            known = self._static[name] = static_of(name, attributes, now)
        reading.unanswered = 0
        self.queues.answered(name)
        reading.groups[name] = group_of(name, attributes)
        reading.destinations[name] = destination_of(name, attributes, known)

    def _cluster(self, reading: _Reading) -> Cluster:
        refused = sum(fault.why is Why.NOT_PERMITTED for fault in reading.faults)
        return Cluster(
            read_at=self._clock(),
            product="Amazon SQS" if self.amazon else "SQS-compatible server",
            version=None,
            nodes=None,
            missing_permissions=(f"sqs:GetQueueAttributes on {refused} queues",) if refused else (),
            notes=(NOTE,),
        )


def _no_answer(name: str, detail: str) -> Fault:
    return Fault(resource=f"queue {name}", why=Why.NO_ANSWER, detail=detail, group=name, destination=name)
