"""The cluster's own health, from the overview, the nodes and the alarm check."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signalbox.brokers.model import Cluster, Node, ResourceLimit
from signalbox.brokers.rabbitmq.queues import Queue
from signalbox.brokers.rabbitmq.rows import count, mapping, sequence, words
from signalbox.brokers.rabbitmq.view import NO_LEADER_STATES

NODES_MAX = 100


@dataclass(slots=True)
class Health:
    """The last answer of each kind; None where there is none."""

    overview: Mapping[str, Any] | None = None
    nodes: Sequence[Mapping[str, Any]] | None = None
    alarms: tuple[str, ...] = ()

    @property
    def statistics_off(self) -> bool:
        return mapping(self.overview).get("disable_stats") is True

    @property
    def counts_rates(self) -> bool:
        """False where the broker was told to keep no counters."""
        return not self.statistics_off and mapping(self.overview).get("rates_mode") != "none"

    def running(self) -> frozenset[str]:
        """Return the names of the nodes that run: a difference means that leaders move."""
        return frozenset(words(n.get("name")) for n in self.nodes or () if n.get("running") is True)

    def hidden_queues(self, listed: int) -> int:
        """Return how many queues the broker counts beyond those that were listed."""
        total = count(mapping(mapping(self.overview).get("object_totals")).get("queues"))
        return 0 if total is None else max(total - listed, 0)


def cluster(
    health: Health, known: Sequence[Queue], *, read_at: float, missing_rights: Iterable[str], notes: Iterable[str]
) -> Cluster:
    """Return the health as of now."""
    overview = mapping(health.overview)
    return Cluster(
        read_at=read_at,
        product="RabbitMQ",
        version=words(overview.get("rabbitmq_version")) or None,
        nodes=None if health.nodes is None else tuple(_node(row) for row in health.nodes[:NODES_MAX]),
        under_replicated=sum(1 for queue in known if len(queue.online) < len(queue.replicas)),
        offline=sum(1 for queue in known if queue.state in NO_LEADER_STATES),
        alarms=health.alarms,
        limits=tuple(limit for row in health.nodes or () for limit in _limits(row)),
        missing_rights=tuple(missing_rights),
        notes=tuple(notes),
    )


def alarm_sentences(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the alarm check said, a sentence each."""
    told = [row for row in sequence(answer.get("alarms")) if isinstance(row, dict)]
    return tuple(
        f"{words(row.get('resource')) or 'unknown'} alarm on {words(row.get('node'))}: publishers are blocked"
        for row in told[:NODES_MAX]
    )


def _node(row: Mapping[str, Any]) -> Node:
    name, running = words(row.get("name")), row.get("running")
    notes = ["memory alarm"] * (row.get("mem_alarm") is True) + ["disk alarm"] * (row.get("disk_free_alarm") is True)
    notes += ["being drained"] * (row.get("being_drained") is True)
    if partitions := [words(each) for each in sequence(row.get("partitions"))]:
        notes.append(f"cut off from {', '.join(partitions[:5])}")
    return Node(
        id=name,
        address=name.partition("@")[2] or name,
        running=running if isinstance(running, bool) else None,
        note=", ".join(notes),
    )


def _limits(row: Mapping[str, Any]) -> Iterable[ResourceLimit]:
    name = words(row.get("name"))
    used, most = count(row.get("mem_used")), count(row.get("mem_limit"))
    if most is not None:
        yield ResourceLimit(name=f"memory of {name}", used=used, maximum=most, unit="bytes")
