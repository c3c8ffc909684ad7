"""Requests for the depth of each queue. The first of three sources that answers is enough."""

from signalbox.brokers.errors import DestinationMissing
from signalbox.brokers.rabbitmq.amqp import AmqpConnections
from signalbox.brokers.rabbitmq.client import ManagementClient, by_resource
from signalbox.brokers.rabbitmq.http import HttpApi
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.prometheus import COARSE, parse_coarse
from signalbox.brokers.rabbitmq.provision import queue_counts
from signalbox.brokers.rabbitmq.queues import Key, QueueRegistry
from signalbox.kernel.clock import Clock

NODE_S = 5.0  # time limit of one node's prometheus plugin
TOTALS = "?disable_stats=true&enable_queue_totals=true"


class DepthQueries:
    """Each method requests all queues from one source and returns how many it reported. Raises BrokerError when none."""

    def __init__(
        self, client: ManagementClient, amqp: AmqpConnections, names: QueueNames, queues: QueueRegistry, clock: Clock
    ) -> None:
        self._client = client
        self._amqp = amqp
        self._names = names
        self._queues = queues
        self._clock = clock
        self._settings = client.settings
        self._nodes = {
            url: HttpApi(client.settings, url, clock, login=False) for url in client.settings.prometheus_urls
        }
        self.queue_absent = False  # a known queue was left out: list all before its absence is believed

    async def totals(self) -> int:
        """Request totals, the only live figures of the management API. They lack queues without a leader, and streams."""

        async def request(vhost: str) -> int:
            at = self._clock()
            try:
                listed = await self._client.queue_rows(vhost, TOTALS)
            except DestinationMissing:
                self._queues.note_missing_vhost(vhost, at)
                raise
            self.queue_absent |= await self._queues.apply_totals(vhost, listed, at)
            self._queues.note_reported(vhost, self._clock())
            return len(listed)

        return sum(await self._client.gather_vhosts("totals", request))

    async def prometheus(self) -> int:
        """Request the prometheus plugin of every node. Queues whose leader does not answer stay unknown."""
        at = self._clock()
        depths: dict[Key, tuple[tuple[int, int, int], str]] = {}

        async def request(url: str) -> int:
            body = await self._nodes[url].get(COARSE, limit_s=NODE_S)
            parsed, invalid = await parse_coarse(body.decode(errors="replace"))
            self._client.note_invalid(f"lines of {url}", invalid)
            depths.update((key, (depth, url)) for key, depth in parsed.items())
            return len(parsed)

        reported = sum(await self._client.gather("prometheus", by_resource("node", self._nodes, str), request))
        self.queue_absent |= await self._queues.apply_coarse(depths, self._settings.vhosts, at)
        self._queues.reported_at |= dict.fromkeys(self._settings.vhosts, self._clock())
        return reported

    async def passive_declares(self) -> int:
        """Look up the configured queues by AMQP, without any plugin. Unacknowledged messages stay unknown."""

        async def request(name: str) -> int:
            vhost, queue = self._names.parse(name)
            at = self._clock()
            try:
                ready, consumers = await queue_counts(self._amqp, vhost, queue)
            except DestinationMissing:
                self._queues.note_missing_queue((vhost, queue))
                raise
            self._queues.apply_passive(vhost, queue, ready, consumers, at)
            self._queues.note_reported(vhost, self._clock())
            return 1

        return sum(await self._client.gather("passive", by_resource("queue", self._settings.queues, str), request))

    async def close(self) -> None:
        for api in self._nodes.values():
            await api.close()
