"""What one connection knows between two readings. One reading writes it at a time, on the event loop, in short steps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from signalbox.brokers.errors import BrokerError
from signalbox.brokers.kafka.held import Held
from signalbox.brokers.kafka.layout import Layout
from signalbox.brokers.kafka.nodes import Nodes
from signalbox.brokers.kafka.protocol.cluster import ClusterDescribed, Quorum
from signalbox.brokers.kafka.protocol.groups import Listed, Listing
from signalbox.brokers.kafka.settings import KafkaSettings
from signalbox.brokers.model import BrokerCall, Fault, Why
from signalbox.kernel.clock import Clock

NEVER = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """How often each kind of question is asked, in seconds."""

    sweep_s: float = 5.0
    watch_s: float = 1.0
    health_s: float = 30.0
    starts_s: float = 60.0
    settings_s: float = 60.0
    sizes_s: float = 300.0
    members_s: float = 30.0
    stables_s: float = 15.0  # where no transaction was open; every sweep where one was
    deadline_s: float = 3.0  # for one broker's answers to one step of a sweep


@dataclass(slots=True, kw_only=True, eq=False)
class Known:
    """Topics, groups, brokers, and when each kind of question was asked last."""

    settings: KafkaSettings
    nodes: Nodes
    clock: Clock
    intervals: Intervals = field(default_factory=Intervals)
    layout: Layout = field(default_factory=Layout)
    groups: dict[str, Held] = field(default_factory=dict)
    listings: dict[int, Listing] = field(default_factory=dict)
    wanted: dict[int, tuple[Listing, dict[str, Listed]]] = field(default_factory=dict)  # its rows that we show
    described: ClusterDescribed | None = None
    quorum: Quorum | None = None
    controller: int = -1
    topics_raw: bytes = b""  # of the last metadata: most answers are the same again
    rights: dict[str, str] = field(default_factory=dict)  # subject -> what is missing, for Cluster.missing_rights
    calls: dict[str, BrokerCall] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    turn: int = 0  # which broker is asked first for what any can tell: in doubt another one is asked

    def due(self, what: str, every_s: float) -> bool:
        """Say whether it is time to ask this again."""
        return self.clock() - self.asked.get(what, NEVER) >= every_s

    def note(self, what: str, every_s: float, began: float, rows: int | None) -> None:
        """Note how a question was asked, for "How it is read"."""
        now = self.clock()
        self.calls[what] = BrokerCall(
            request=what, interval_s=every_s, duration_s=max(0.0, now - began), at=now, rows=rows
        )

    def deadline_s(self) -> float:
        return min(self.intervals.deadline_s, self.settings.timeout_s)


def broker_fault(node: int, error: BrokerError) -> Fault:
    """Return the fault for a broker that did not answer."""
    return Fault(resource=f"broker {node}", why=Why.NO_ANSWER, detail=error.problem)


def once_per_resource(faults: list[Fault]) -> tuple[Fault, ...]:
    """Return each resource's first fault: a broker that is down fails at every step."""
    first: dict[str, Fault] = {}
    for fault in faults:
        first.setdefault(fault.resource, fault)
    return tuple(first.values())


def by_node(groups: Mapping[str, Held]) -> dict[int, list[str]]:
    """Return the names of the groups by their coordinator."""
    found: dict[int, list[str]] = {}
    for name, held in groups.items():
        found.setdefault(held.node, []).append(name)
    return found
