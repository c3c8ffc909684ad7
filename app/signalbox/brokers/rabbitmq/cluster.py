"""The health of the cluster, from the overview, the nodes and the alarm check."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signalbox.brokers.model import Cluster, Node, ResourceLimit
from signalbox.brokers.rabbitmq.facts import NO_LEADER_STATES
from signalbox.brokers.rabbitmq.queues import Queue
from signalbox.brokers.rabbitmq.rows import count, mapping, sequence, text

NODES_MAX = 100


@dataclass(slots=True)
class ClusterHealth:
    """The last answer of each kind of request; None = none yet."""

    overview: Mapping[str, Any] | None = None
    nodes: Sequence[Mapping[str, Any]] | None = None
    alarms: tuple[str, ...] = ()

    @property
    def statistics_off(self) -> bool:
        return mapping(self.overview).get("disable_stats") is True

    @property
    def has_counters(self) -> bool:
        """False when the broker is configured to keep no counters."""
        return not self.statistics_off and mapping(self.overview).get("rates_mode") != "none"

    def running_nodes(self) -> frozenset[str]:
        """Return the names of the running nodes. When they change, queue leaders move."""
        return frozenset(text(node.get("name")) for node in self.nodes or () if node.get("running") is True)

    def unlisted_queues(self, listed: int) -> int:
        """Return how many more queues the broker counts than it listed for us."""
        total = count(mapping(mapping(self.overview).get("object_totals")).get("queues"))
        return 0 if total is None else max(total - listed, 0)


def build_cluster(
    health: ClusterHealth,
    queues: Sequence[Queue],
    *,
    read_at: float,
    missing_permissions: Iterable[str],
    notes: Iterable[str],
) -> Cluster:
    overview = mapping(health.overview)
    return Cluster(
        read_at=read_at,
        product="RabbitMQ",
        version=text(overview.get("rabbitmq_version")) or None,
        nodes=None if health.nodes is None else tuple(_node(row) for row in health.nodes[:NODES_MAX]),
        under_replicated=sum(1 for queue in queues if len(queue.online) < len(queue.replicas)),
        offline=sum(1 for queue in queues if queue.state in NO_LEADER_STATES),
        alarms=health.alarms,
        limits=tuple(limit for row in health.nodes or () for limit in _limits(row)),
        missing_permissions=tuple(missing_permissions),
        notes=tuple(notes),
    )


def alarm_sentences(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each alarm of the alarm check."""
    alarms = [row for row in sequence(answer.get("alarms")) if isinstance(row, dict)]
    return tuple(
        f"{text(row.get('resource')) or 'unknown'} alarm on {text(row.get('node'))}: publishers are blocked"
        for row in alarms[:NODES_MAX]
    )


def _node(row: Mapping[str, Any]) -> Node:
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


def _limits(row: Mapping[str, Any]) -> Iterable[ResourceLimit]:
    used, maximum = count(row.get("mem_used")), count(row.get("mem_limit"))
    if maximum is not None:
        yield ResourceLimit(name=f"memory of {text(row.get('name'))}", used=used, maximum=maximum, unit="bytes")
