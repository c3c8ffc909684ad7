"""The health of the cluster, from the overview, the nodes and the alarm check."""

from collections.abc import Iterable, Sequence

import msgspec

from signalbox.brokers.model import Cluster, Node, ResourceLimit
from signalbox.brokers.rabbitmq.facts import NO_LEADER_STATES
from signalbox.brokers.rabbitmq.http import HttpApi
from signalbox.brokers.rabbitmq.queues import Queue, QueueRegistry
from signalbox.brokers.rabbitmq.rows import Object, count, mapping, sequence, text
from signalbox.kernel.clock import Clock

NODES_MAX = 100
ANSWER_S = 5.0
ALARMS = "/api/health/checks/alarms"
NODES = "/api/nodes?columns=name,running,mem_alarm,disk_free_alarm,mem_used,mem_limit,partitions,being_drained"


class ClusterHealth:
    """The last answers about the cluster; None = none yet. Each `read_...` sends one request and returns its row count.

    Each runs in its own task: while a node is frozen they hang, but single calls answer.
    """

    def __init__(self, api: HttpApi, queues: QueueRegistry, clock: Clock) -> None:
        self._api = api
        self._queues = queues
        self._clock = clock
        self.overview: Object | None = None
        self.nodes: Sequence[Object] | None = None
        self.alarms: tuple[str, ...] = ()

    async def read_overview(self) -> int:
        self.overview = mapping(await self._api.get_json("/api/overview", limit_s=ANSWER_S))
        return 1

    async def read_nodes(self) -> int:
        before = self._running_nodes()
        self.nodes = [
            row for row in sequence(await self._api.get_json(NODES, limit_s=ANSWER_S)) if isinstance(row, dict)
        ]
        if before and self._running_nodes() != before:
            self._queues.note_failover(self._clock())  # queue leaders move
        return len(self.nodes)

    async def read_alarms(self) -> int:
        status, body = await self._api.request(ALARMS, limit_s=ANSWER_S)
        if status == 503:
            self.alarms = _alarm_sentences(body)
        if not self.alarms and status != 200:
            raise self._api.status_error(ALARMS, status, body)
        if status == 200:
            self.alarms = ()
        return len(self.alarms)

    @property
    def statistics_off(self) -> bool:
        return mapping(self.overview).get("disable_stats") is True

    @property
    def has_counters(self) -> bool:
        """False when the broker is configured to keep no counters."""
        return not self.statistics_off and mapping(self.overview).get("rates_mode") != "none"

    def _running_nodes(self) -> frozenset[str]:
        return frozenset(text(node.get("name")) for node in self.nodes or () if node.get("running") is True)

    def unlisted_queues(self, listed: int) -> int:
        """Return how many more queues the broker counts than it listed for us."""
        total = count(mapping(mapping(self.overview).get("object_totals")).get("queues"))
        return 0 if total is None else max(total - listed, 0)

    def cluster(
        self,
        queues: Sequence[Queue],
        *,
        read_at: float,
        missing_vhosts: Iterable[str],
        missing_permissions: Iterable[str],
        notes: Iterable[str],
    ) -> Cluster:
        return Cluster(
            read_at=read_at,
            product="RabbitMQ",
            version=text(mapping(self.overview).get("rabbitmq_version")) or None,
            nodes=None if self.nodes is None else tuple(_node(row) for row in self.nodes[:NODES_MAX]),
            under_replicated=sum(1 for queue in queues if len(queue.online) < len(queue.replicas)),
            offline=sum(1 for queue in queues if queue.state in NO_LEADER_STATES),
            alarms=(*self.alarms, *(f"virtual host {vhost} does not exist" for vhost in missing_vhosts)),
            limits=tuple(limit for row in self.nodes or () for limit in _limits(row)),
            missing_permissions=tuple(missing_permissions),
            notes=tuple(notes),
        )


def _alarm_sentences(body: bytes) -> tuple[str, ...]:
    try:
        answer = mapping(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    alarms = [row for row in sequence(answer.get("alarms")) if isinstance(row, dict)]
    return tuple(
        f"{text(row.get('resource')) or 'unknown'} alarm on {text(row.get('node'))}: publishers are blocked"
        for row in alarms[:NODES_MAX]
    )


def _node(row: Object) -> Node:
    name, running = text(row.get("name")), row.get("running")
    notes = ["memory alarm"] * (row.get("mem_alarm") is True) + ["disk alarm"] * (row.get("disk_free_alarm") is True)
    notes += ["being drained"] * (row.get("being_drained") is True)
    if partitions := [text(node) for node in sequence(row.get("partitions"))]:
        notes.append(f"network partition from {', '.join(partitions[:5])}")
    return Node(
        id=name,
        address=name.partition("@")[2] or name,
        running=running if isinstance(running, bool) else None,
        note=", ".join(notes),
    )


def _limits(row: Object) -> Iterable[ResourceLimit]:
    used, maximum = count(row.get("mem_used")), count(row.get("mem_limit"))
    if maximum is not None:
        yield ResourceLimit(name=f"memory of {text(row.get('name'))}", used=used, maximum=maximum, unit="bytes")
