"""What one connection remembers between readings. Only the event loop writes it, in short steps."""

import math
from dataclasses import dataclass, field

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.cached_group import CachedGroup
from signalbox.brokers.kafka.cluster_client import ClusterClient
from signalbox.brokers.kafka.offset_table import OffsetTable
from signalbox.brokers.kafka.protocol.cluster import ClusterDescription, Quorum
from signalbox.brokers.kafka.protocol.groups import GroupListing, ListedGroups
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.model import BrokerCall, Fault, Why
from signalbox.kernel.clock import Clock

NEVER = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """How often each kind of request is sent, in seconds."""

    sweep_s: float = 5.0
    watch_s: float = 1.0
    health_s: float = 30.0
    starts_s: float = 60.0
    configs_s: float = 60.0
    sizes_s: float = 300.0
    members_s: float = 30.0
    stables_s: float = 15.0  # of topics without an open transaction; topics with one are read every sweep


@dataclass(slots=True, kw_only=True, eq=False)
class ClusterCache:
    """Topics, groups and brokers of the cluster, and when each kind of data was last read."""

    settings: KafkaSettings
    client: ClusterClient
    clock: Clock
    intervals: Intervals = field(default_factory=Intervals)
    partitions: OffsetTable = field(default_factory=OffsetTable)
    groups: dict[str, CachedGroup] = field(default_factory=dict)
    group_lists: dict[int, ListedGroups] = field(default_factory=dict)  # by node
    listed_groups: dict[int, tuple[ListedGroups, dict[str, GroupListing]]] = field(default_factory=dict)  # filtered
    description: ClusterDescription | None = None
    quorum: Quorum | None = None
    controller: int = -1
    metadata_raw: bytes = b""  # most responses are the same as the last one
    missing_permissions: dict[str, str] = field(default_factory=dict)  # subject -> text of Cluster.missing_permissions
    calls: dict[str, BrokerCall] = field(default_factory=dict)
    last_read: dict[str, float] = field(default_factory=dict)  # kind of data -> time
    log_dir_faults: dict[int, list[Fault]] = field(default_factory=dict)  # by node
    interval_s: float = 0.0  # between two sweeps: longer than configured if a sweep takes longer
    rotation: int = 0  # which broker is asked first, so that a wrong answer of one broker does not last

    def __post_init__(self) -> None:
        self.interval_s = self.intervals.sweep_s

    def is_due(self, what: str, interval_s: float) -> bool:
        """Return whether the interval since the last reading of this kind has passed."""
        return self.clock() - self.last_read.get(what, NEVER) >= interval_s

    def record_call(self, request: str, interval_s: float, started_at: float, rows: int | None) -> None:
        """Record duration and rows of a request, for "Data collection" on the connection's page."""
        now = self.clock()
        took_s = max(0.0, now - started_at)
        self.calls[request] = BrokerCall(request=request, interval_s=interval_s, duration_s=took_s, at=now, rows=rows)


def broker_fault(node: int, error: BrokerError) -> Fault:
    return Fault(resource=f"broker {node}", why=Why.NO_ANSWER, detail=error.problem)


def first_fault_per_resource(faults: list[Fault]) -> tuple[Fault, ...]:
    """Return the first fault of each resource: a broker that is down fails at every step."""
    first: dict[str, Fault] = {}
    for fault in faults:
        first.setdefault(fault.resource, fault)
    return tuple(first.values())
