"""Simulated connections over a real monitor: readings as adapters would give them, second by second, and a clock set by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import BaseModel

from signalbox.bootstrap import Built, build
from signalbox.brokers.errors import BrokerUnavailable
from signalbox.brokers.model import (
    BrokerCall,
    BrokerKind,
    Capability,
    Cluster,
    Destination,
    Fault,
    Group,
    RetentionLimits,
)
from signalbox.brokers.settings import ConnectionSettings
from signalbox.features.feature import Feature
from signalbox.features.monitoring import MONITORING
from signalbox.features.security import SECURITY
from signalbox.kernel.feed import Feed
from signalbox.monitoring.connection_state import ConnectionFacts
from signalbox.monitoring.series import Series
from signalbox.monitoring.service import Monitor
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from signalbox.web.app import WebOptions
from signalbox.web.monitoring.feature import monitoring_parts
from tests.support.assets import whole_assets
from tests.support.database import migrated_sqlite, settings
from tests.support.security import core_over
from tests.support.snapshots import cluster, group, partitions, snapshot

NOW = 1_794_885_160.0  # Tue 17 Nov 2026, 03:12:40 UTC


@dataclass
class SimulatedGroup:
    """A group that reads one destination at these rates, messages a second and partition."""

    name: str
    destination: str = "orders.placed"
    ins: Sequence[float] = (20.0, 20.0)
    outs: Sequence[float] = (20.0, 20.0)
    behind: Sequence[float] = (3.0, 3.0)  # messages waiting when it is first read
    members: Sequence[str] = ("reader-a",)
    facts: dict[str, object] = field(default_factory=dict)  # fields of Group to be set
    written: list[float] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.written = [1_000_000.0 + 10_000 * at for at in range(len(self.ins))]
        self.settled = [end - lag for end, lag in zip(self.written, self.behind, strict=True)]

    def pass_time(self, seconds: float) -> None:
        self.written = [end + rate * seconds for end, rate in zip(self.written, self.ins, strict=True)]
        moved = (at + rate * seconds for at, rate in zip(self.settled, self.outs, strict=True))
        self.settled = [min(at, end) for at, end in zip(moved, self.written, strict=True)]

    def group(self) -> Group:
        ends = [int(end) for end in self.written]
        lags = [end - int(at) for end, at in zip(ends, self.settled, strict=True)]
        made = group(self.name, lags, destination=self.destination, ends=ends, members=self.members)
        return replace(made, **self.facts)  # type: ignore[arg-type]  # the test names fields of Group

    def topic(self, retention: RetentionLimits) -> Destination:
        ends = [int(end) for end in self.written]
        return Destination(
            name=self.destination,
            kind="topic",
            identity=self.destination,
            partitions=partitions(ends, starts=[900_000] * len(ends), sizes=[40_000_000] * len(ends)),
            messages=sum(ends) - 900_000 * len(ends),
            size_bytes=40_000_000 * len(ends),
            arrived=sum(ends),
            retention=retention,
            settings={"min.insync.replicas": "2", "cleanup.policy": "delete"},
        )


@dataclass
class SimulatedConnection:
    """One connection of the simulation."""

    name: str
    kind: BrokerKind
    readers: list[SimulatedGroup]
    every: float = 5.0
    health: Cluster | None = None
    retention: RetentionLimits = field(default_factory=lambda: RetentionLimits(age_s=7 * 86400, policy="delete"))
    faults: tuple[Fault, ...] = ()
    tls_verified: bool = True
    excluded: int = 0
    answers: bool = True


class Simulation:
    """A monitor and what feeds it. `now` is the time of everything."""

    def __init__(self, kept: Path | DatabaseSettings) -> None:
        """`kept` is the folder of a new SQLite file, or another database that is there."""
        self.now = NOW
        self.feed = Feed(epoch=7)
        self.database = Database(settings(migrated_sqlite(kept)) if isinstance(kept, Path) else kept)
        self.series = Series(self.database, self.clock, 64 * 1024**2)
        self.monitor = Monitor(feed=self.feed, clock=self.clock, series=self.series)
        self.simulated: list[SimulatedConnection] = []

    def clock(self) -> float:
        return self.now

    def connect(self, connection: SimulatedConnection) -> SimulatedConnection:
        self.monitor.add_connection(
            ConnectionFacts(
                name=connection.name,
                kind=connection.kind,
                interval_s=connection.every,
                capabilities=frozenset({Capability.PARTITIONS}),
                tls_verified=connection.tls_verified,
            )
        )
        self.simulated.append(connection)
        return connection

    async def run(self, seconds: float, *, every: float = 5.0) -> None:
        """Let time pass; every connection that answers is read each `every` seconds."""
        for _ in range(int(seconds / every)):
            self.now += every
            for connection in self.simulated:
                await self._read(connection, every)

    async def _read(self, connection: SimulatedConnection, seconds: float) -> None:
        for reader in connection.readers:
            reader.pass_time(seconds)
        if not connection.answers:
            self.monitor.update_staleness(connection.name)
            return
        topics = {reader.destination: reader.topic(connection.retention) for reader in connection.readers}
        read = snapshot(
            self.now,
            [reader.group() for reader in connection.readers],
            list(topics.values()),
            health=connection.health or cluster(self.now),
            faults=connection.faults,
            calls=(
                BrokerCall(request="OffsetFetch", interval_s=connection.every, duration_s=0.18, at=self.now, rows=612),
            ),
            excluded=connection.excluded,
        )
        await self.monitor.apply(connection.name, read, interval_s=connection.every)

    @property
    def connections(self) -> list[ConnectionSettings]:
        return [
            ConnectionSettings(name=connection.name, kind=connection.kind, exclude=("_*",))
            for connection in self.simulated
        ]

    @property
    def feature(self) -> Feature:
        """Monitoring, over the readings of this simulation instead of those of collectors."""
        return replace(MONITORING, build=lambda _: monitoring_parts(self.monitor, self.series, services=()))

    def built(
        self, tables: Sequence[BaseModel] = (), features: Sequence[Feature] = (), options: WebOptions | None = None
    ) -> Built:
        """Build the application over this simulation, with further features."""
        core = core_over(self.database, self.clock, [*self.connections, *tables], self.feed)
        options = options or WebOptions(assets=whole_assets())
        return build(core, (self.feature, SECURITY, *features), options=options, start_services=False)

    def fail(self, connection: SimulatedConnection, found: str = "Connection refused by broker-1:9092.") -> None:
        """Let a connection break: connecting itself fails from now on."""
        connection.answers = False
        error = BrokerUnavailable(connection.name, found, "Check that it runs and that the address is right.")
        self.monitor.record_failure(connection.name, error, down=True, next_attempt_at=self.now + 4)
