"""Which requests the broker gets, and how often.

Only requests that stay cheap with 10,000 queues: no sorted listing, no paged one with totals, no aliveness test (it declares and
publishes). None is repeated before 10 times its own duration has passed, an expensive one 100 times.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from signalbox.brokers.rabbitmq.amqp import AmqpConnections
from signalbox.brokers.rabbitmq.client import ManagementClient
from signalbox.brokers.rabbitmq.cluster import ClusterHealth
from signalbox.brokers.rabbitmq.depth_queries import DepthQueries
from signalbox.brokers.rabbitmq.detail_queries import DetailQueries
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.polling import PolledRequest
from signalbox.brokers.rabbitmq.queues import Key, QueueRegistry
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.kernel.clock import Clock

HEALTH_INTERVAL_S = 10.0
LISTING_INTERVAL_MAX_S = 30.0
CONSUMERS_INTERVAL_MAX_S = 300.0
FIRST_WAIT_S = 5.0  # for the first answers of the detail requests
LATER_WAIT_S = 1.0  # for later ones: the next sweep shows late answers


class Sampler:
    """The requests of one connection. Their answers go to `queues` and `health`."""

    def __init__(
        self, settings: RabbitSettings, amqp: AmqpConnections, names: QueueNames, queues: QueueRegistry, clock: Clock
    ) -> None:
        self._queues = queues
        self._clock = clock
        self.unlisted_queues = 0  # the broker counts them, but does not list them for this user
        self.client = ManagementClient(settings, clock)
        self.health = ClusterHealth(self.client.api, queues, clock)
        self.depths = DepthQueries(self.client, amqp, names, queues, clock)
        self.details = DetailQueries(self.client, queues, self.health, clock)
        polled = partial(PolledRequest, clock)
        self.prometheus = polled("GET /metrics/detailed?family=queue_coarse_metrics", self.depths.prometheus, _cheap)
        self.totals = polled("GET /api/queues, totals only", self.depths.totals, _cheap)
        self.passive_declares = polled("queue.declare, passive", self.depths.passive_declares, _cheap)
        self.listing = polled("GET /api/queues", self.details.listing, _expensive(LISTING_INTERVAL_MAX_S))
        self.consumers = polled("GET /api/consumers", self.details.consumers, _expensive(CONSUMERS_INTERVAL_MAX_S))
        self.streams = polled("GET /api/stream/...", self.details.streams, _expensive(LISTING_INTERVAL_MAX_S))
        self.watched_queues = polled("GET /api/queues/{vhost}/{queue}", self.details.watched_queues, _cheap)
        self.overview = polled("GET /api/overview", self.health.read_overview, lambda _: HEALTH_INTERVAL_S)
        self.nodes = polled("GET /api/nodes", self.health.read_nodes, lambda _: HEALTH_INTERVAL_S)
        self.alarms = polled("GET /api/health/checks/alarms", self.health.read_alarms, lambda _: HEALTH_INTERVAL_S)
        self.background = (self.listing, self.consumers, self.streams, self.overview, self.nodes, self.alarms)
        self.all = (self.prometheus, self.totals, self.passive_declares, *self.background, self.watched_queues)
        self.depth_sources = [self.prometheus] * bool(settings.prometheus_urls) + [self.totals]
        self.depth_sources += [self.passive_declares] * bool(settings.queues)

    async def sample(self) -> PolledRequest:
        """Run the requests that are due. Returns the one that answered with the queue depths.

        Raises:
            BrokerError: no source of depths answered; the error of the first.
        """
        began = self._clock()
        for request in self.background:
            await request.start_if_due()
        source = await self._first_depth_source()
        await self._wait_for_background()
        if self.depths.queue_absent:
            self.depths.queue_absent = False
            self.listing.make_due()
            self.nodes.make_due()
        if self.overview.answered_at >= began:
            self.unlisted_queues = self.health.unlisted_queues(len(self._queues))
        return source

    async def watch(self, keys: tuple[Key, ...]) -> None:
        """Request these queues one by one.

        Raises:
            BrokerError: no request succeeded.
        """
        self.details.watched = keys
        if not self.totals.has_answered or self.health.statistics_off:
            return  # without statistics, single requests give nothing newer than the sweep
        await self.watched_queues.run_now()
        await self.streams.start_if_due()
        await self.streams.wait(LATER_WAIT_S)
        if self.watched_queues.error is not None:
            raise self.watched_queues.error

    async def is_stream(self, key: Key) -> bool:
        """Return whether the management API reports this queue as a stream."""
        queue = self._queues.get(key)
        kind = queue.kind if queue else ""
        return (kind or await self.details.queue_type(key)) == "stream"

    async def close(self) -> None:
        for request in self.all:
            await request.stop()
        await self.depths.close()
        await self.client.api.close()

    async def _first_depth_source(self) -> PolledRequest:
        for source in self.depth_sources:
            await source.run_now()
            if source.error is None:
                return source
        raise next(source.error for source in self.depth_sources if source.error is not None)

    async def _wait_for_background(self) -> None:
        """Wait in the first sweep, so that it is complete; later ones wait neither for listings nor for a hanging request."""
        is_first = any(not request.has_run for request in self.background)
        limit_s = FIRST_WAIT_S if is_first else LATER_WAIT_S
        requests = self.background if is_first else (self.overview, self.nodes, self.alarms)
        await asyncio.gather(*(request.wait(limit_s) for request in requests))


def _cheap(duration_s: float) -> float:
    return 10 * duration_s


def _expensive(interval_max_s: float) -> Callable[[float], float]:
    return lambda duration_s: min(100 * duration_s, interval_max_s)
