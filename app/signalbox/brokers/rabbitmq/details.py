"""The questions that tell the rest about queues: state, policy, counters, consumers, readers of streams."""

import asyncio
import time

import msgspec

from signalbox.brokers.errors import BrokerError, DestinationMissing
from signalbox.brokers.rabbitmq import rows
from signalbox.brokers.rabbitmq.asking import LISTING_S, Asker, unique
from signalbox.brokers.rabbitmq.cluster import Health
from signalbox.brokers.rabbitmq.management import path_part
from signalbox.brokers.rabbitmq.queues import Key, Queue, Queues
from signalbox.brokers.rabbitmq.view import NO_LEADER_STATES
from signalbox.kernel.clock import Clock

SMALL_S = 5.0  # limit of a small answer
WHOLE_S = 1.0  # a whole listing that takes longer is read in pages from then on
PAGE_ROWS = 500
PAGES_OVER_S = 30.0
STREAMS_MOST = 50  # whose stored offsets are read, each by a call
WATCHED_MOST = 50


class DetailQuestions:
    """Each method asks one thing and returns how many rows came."""

    def __init__(self, asker: Asker, queues: Queues, health: Health, clock: Clock) -> None:
        self._asker = asker
        self._queues = queues
        self._health = health
        self._clock = clock
        self._listing_s = 0.0
        self.watched: tuple[Key, ...] = ()
        self.gone: set[Key] = set()
        self.listed: dict[str, float] = {}  # virtual host -> when it was last listed
        self.streams_missing = False  # the plugin that tells about readers of streams is not there

    async def listing(self) -> int:
        """Every queue with its statistics: whole where that is quick, else in pages spread over the interval."""

        async def one(vhost: str) -> int:
            found = await (self._paged(vhost) if self._listing_s > WHOLE_S else self._whole(vhost))
            counts = self._health.counts_rates
            self.gone.update(await self._queues.take_listing(vhost, found, self._clock(), counts=counts))
            self.listed[vhost] = self._clock()
            return len(found)

        return sum(await self._asker.each_vhost("listing", one))

    async def consumers(self) -> int:
        if self._health.statistics_off:
            return 0

        async def one(vhost: str) -> int:
            at = self._clock()
            found = await self._asker.rows(f"/api/consumers/{path_part(vhost)}", limit_s=LISTING_S)
            self._queues.take_consumers(vhost, found, at)
            return len(found)

        return sum(await self._asker.each_vhost("consumers", one))

    async def streams(self) -> int:
        """Native readers of streams, and the offsets that readers stored under a name; of watched streams first."""
        streams = [queue for queue in self._queues if queue.is_stream]
        try:
            for vhost in sorted({queue.vhost for queue in streams}):
                found = await self._asker.rows(f"/api/stream/consumers/{path_part(vhost)}", limit_s=SMALL_S)
                self._queues.take_stream_readers(vhost, found)
        except DestinationMissing:
            self.streams_missing = True
            return 0
        self.streams_missing = False
        streams.sort(key=lambda queue: (queue.vhost, queue.name) not in self.watched)
        asked = unique("stored offsets of stream", streams[:STREAMS_MOST], lambda queue: queue.name)
        return sum(await self._asker.each("tracking", asked, self._stored_offsets))

    async def single(self) -> int:
        """The watched queues, each by a call of its own."""
        asked = unique("queue", self.watched[:WATCHED_MOST], lambda key: key[1])
        return sum(await self._asker.each("single", asked, self._one))

    async def kind(self, key: Key) -> str:
        """Return a queue's kind, "" where it is not told."""
        try:
            row = await self._row(key)
        except BrokerError:
            return ""
        return row.type if row else ""

    async def _one(self, key: Key) -> int:
        """Version 3.10 says of a queue whose node is down that it does not exist; the listing knows better."""
        at = self._clock()
        try:
            row = await self._row(key)
        except DestinationMissing:
            known = self._queues.get(key)
            if known is None or known.state not in NO_LEADER_STATES:
                raise
            return 0
        if row:
            self._queues.take_single(row, at, counts=self._health.counts_rates)
        return 1

    async def _row(self, key: Key) -> rows.QueueRow | None:
        body = await self._asker.api.get(f"/api/queues/{path_part(key[0])}/{path_part(key[1])}", limit_s=SMALL_S)
        try:
            row = rows.queue_row(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None  # "." and ".." are taken out of the path: another resource answered
        return row if (row.vhost, row.name) == key else None

    async def _stored_offsets(self, stream: Queue) -> int:
        """Version 3.10 answers 400 for a stream that was written by AMQP: the writers' ids are no text."""
        path = f"/api/stream/{path_part(stream.vhost)}/{path_part(stream.name)}/tracking?type=offset"
        status, body = await self._asker.api.ask(path, limit_s=SMALL_S)
        if status == 400:
            return self._queues.take_stored_offsets(stream, None)
        if status != 200:
            raise self._asker.api.refused(path, status, body)
        answer = rows.mapping(await self._asker.understood(path, rows.value(body)))
        return self._queues.take_stored_offsets(stream, rows.mapping(answer.get("offsets")))

    async def _whole(self, vhost: str) -> list[rows.QueueRow]:
        began = time.monotonic()
        found = await self._asker.queue_rows(vhost)
        self._listing_s = time.monotonic() - began
        return found

    async def _paged(self, vhost: str) -> list[rows.QueueRow]:
        """Never sorted: that makes each page as dear as the whole."""
        found: list[rows.QueueRow] = []
        page, pages, spent, broken = 1, 1, 0.0, 0
        while page <= pages:
            began = time.monotonic()
            path = f"/api/queues/{path_part(vhost)}?page={page}&page_size={PAGE_ROWS}"
            body = await self._asker.api.get(path, limit_s=LISTING_S)
            items, broken_here, pages = await self._asker.understood(path, rows.queue_page(body))
            found, broken, page = found + items, broken + broken_here, page + 1
            spent += time.monotonic() - began
            await asyncio.sleep(PAGES_OVER_S / pages if page <= pages else 0)
        self._asker.note_broken(f"rows about queues of virtual host {vhost}", broken)
        self._listing_s = spent
        return found
