"""What is asked of the broker and how often: the plan, as tiers.

Only calls that stay cheap with ten thousand queues: never a sorted listing, never a paged one with totals, never the aliveness
test (it declares and publishes). No call is repeated before ten times its own duration has passed, a dear one a hundred times.
"""

import asyncio
from collections.abc import Awaitable, Callable

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.rabbitmq.amqp import AmqpConnections
from signalbox.brokers.rabbitmq.asking import Asker
from signalbox.brokers.rabbitmq.cluster import Health
from signalbox.brokers.rabbitmq.details import DetailQuestions
from signalbox.brokers.rabbitmq.figures import FigureQuestions
from signalbox.brokers.rabbitmq.health import HealthQuestions
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.queues import Key, Queues
from signalbox.brokers.rabbitmq.settings import RabbitSettings
from signalbox.brokers.rabbitmq.tiers import Tier
from signalbox.kernel.clock import Clock

HEALTH_EVERY_S = 10.0
LISTING_EVERY_MOST_S = 30.0
CONSUMERS_EVERY_MOST_S = 300.0
FIRST_WAIT_S = 5.0  # for the first answer of what tells the rest
LATER_WAIT_S = 1.0  # for a later one: what is late is shown by the next sweep


class Sampler:
    """The questions of one connection. Their answers are in `queues` and `health`."""

    def __init__(
        self, settings: RabbitSettings, amqp: AmqpConnections, names: QueueNames, queues: Queues, clock: Clock
    ) -> None:
        self._queues = queues
        self._clock = clock
        self.beyond = 0  # queues that the broker counts beyond those that it lists for us
        self.health = Health()
        self.asker = Asker(settings)
        self.figures = FigureQuestions(self.asker, amqp, names, queues, clock)
        self.details = DetailQuestions(self.asker, queues, self.health, clock)
        health = HealthQuestions(self.asker, queues, self.health, clock)

        def tier(what: str, ask: Callable[[], Awaitable[int]], spacing_s: Callable[[float], float]) -> Tier:
            return Tier(what, ask, spacing_s=spacing_s, clock=clock)

        def cheap(took_s: float) -> float:
            return 10 * took_s

        self.coarse = tier("GET /metrics/detailed?family=queue_coarse_metrics", self.figures.coarse, cheap)
        self.totals = tier("GET /api/queues, totals only", self.figures.totals, cheap)
        self.passive = tier("queue.declare, passive", self.figures.passive, cheap)
        self.listing = tier("GET /api/queues", self.details.listing, _dear(LISTING_EVERY_MOST_S))
        self.consumers = tier("GET /api/consumers", self.details.consumers, _dear(CONSUMERS_EVERY_MOST_S))
        self.streams = tier("GET /api/stream/...", self.details.streams, _dear(LISTING_EVERY_MOST_S))
        self.single = tier("GET /api/queues/{vhost}/{queue}", self.details.single, cheap)
        self.overview = tier("GET /api/overview", health.overview, lambda _: HEALTH_EVERY_S)
        self.nodes = tier("GET /api/nodes", health.nodes, lambda _: HEALTH_EVERY_S)
        self.alarms = tier("GET /api/health/checks/alarms", health.alarms, lambda _: HEALTH_EVERY_S)
        self.about = (self.listing, self.consumers, self.streams, self.overview, self.nodes, self.alarms)
        self.all = (self.coarse, self.totals, self.passive, *self.about, self.single)
        self.sources: tuple[Tier, ...] = (
            *((self.coarse,) if settings.prometheus_urls else ()),
            self.totals,
            *((self.passive,) if settings.queues else ()),
        )

    async def round(self) -> Tier:
        """Ask what is due. Returns the source that told the figures.

        Raises:
            BrokerError: no source did; the first one's error.
        """
        began = self._clock()
        for tier in self.about:
            await tier.begin()
        source = await self._first_that_answers()
        await self._wait_for_the_rest()
        if self.figures.missing:
            self.figures.missing = False
            self.listing.hurry()
            self.nodes.hurry()
        if self.overview.answered_at >= began:
            self.beyond = self.health.hidden_queues(len(self._queues))
        return source

    async def watch(self, keys: tuple[Key, ...]) -> None:
        """Ask for these queues one by one.

        Raises:
            BrokerError: none of them was told.
        """
        self.details.watched = keys
        if not self.totals.answered or self.health.statistics_off:
            return  # without the plugin's statistics there is nothing that the sweep has not told
        await self.single.ask_now()
        await self.streams.begin()
        await self.streams.wait(LATER_WAIT_S)
        if self.single.error is not None:
            raise self.single.error

    async def is_stream(self, key: Key) -> bool:
        """Say whether this is a stream, as far as the management API tells."""
        known = self._queues.get(key)
        if known is None or not known.kind:
            return await self.details.kind(key) == "stream"
        return known.is_stream

    def told(self) -> dict[str, float]:
        """Return when each virtual host's queues were last told by any source."""
        told = dict(self.figures.answered)
        for vhost, at in self.details.listed.items():
            told[vhost] = max(at, told.get(vhost, 0.0))
        return told

    async def close(self) -> None:
        for tier in self.all:
            await tier.stop()
        await self.figures.close()
        await self.asker.api.close()

    async def _first_that_answers(self) -> Tier:
        for source in self.sources:
            await source.ask_now()
            if source.error is None:
                return source
        raise self._error()

    def _error(self) -> BrokerError:
        return next(source.error for source in self.sources if source.error is not None)

    async def _wait_for_the_rest(self) -> None:
        """The first sweep waits, so that it is whole; a later one does not let a hanging question delay it."""
        first = any(not tier.tried for tier in self.about)
        limit = FIRST_WAIT_S if first else LATER_WAIT_S
        await asyncio.gather(*(tier.wait(limit) for tier in self.about))


def _dear(most_s: float) -> Callable[[float], float]:
    return lambda took_s: min(100 * took_s, most_s)
