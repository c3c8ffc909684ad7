"""The questions that tell how much is in each queue. The first of three sources that answers is enough."""

from signalbox.brokers.rabbitmq.amqp import AmqpConnections
from signalbox.brokers.rabbitmq.asking import Asker, unique
from signalbox.brokers.rabbitmq.management import WebApi
from signalbox.brokers.rabbitmq.names import QueueNames
from signalbox.brokers.rabbitmq.prometheus import COARSE, parse_coarse
from signalbox.brokers.rabbitmq.provision import passive_declare
from signalbox.brokers.rabbitmq.queues import Key, Queues
from signalbox.kernel.clock import Clock

NODE_S = 5.0  # limit of one node's prometheus plugin
TOTALS = "?disable_stats=true&enable_queue_totals=true"


class FigureQuestions:
    """Each method asks one source about every queue and returns how many it told of; BrokerError when it told nothing."""

    def __init__(self, asker: Asker, amqp: AmqpConnections, names: QueueNames, queues: Queues, clock: Clock) -> None:
        self._asker = asker
        self._amqp = amqp
        self._names = names
        self._queues = queues
        self._clock = clock
        settings = asker.settings
        self._nodes = {url: WebApi(settings, url, login=False) for url in settings.prometheus_urls}
        self.answered: dict[str, float] = {}  # virtual host -> when its queues were last told
        self.missing = False  # a known queue was left out: ask at once who is there, before it is believed

    async def totals(self) -> int:
        """The management API's only live figures. Leaves out queues without a leader, and has none for streams."""

        async def one(vhost: str) -> int:
            at = self._clock()
            found = await self._asker.queue_rows(vhost, TOTALS)
            self.missing |= await self._queues.take_totals(vhost, found, at)
            self.answered[vhost] = self._clock()
            return len(found)

        return sum(await self._asker.each_vhost("totals", one))

    async def coarse(self) -> int:
        """Every node's prometheus plugin. What no answering node leads is not known."""
        at = self._clock()
        found: dict[Key, tuple[tuple[int, int], str]] = {}

        async def one(url: str) -> int:
            body = await self._nodes[url].get(COARSE, limit_s=NODE_S)
            parsed, broken = await parse_coarse(body.decode(errors="replace"))
            self._asker.note_broken(f"lines of {url}", broken)
            found.update((key, (said, url)) for key, said in parsed.items())
            return len(parsed)

        asked = sum(await self._asker.each("coarse", unique("node", self._nodes, str), one))
        self.missing |= await self._queues.take_coarse(found, self._asker.settings.vhosts, at)
        self.answered |= dict.fromkeys(self._asker.settings.vhosts, self._clock())
        return asked

    async def passive(self) -> int:
        """Ask for the configured queues by name, without any plugin. What is not acknowledged stays unknown."""

        async def one(name: str) -> int:
            vhost, queue = self._names.parse(name)
            at = self._clock()
            ready, consumers = await passive_declare(self._amqp, vhost, queue)
            self._queues.take_passive(vhost, queue, ready, consumers, at)
            self.answered[vhost] = self._clock()
            return 1

        return sum(await self._asker.each("passive", unique("queue", self._asker.settings.queues, str), one))

    async def close(self) -> None:
        for api in self._nodes.values():
            await api.close()
