"""The questions about the cluster itself, each a task of its own: with a node frozen they hang while single calls answer."""

import msgspec

from signalbox.brokers.rabbitmq import rows
from signalbox.brokers.rabbitmq.asking import Asker
from signalbox.brokers.rabbitmq.cluster import Health, alarm_sentences
from signalbox.brokers.rabbitmq.management import json_of
from signalbox.brokers.rabbitmq.queues import Queues
from signalbox.kernel.clock import Clock

ANSWER_S = 5.0
ALARMS = "/api/health/checks/alarms"
NODES = "/api/nodes?columns=name,running,mem_alarm,disk_free_alarm,mem_used,mem_limit,partitions,being_drained"


class HealthQuestions:
    """Each method asks one thing, keeps the answer in `health`, and returns how many rows came."""

    def __init__(self, asker: Asker, queues: Queues, health: Health, clock: Clock) -> None:
        self._asker = asker
        self._queues = queues
        self._health = health
        self._clock = clock

    async def overview(self) -> int:
        self._health.overview = rows.mapping(await json_of(self._asker.api, "/api/overview", limit_s=ANSWER_S))
        return 1

    async def nodes(self) -> int:
        before = self._health.running()
        answer = await json_of(self._asker.api, NODES, limit_s=ANSWER_S)
        self._health.nodes = [row for row in rows.sequence(answer) if isinstance(row, dict)]
        if before and self._health.running() != before:
            self._queues.moved(self._clock())
        return len(self._health.nodes)

    async def alarms(self) -> int:
        status, body = await self._asker.api.ask(ALARMS, limit_s=ANSWER_S)
        if status == 503:
            self._health.alarms = alarm_sentences(_object(body))
        if not self._health.alarms and status != 200:
            raise self._asker.api.refused(ALARMS, status, body)
        if status == 200:
            self._health.alarms = ()
        return len(self._health.alarms)


def _object(body: bytes) -> rows.Object:
    try:
        return rows.mapping(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
