"""Requests for the details of queues: state, policy, counters, consumers, stream readers."""

import asyncio
import time

import msgspec

from signalbox.brokers.errors import BrokerError, DestinationMissing
from signalbox.brokers.rabbitmq import rows
from signalbox.brokers.rabbitmq.client import LISTING_S, ManagementClient, by_resource
from signalbox.brokers.rabbitmq.cluster import ClusterHealth
from signalbox.brokers.rabbitmq.facts import NO_LEADER_STATES
from signalbox.brokers.rabbitmq.http import quote_segment
from signalbox.brokers.rabbitmq.queues import Key, Queue, QueueRegistry
from signalbox.kernel.clock import Clock

SMALL_S = 5.0  # time limit of a small answer
WHOLE_S = 1.0  # a complete listing that takes longer is requested in pages from then on
PAGE_ROWS = 500
PAGES_OVER_S = 30.0
STREAMS_MAX = 50  # streams whose stored offsets are requested, one call each
WATCHED_MAX = 50


class DetailQueries:
    """Each method sends one kind of request and returns the number of rows."""

    def __init__(self, client: ManagementClient, queues: QueueRegistry, health: ClusterHealth, clock: Clock) -> None:
        self._client = client
        self._queues = queues
        self._health = health
        self._clock = clock
        self._listing_duration_s = 0.0
        self.watched: tuple[Key, ...] = ()
        self.stream_plugin_missing = False

    async def listing(self) -> int:
        """List every queue with its statistics: at once where that is fast, else in pages spread over the interval."""

        async def request(vhost: str) -> int:
            is_slow = self._listing_duration_s > WHOLE_S
            at = self._clock()
            try:
                listed = await (self._list_in_pages(vhost) if is_slow else self._list_at_once(vhost))
            except DestinationMissing:
                self._queues.note_missing_vhost(vhost, at)
                raise
            self._queues.note_unlisted(vhost, listed)
            self._queues.note_reported(vhost, self._clock())
            return len(listed)

        return sum(await self._client.gather_vhosts("listing", request))

    async def consumers(self) -> int:
        if self._health.statistics_off:
            return 0

        async def request(vhost: str) -> int:
            at = self._clock()
            consumers = await self._client.rows(f"/api/consumers/{quote_segment(vhost)}", limit_s=LISTING_S)
            self._queues.apply_consumers(vhost, consumers, at)
            return len(consumers)

        return sum(await self._client.gather_vhosts("consumers", request))

    async def streams(self) -> int:
        """Request native stream consumers and the offsets that readers stored by name; watched streams first."""
        streams = [queue for queue in self._queues if queue.is_stream]
        try:
            for vhost in sorted({queue.vhost for queue in streams}):
                path = f"/api/stream/consumers/{quote_segment(vhost)}"
                self._queues.apply_stream_consumers(vhost, await self._client.rows(path, limit_s=SMALL_S))
        except DestinationMissing:
            self.stream_plugin_missing = True
            return 0
        self.stream_plugin_missing = False
        streams.sort(key=lambda queue: (queue.vhost, queue.name) not in self.watched)
        resources = by_resource("stored offsets of stream", streams[:STREAMS_MAX], lambda queue: queue.name)
        return sum(await self._client.gather("tracking", resources, self._stored_offsets))

    async def watched_queues(self) -> int:
        """Request each watched queue by its own call."""
        resources = by_resource("queue", self.watched[:WATCHED_MAX], lambda key: key[1])
        return sum(await self._client.gather("watched", resources, self._watched_queue))

    async def queue_type(self, key: Key) -> str:
        """Return the type of a queue; "" = unknown."""
        try:
            row = await self._row(key)
        except BrokerError:
            return ""
        return row.type if row else ""

    async def _watched_queue(self, key: Key) -> int:
        """Version 3.10 answers "not found" for a queue whose node is down; the listing reports it correctly."""
        at = self._clock()
        try:
            row = await self._row(key)
        except DestinationMissing:
            queue = self._queues.get(key)
            if queue is None or queue.state not in NO_LEADER_STATES:
                raise
            return 0
        if row:
            self._queues.apply_single(row, at, has_counters=self._health.has_counters)
        return 1

    async def _row(self, key: Key) -> rows.QueueRow | None:
        path = f"/api/queues/{quote_segment(key[0])}/{quote_segment(key[1])}"
        body = await self._client.api.get(path, limit_s=SMALL_S)
        try:
            row = msgspec.json.decode(body, type=rows.QueueRow)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None  # "." and ".." are removed from the path: another resource answered
        return row if (row.vhost, row.name) == key else None

    async def _stored_offsets(self, stream: Queue) -> int:
        """Version 3.10 answers 400 for a stream that AMQP clients published to: the ids of its writers are no text."""
        path = f"/api/stream/{quote_segment(stream.vhost)}/{quote_segment(stream.name)}/tracking?type=offset"
        status, body = await self._client.api.request(path, limit_s=SMALL_S)
        if status == 400:
            return self._queues.apply_stored_offsets(stream, None)
        if status != 200:
            raise self._client.api.status_error(path, status, body)
        with self._client.api.decoding(path):
            answer = rows.mapping(msgspec.json.decode(body))
        return self._queues.apply_stored_offsets(stream, rows.mapping(answer.get("offsets")))

    async def _list_at_once(self, vhost: str) -> set[str]:
        began, at = time.monotonic(), self._clock()
        listed = await self._client.queue_rows(vhost)
        self._listing_duration_s = time.monotonic() - began
        await self._queues.apply_page(vhost, listed, at, has_counters=self._health.has_counters)
        return {row.name for row in listed}

    async def _list_in_pages(self, vhost: str) -> set[str]:
        """Request unsorted pages: a sorted page costs as much as the complete listing. Each has a time of its own."""
        names: set[str] = set()
        page, pages, spent_s, invalid = 1, 1, 0.0, 0
        while page <= pages:
            began, at = time.monotonic(), self._clock()
            path = f"/api/queues/{quote_segment(vhost)}?page={page}&page_size={PAGE_ROWS}"
            body = await self._client.api.get(path, limit_s=LISTING_S)
            with self._client.api.decoding(path):
                items, invalid_items, pages = await rows.queue_page(body)
            await self._queues.apply_page(vhost, items, at, has_counters=self._health.has_counters)
            names.update(row.name for row in items)
            invalid, page = invalid + invalid_items, page + 1
            spent_s += time.monotonic() - began
            await asyncio.sleep(PAGES_OVER_S / pages if page <= pages else 0)
        self._client.note_invalid(f"queue rows of virtual host {vhost}", invalid)
        self._listing_duration_s = spent_s
        return names
