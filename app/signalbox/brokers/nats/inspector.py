"""Reads all streams and consumers in a sweep, and some of them every second.

Streams are read before consumers, so that an up-to-date consumer never appears below its stream's start. A stream or consumer is
gone when the server answers its name with "not found"; the consumers of a gone stream go with it.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from signalbox.brokers.clock_skew import ClockSkew
from signalbox.brokers.model import Cluster, Destination, Group, Scope, Snapshot, Why
from signalbox.brokers.nats import account
from signalbox.brokers.nats.arrivals import MirrorArrivals, mirror_arrivals
from signalbox.brokers.nats.client import JetStreamError
from signalbox.brokers.nats.connection import NatsConnection
from signalbox.brokers.nats.destinations import is_internal, to_destination
from signalbox.brokers.nats.fields import Answer, filter_subjects, has_leader, integer, lacks_a_replica, text, timestamp
from signalbox.brokers.nats.groups import to_group
from signalbox.brokers.nats.ledger import Ledger, follow, sequences
from signalbox.brokers.nats.origins import with_recreation
from signalbox.brokers.nats.progress import follow_progress
from signalbox.brokers.nats.sweep import Sweep, for_each
from signalbox.kernel.clock import Clock
from signalbox.kernel.slices import in_slices

SWEEP_EVERY_S = 5.0
WATCH_EVERY_S = 1.0
WATCH_TIMEOUT_S = 2.0
LISTS_AT_ONCE = 8
READS_AT_ONCE = 20
SLICE_ROWS = 100  # converting one answer takes 30 us
EXPIRY_WARNING_S = 7 * 24 * 3600.0  # warn about expiring credentials this long before


class JetStreamInspector:
    """Remembers the streams and consumers of the last sweeps, and each consumer's counters."""

    def __init__(self, connection: NatsConnection, clock: Clock) -> None:
        self._connection = connection
        self._settings = connection.settings
        self._clock = clock
        self._streams: dict[str, Answer] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._mirrors: dict[str, MirrorArrivals] = {}
        self._clocks: dict[str, ClockSkew] = {}  # by stream: servers of a cluster have clocks of their own
        self.consumers: dict[str, Answer] = {}  # by group name, from the last sweep or watch

    async def sweep(self) -> Snapshot:
        """Read everything within three times the connection's timeout. Raises BrokerError if nothing could be read."""
        await self._connection.connected_client()
        timeout_s = self._settings.timeout_s
        sweep = Sweep(self._connection, self._clock, SWEEP_EVERY_S, timeout_s, 3 * timeout_s)
        account_info = await self._account(sweep)
        await self._read_streams(sweep)
        requested_at = self._clock()
        included = [name for name in sweep.streams if self._includes(name)]
        reading = for_each(included, LISTS_AT_ONCE, lambda stream: self._read_consumers(sweep, stream))
        await sweep.timed("CONSUMER.LIST", reading, lambda: len(sweep.consumers))
        await self._confirm_gone(sweep, included)
        if not sweep.answers and sweep.errors:
            raise self._connection.broker_error(sweep.errors[0])
        self._read_clocks(sweep)
        cluster = self._cluster(sweep, account_info)
        self._forget(sweep)
        return await self._snapshot(sweep, Scope.FULL, requested_at, cluster)

    async def watch(self, groups: Collection[str]) -> Snapshot:
        """Read these consumers and their streams by name, each request within 2 s.

        Raises BrokerError if nothing at all could be read.
        """
        await self._connection.connected_client()
        sweep = Sweep(self._connection, self._clock, WATCH_EVERY_S, WATCH_TIMEOUT_S, 2 * WATCH_TIMEOUT_S)
        pairs = [name.split("/", 1) for name in dict.fromkeys(groups) if name in self.consumers]
        streams = dict.fromkeys(stream for stream, _ in pairs)
        await sweep.timed("STREAM.INFO", for_each(streams, READS_AT_ONCE, sweep.read_stream), lambda: len(streams))
        requested_at = self._clock()
        reading = for_each(pairs, READS_AT_ONCE, lambda pair: sweep.read_consumer(*pair))
        await sweep.timed("CONSUMER.INFO", reading, lambda: len(pairs))
        if pairs and not sweep.answers and not (sweep.gone_groups or sweep.gone_streams):
            raise self._connection.broker_error(sweep.errors[0])
        self._read_clocks(sweep)
        self._forget(sweep)
        return await self._snapshot(sweep, Scope.WATCHED, requested_at, None)

    def stream(self, name: str) -> Answer | None:
        return self._streams.get(name)

    def to_our_clock(self, stream: str, at: float) -> float | None:
        """Convert the time of a message, by the time in the stream's last answer; None if that has no time."""
        clock = self._clocks.get(stream)
        return None if clock is None else clock.to_our_clock(at)

    # Steps of a sweep

    async def _account(self, sweep: Sweep) -> Answer:
        try:
            return await sweep.timed("INFO", sweep.request("INFO"))
        except JetStreamError as error:
            sweep.add_fault(error, "account")
            return {}

    async def _read_streams(self, sweep: Sweep) -> None:
        """List the streams; read them by name if names are configured or the list fails."""
        names = list(self._settings.streams)
        if not names:
            try:
                await sweep.timed("STREAM.LIST", sweep.list_streams(), lambda: len(sweep.streams))
            except JetStreamError as error:
                sweep.add_fault(error, "list of streams")
                names = list(self._streams)
        if names:
            await sweep.timed("STREAM.INFO", for_each(names, READS_AT_ONCE, sweep.read_stream), lambda: len(names))

    async def _read_consumers(self, sweep: Sweep, stream: str) -> None:
        """List the consumers of one stream; read the known ones by name if the list fails."""
        if integer(sweep.streams[stream], "state", "consumer_count") == 0:
            return
        if not await sweep.list_consumers(stream):
            known = [name for name in self.consumers if name.startswith(f"{stream}/")]
            await for_each(known, READS_AT_ONCE, lambda name: sweep.read_consumer(*name.split("/", 1)))

    async def _confirm_gone(self, sweep: Sweep, included: list[str]) -> None:
        """Read each name that the lists no longer contain: a list without a name does not prove that it is gone."""
        faulty = {fault.destination for fault in sweep.faults} | {fault.group for fault in sweep.faults}
        streams = [n for n in self._streams if n not in sweep.streams and n not in faulty | sweep.gone_streams]
        groups = [n for n in self.consumers if n not in sweep.consumers and n not in faulty | sweep.gone_groups]
        await for_each(streams, READS_AT_ONCE, sweep.read_stream)
        pairs = [name.split("/", 1) for name in groups if name.split("/", 1)[0] in {*included, *streams}]
        await for_each(pairs, READS_AT_ONCE, lambda pair: sweep.read_consumer(*pair))

    def _read_clocks(self, sweep: Sweep) -> None:
        for name, (sent_at, answered_at) in sweep.asked.items():
            at = timestamp(sweep.streams[name], "ts")
            self._clocks.setdefault(name, ClockSkew()).add_time(at, sent_at, answered_at)

    def _forget(self, sweep: Sweep) -> None:
        """Drop deleted streams and consumers; a stream's consumers are deleted with it."""
        gone = sweep.gone_streams - sweep.streams.keys()
        sweep.gone_groups |= {name for name in self.consumers if name.split("/", 1)[0] in gone}
        sweep.consumers = {name: answer for name, answer in sweep.consumers.items() if name not in sweep.gone_groups}
        for name in sweep.gone_streams:
            self._streams.pop(name, None)
            self._clocks.pop(name, None)
            self._mirrors.pop(name, None)
        for name in sweep.gone_groups:
            self.consumers.pop(name, None)
            self._ledgers.pop(name, None)

    # From answers to the snapshot

    async def _snapshot(self, sweep: Sweep, scope: Scope, requested_at: float, cluster: Cluster | None) -> Snapshot:
        self._streams |= sweep.streams
        self.consumers |= sweep.consumers
        streams, consumers = list(sweep.streams.items()), list(sweep.consumers.items())
        destinations = {
            n: self._destination(n, a) async for n, a in in_slices(streams, SLICE_ROWS) if self._includes(n)
        }
        groups = {n: self._group(n, a) async for n, a in in_slices(consumers, SLICE_ROWS) if not self._excludes(n)}
        excluded = [answer for name, answer in streams if name not in destinations]
        excluded_consumers = sum(integer(answer, "state", "consumer_count") or 0 for answer in excluded)
        all_excluded = len(excluded) + excluded_consumers + len(consumers) - len(groups)
        return Snapshot(
            scope=scope,
            requested_at=requested_at,
            read_at=self._clock(),
            groups=groups,
            destinations=destinations,
            cluster=cluster,
            gone_groups=frozenset(sweep.gone_groups),
            gone_destinations=frozenset(sweep.gone_streams),
            faults=tuple(sweep.faults),
            calls=tuple(sweep.calls),
            excluded=all_excluded if scope is Scope.FULL else 0,
        )

    def _destination(self, name: str, answer: Answer) -> Destination:
        before = self._mirrors.get(name)
        mirror = mirror_arrivals(before, answer)
        if mirror is None:
            return to_destination(answer)
        self._mirrors[name] = mirror
        destination = to_destination(answer, arrived=mirror.arrived)
        origins = tuple(with_recreation(row, self._streams.get(row.name), before) for row in destination.origins)
        return replace(destination, origins=origins)

    def _group(self, name: str, answer: Answer) -> Group:
        stream = name.split("/", 1)[0]
        pending, in_flight = integer(answer, "num_pending"), integer(answer, "num_ack_pending")
        if has_leader(answer) and pending is not None and in_flight is not None:
            self._ledgers[name] = self._follow(name, answer, pending, in_flight)
        return to_group(answer, stream, self._ledgers.get(name))

    def _follow(self, name: str, answer: Answer, pending: int, in_flight: int) -> Ledger:
        before = self._ledgers.get(name)
        now = sequences(self._streams.get(name.split("/", 1)[0]), answer)
        progress = follow_progress(
            None if before is None else before.progress,
            filtered=bool(filter_subjects(answer)),
            created=text(answer, "created"),
            deliveries=integer(answer, "delivered", "consumer_seq") or 0,
            sequence=integer(answer, "delivered", "stream_seq") or 0,
            in_flight=in_flight,
            deleted_to=now.deleted_to,
        )
        return follow(before, progress, pending, now)

    def _includes(self, stream: str) -> bool:
        return self._settings.includes(stream) and (self._settings.show_internal or not is_internal(stream))

    def _excludes(self, name: str) -> bool:
        """A pattern may match the consumer's name alone or after its stream's name."""
        consumer = name.split("/", 1)[1]
        return any(fnmatchcase(name, p) or fnmatchcase(consumer, p) for p in self._settings.exclude)

    def _cluster(self, sweep: Sweep, info: Answer) -> Cluster:
        streams = sweep.streams.values()
        missing = [name for name in self._settings.streams if name in sweep.gone_streams]
        return Cluster(
            read_at=self._clock(),
            product="NATS",
            version=text(self._connection.info, "version") or None,
            nodes=account.nodes(self._connection.info, streams),
            under_replicated=sum(lacks_a_replica(answer) for answer in streams),
            offline=sum(not has_leader(answer) for answer in streams),
            limits=account.limits(info) if info else (),
            missing_permissions=tuple(dict.fromkeys(f.detail for f in sweep.faults if f.why is Why.NOT_PERMITTED)),
            notes=(
                *self._clock_notes(),
                *self._expiry_notes(),
                *(f"stream {name} is configured but does not exist" for name in missing),
            ),
        )

    def _clock_notes(self) -> tuple[str, ...]:
        """Tell the clock that differs most."""
        clocks = [clock for clock in self._clocks.values() if clock.seconds is not None]
        return max(clocks, key=lambda clock: abs(clock.seconds or 0.0)).notes() if clocks else ()

    def _expiry_notes(self) -> list[str]:
        expires_at = self._connection.login_expires_at
        if expires_at is None or expires_at - self._clock() > EXPIRY_WARNING_S:
            return []
        when = datetime.fromtimestamp(expires_at, UTC).isoformat(" ", "minutes")
        return [f"the credentials of this connection expire at {when}: put new ones into credentials_file first"]
