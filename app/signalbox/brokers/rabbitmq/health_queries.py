"""Requests about the cluster, each in its own task: while a node is frozen they hang, but single calls answer."""

import msgspec

from signalbox.brokers.rabbitmq import rows
from signalbox.brokers.rabbitmq.client import ManagementClient
from signalbox.brokers.rabbitmq.cluster import ClusterHealth, alarm_sentences
from signalbox.brokers.rabbitmq.http import get_json
from signalbox.brokers.rabbitmq.queues import QueueRegistry
from signalbox.kernel.clock import Clock

ANSWER_S = 5.0
ALARMS = "/api/health/checks/alarms"
NODES = "/api/nodes?columns=name,running,mem_alarm,disk_free_alarm,mem_used,mem_limit,partitions,being_drained"


class HealthQueries:
    """Each method sends one request, stores the answer in `health`, and returns the number of rows."""

    def __init__(self, client: ManagementClient, queues: QueueRegistry, health: ClusterHealth, clock: Clock) -> None:
        self._client = client
        self._queues = queues
        self._health = health
        self._clock = clock

    async def overview(self) -> int:
        self._health.overview = rows.mapping(await get_json(self._client.api, "/api/overview", limit_s=ANSWER_S))
        return 1

    async def nodes(self) -> int:
        before = self._health.running_nodes()
        answer = await get_json(self._client.api, NODES, limit_s=ANSWER_S)
        self._health.nodes = [row for row in rows.sequence(answer) if isinstance(row, dict)]
        if before and self._health.running_nodes() != before:
            self._queues.note_failover(self._clock())
        return len(self._health.nodes)

    async def alarms(self) -> int:
        status, body = await self._client.api.request(ALARMS, limit_s=ANSWER_S)
        if status == 503:
            self._health.alarms = alarm_sentences(_json_object(body))
        if not self._health.alarms and status != 200:
            raise self._client.api.status_error(ALARMS, status, body)
        if status == 200:
            self._health.alarms = ()
        return len(self._health.alarms)


def _json_object(body: bytes) -> rows.Object:
    try:
        return rows.mapping(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
