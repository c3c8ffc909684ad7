"""A connection of a made-up simulation on which every text that a broker may give is one of these."""

from collections.abc import Sequence

from signalbox.brokers.model import BrokerKind, Fault, Node, ResourceLimit, Why
from tests.support.simulation import SimulatedConnection, SimulatedGroup, Simulation
from tests.support.snapshots import cluster

EVERYTHING = "everything"


def hostile_site(simulation: Simulation, connection: str, texts: Sequence[str]) -> SimulatedConnection:
    """Connect it: a group and a destination of each name, and all texts in notes, faults, nodes, alarms and limits."""
    readers = [
        SimulatedGroup(
            name,
            name,
            [5.0, 5.0],
            [0.0, 5.0],
            [50.0, 1.0],
            (name, "b"),
            {"kind": name, "state_text": name, "notes": (name,)},
        )
        for name in texts
    ]
    site = simulation.connect(SimulatedConnection(connection, BrokerKind.KAFKA, readers))
    site.faults = tuple(Fault(resource=f"group {n}", why=Why.NO_ANSWER, detail=n, group=n) for n in texts)
    site.health = cluster(
        simulation.now,
        product=texts[0],
        version=texts[1],
        nodes=tuple(Node(id=n, address=n, running=True, note=n, version=n) for n in texts),
        alarms=tuple(texts),
        missing_permissions=tuple(texts),
        notes=tuple(texts),
        limits=tuple(ResourceLimit(name=n, used=1, maximum=2, unit=n) for n in texts),
    )
    return site


def reads_everything(texts: Sequence[str]) -> SimulatedGroup:
    """Return a group with a member of each name, and with all notes."""
    count = len(texts)
    outs = [0.0 if at % 3 else 5.0 for at in range(count)]
    return SimulatedGroup(
        EVERYTHING, EVERYTHING, [5.0] * count, outs, [50.0] * count, tuple(texts), {"notes": tuple(texts)}
    )
