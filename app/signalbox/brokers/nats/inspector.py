"""Reads streams and consumers: all of them in a sweep, some each second.

The lists stop at 256 rows: every page is read. Streams are read before consumers, so that a consumer that keeps up is never seen
below its stream's start. What was read by name because a list did not answer is as good as listed.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from signalbox.brokers.model import Cluster, Group, Scope, Snapshot, Why
from signalbox.brokers.nats import account
from signalbox.brokers.nats.answers import Answer, filters, lacks_a_copy, led, number, text
from signalbox.brokers.nats.connection import Connection
from signalbox.brokers.nats.consumers import group
from signalbox.brokers.nats.progress import Progress, filtered, unfiltered
from signalbox.brokers.nats.reading import Reading, each, sliced
from signalbox.brokers.nats.streams import destination, internal
from signalbox.brokers.nats.wire import Refusal
from signalbox.kernel.clock import Clock

SWEEP_EVERY_S = 5.0
WATCH_EVERY_S = 1.0
WATCH_ANSWER_S = 2.0
LISTS_AT_ONCE = 8
NAMED_AT_ONCE = 20
EXPIRY_TOLD_S = 7 * 24 * 3600.0  # from then on a page says that the credentials end


class JetStreamInspector:
    """Remembers which names the last readings saw, and how far each consumer had come."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._settings = connection.settings
        self._clock = clock
        self._streams: dict[str, Answer] = {}
        self._progress: dict[str, Progress] = {}
        self.consumers: dict[str, Answer] = {}  # by group name, as last read

    async def sweep(self) -> Snapshot:
        """Read everything, within three times the connection's timeout.

        Raises:
            BrokerError: nothing at all could be read.
        """
        await self._connection.live()
        timeout_s = self._settings.timeout_s
        reading = Reading(self._connection, self._clock, SWEEP_EVERY_S, timeout_s, 3 * timeout_s)
        cluster_info = await self._account(reading)
        await self._read_streams(reading)
        requested_at = self._clock()
        shown = [name for name in reading.streams if self._shows(name)]
        await reading.timed(
            "CONSUMER.LIST",
            each(shown, LISTS_AT_ONCE, lambda s: self._list(reading, s)),
            lambda: len(reading.consumers),
        )
        await self._confirm_gone(reading, shown)
        if not reading.answers and reading.refusals:
            raise self._connection.error(reading.refusals[0])
        cluster = self._cluster(reading, cluster_info)
        self._forget(reading)
        return await self._snapshot(reading, Scope.FULL, requested_at, cluster)

    async def watch(self, groups: Collection[str]) -> Snapshot:
        """Read these consumers and their streams by name, each within 2 s.

        Raises:
            BrokerError: nothing at all could be read.
        """
        await self._connection.live()
        reading = Reading(self._connection, self._clock, WATCH_EVERY_S, WATCH_ANSWER_S, 2 * WATCH_ANSWER_S)
        named = [name.split("/", 1) for name in dict.fromkeys(groups) if name in self.consumers]
        streams = dict.fromkeys(stream for stream, _ in named)
        await reading.timed("STREAM.INFO", each(streams, NAMED_AT_ONCE, reading.read_stream), lambda: len(streams))
        requested_at = self._clock()
        await reading.timed(
            "CONSUMER.INFO", each(named, NAMED_AT_ONCE, lambda pair: reading.read_consumer(*pair)), lambda: len(named)
        )
        if named and not reading.answers and not (reading.gone_groups or reading.gone_streams):
            raise self._connection.error(reading.refusals[0])
        self._forget(reading)
        return await self._snapshot(reading, Scope.WATCHED, requested_at, None)

    def stream(self, name: str) -> Answer | None:
        """Return a stream as last read."""
        return self._streams.get(name)

    # Steps of a sweep

    async def _account(self, reading: Reading) -> Answer:
        try:
            return await reading.timed("INFO", reading.ask("INFO"))
        except Refusal as refusal:
            reading.refused(refusal, "account")
            return {}

    async def _read_streams(self, reading: Reading) -> None:
        """By list; where that is refused, or names are configured, each by its name."""
        names = list(self._settings.streams)
        if not names:
            try:
                found = await reading.timed(
                    "STREAM.LIST", reading.listed("STREAM.LIST", "streams"), lambda: len(reading.streams)
                )
                reading.streams |= {text(row, "config", "name"): row for row in found}
            except Refusal as refusal:
                reading.refused(refusal, "list of streams")
                names = list(self._streams)
        if names:
            await reading.timed("STREAM.INFO", each(names, NAMED_AT_ONCE, reading.read_stream), lambda: len(names))

    async def _list(self, reading: Reading, stream: str) -> None:
        """The consumers of one stream; where the list is refused, those that are known by name."""
        if number(reading.streams[stream], "state", "consumer_count") == 0:
            return
        if not await reading.list_consumers(stream):
            known = [name for name in self.consumers if name.startswith(f"{stream}/")]
            await each(known, NAMED_AT_ONCE, lambda name: reading.read_consumer(*name.split("/", 1)))

    async def _confirm_gone(self, reading: Reading, shown: list[str]) -> None:
        """What was there and is in no list now is asked by name: an answer without it proves nothing."""
        doubtful = {fault.destination for fault in reading.faults} | {fault.group for fault in reading.faults}
        streams = [n for n in self._streams if n not in reading.streams and n not in doubtful | reading.gone_streams]
        groups = [n for n in self.consumers if n not in reading.consumers and n not in doubtful | reading.gone_groups]
        await each(streams, NAMED_AT_ONCE, reading.read_stream)
        asked = [name.split("/", 1) for name in groups if name.split("/", 1)[0] in {*shown, *streams}]
        await each(asked, NAMED_AT_ONCE, lambda pair: reading.read_consumer(*pair))

    def _forget(self, reading: Reading) -> None:
        for name in reading.gone_streams:
            self._streams.pop(name, None)
        for name in reading.gone_groups:
            self.consumers.pop(name, None)
            self._progress.pop(name, None)

    # From answers to facts

    async def _snapshot(self, reading: Reading, scope: Scope, requested_at: float, cluster: Cluster | None) -> Snapshot:
        self._streams |= reading.streams
        self.consumers |= reading.consumers
        destinations, groups = {}, {}
        async for name, answer in sliced(reading.streams):
            if self._shows(name):
                destinations[name] = destination(answer)
        async for name, answer in sliced(reading.consumers):
            if not self._excludes(name):
                groups[name] = self._group(name, answer)
        unseen = [answer for name, answer in reading.streams.items() if name not in destinations]
        unread = sum(number(answer, "state", "consumer_count") or 0 for answer in unseen)
        return Snapshot(
            scope=scope,
            requested_at=requested_at,
            read_at=self._clock(),
            groups=groups,
            destinations=destinations,
            cluster=cluster,
            gone_groups=frozenset(reading.gone_groups),
            gone_destinations=frozenset(reading.gone_streams),
            faults=tuple(reading.faults),
            calls=tuple(reading.calls),
            excluded=len(unseen) + unread + len(reading.consumers) - len(groups) if scope is Scope.FULL else 0,
        )

    def _group(self, name: str, answer: Answer) -> Group:
        stream = name.split("/", 1)[0]
        created, before = text(answer, "created"), self._progress.get(name)
        deliveries = number(answer, "delivered", "consumer_seq") or 0
        sequence = number(answer, "delivered", "stream_seq") or 0
        in_flight = number(answer, "num_ack_pending") or 0
        if filters(answer):
            now = filtered(before, created=created, deliveries=deliveries, sequence=sequence, in_flight=in_flight)
        else:
            now = unfiltered(created=created, deliveries=deliveries, sequence=sequence, in_flight=in_flight)
        self._progress[name] = now
        return group(answer, stream, now, first=number(self._streams.get(stream), "state", "first_seq"))

    def _shows(self, stream: str) -> bool:
        return self._settings.includes(stream) and (self._settings.show_internal or not internal(stream))

    def _excludes(self, name: str) -> bool:
        """A consumer is excluded by its own name or with its stream's before it; it is included with its stream."""
        consumer = name.split("/", 1)[1]
        return any(fnmatchcase(name, p) or fnmatchcase(consumer, p) for p in self._settings.exclude)

    def _cluster(self, reading: Reading, info: Answer) -> Cluster:
        streams = reading.streams.values()
        return Cluster(
            read_at=self._clock(),
            product="NATS",
            version=text(self._connection.info, "version") or None,
            nodes=account.nodes(self._connection.info, streams),
            under_replicated=sum(lacks_a_copy(answer) for answer in streams),
            offline=sum(not led(answer) for answer in streams),
            limits=account.limits(info) if info else (),
            missing_permissions=tuple(dict.fromkeys(f.detail for f in reading.faults if f.why is Why.NOT_PERMITTED)),
            notes=(*self._expiry(), *(f"stream {n} is configured and does not exist" for n in self._missing(reading))),
        )

    def _missing(self, reading: Reading) -> list[str]:
        return [name for name in self._settings.streams if name in reading.gone_streams]

    def _expiry(self) -> list[str]:
        ends = self._connection.login_expires_at
        if ends is None or ends - self._clock() > EXPIRY_TOLD_S:
            return []
        when = datetime.fromtimestamp(ends, UTC).isoformat(" ", "minutes")
        return [f"the credentials of this connection expire at {when}: put new ones into credentials_file before"]
