"""Groups, destinations and snapshots for the tests, as an adapter would return them."""

from array import array
from collections.abc import Callable, Mapping, Sequence

from signalbox.brokers.model import (
    UNKNOWN,
    BrokerKind,
    Destination,
    Group,
    GroupState,
    Member,
    Partitions,
    Positions,
    RetentionLimits,
    Scope,
    Snapshot,
    Why,
)
from signalbox.monitoring.group_tracker import GroupTracker
from signalbox.monitoring.judge import Thresholds
from signalbox.monitoring.model import GroupView

T0 = 1_794_885_160.0  # Tue 17 Nov 2026, 03:12:40 UTC


def positions(
    settled: Sequence[int],
    arrived: Sequence[int],
    *,
    lag: Sequence[int] | None = None,
    why: Sequence[Why] | None = None,
    start: Sequence[int] | None = None,
    stable: Sequence[int] | None = None,
    name: str = "orders",
) -> Positions:
    rows = range(len(settled))
    known = [e - s if UNKNOWN not in (s, e) and e >= s else UNKNOWN for s, e in zip(settled, arrived, strict=True)]
    return Positions(
        names=(name,),
        destination=array("i", [0 for _ in rows]),
        partition=array("i", rows),
        settled=array("q", settled),
        arrived=array("q", arrived),
        lag=array("q", known if lag is None else lag),
        why=None if why is None else tuple(why),
        start=None if start is None else array("q", start),
        stable=None if stable is None else array("q", stable),
    )


def group(
    at: Positions,
    *,
    state: GroupState = GroupState.ACTIVE,
    members: int | None = 1,
    name: str = "billing",
    why: Why = Why.KNOWN,
    approximate: bool = False,
    in_flight: int | None = None,
) -> Group:
    known = [lag for lag in at.lag if lag != UNKNOWN]
    return Group(
        name=name,
        kind="classic",
        state=state,
        positions=at,
        lag=sum(known) if known else None,
        lag_partial=len(known) < len(at),
        member_count=members,
        members=None if members is None else tuple(_member(n) for n in range(members)),
        why=why,
        approximate=approximate,
        in_flight=in_flight,
    )


def _member(number: int) -> Member:
    return Member(id=f"m{number}", client=f"settle-{number}", host="10.0.0.1", assigned={"orders": (number,)})


def topic(
    ends: Sequence[int],
    *,
    name: str = "orders",
    identity: str = "id-1",
    retention: RetentionLimits | None = None,
    why: Sequence[Why] | None = None,
    in_sync: int = 3,
) -> Destination:
    rows = len(ends)
    return Destination(
        name=name,
        kind="topic",
        identity=identity,
        retention=retention,
        partitions=Partitions(
            index=array("i", range(rows)),
            leader=array("i", [1] * rows),
            start=array("q", [0] * rows),
            end=array("q", ends),
            stable=array("q", [UNKNOWN] * rows),
            why=tuple(why) if why is not None else (Why.KNOWN,) * rows,
            replicas=((1, 2, 3),) * rows,
            in_sync=(tuple(range(1, in_sync + 1)),) * rows,
        ),
    )


def snapshot(
    at: float,
    groups: Sequence[Group] = (),
    destinations: Sequence[Destination] = (),
    *,
    scope: Scope = Scope.FULL,
    gone_groups: Sequence[str] = (),
    gone_destinations: Sequence[str] = (),
) -> Snapshot:
    return Snapshot(
        scope=scope,
        requested_at=at,
        read_at=at + 0.01,
        groups={group.name: group for group in groups},
        destinations={destination.name: destination for destination in destinations},
        gone_groups=frozenset(gone_groups),
        gone_destinations=frozenset(gone_destinations),
    )


class Watched:
    """One group that is read every `every_s` seconds; `read` returns its view."""

    def __init__(
        self,
        *,
        positional: bool = True,
        batch: bool = False,
        limits: Thresholds | None = None,
        every_s: float = 5.0,
        destinations: Mapping[str, Destination] | None = None,
    ) -> None:
        self.now = T0
        self.every_s = every_s
        self.destinations = dict(destinations or {})
        self.tracked = GroupTracker(
            "kafka-prod", BrokerKind.KAFKA, positional=positional, batch=batch, limits=limits or Thresholds()
        )

    def read(self, reading: Group, *, after_s: float | None = None) -> GroupView:
        if self.tracked.view is not None or after_s is not None:
            self.now += self.every_s if after_s is None else after_s
        self.tracked.take(
            reading, requested_at=self.now, read_at=self.now, interval_s=self.every_s, destinations=self.destinations
        )
        assert self.tracked.view is not None
        return self.tracked.view

    def each(self, steps: int, reading: Callable[[int], Group]) -> GroupView:
        """Read `reading(0)`, `reading(1)`, ...; return the last view."""
        views = [self.read(reading(step)) for step in range(steps)]
        return views[-1]

    def flow(
        self,
        seconds: float,
        *,
        settled: int,
        arrived: int,
        out: float,
        into: float,
        state: GroupState = GroupState.ACTIVE,
        members: int | None = 1,
    ) -> GroupView:
        """Let messages arrive and be settled at steady rates for so long; return the last view."""
        began = self.now if self.tracked.view is not None else T0 - self.every_s
        view: GroupView | None = None
        for step in range(1, round(seconds / self.every_s) + 1):
            past = step * self.every_s
            end = int(arrived + into * past)
            reading = group(positions([min(end, int(settled + out * past))], [end]), state=state, members=members)
            view = self.read(reading, after_s=began + past - self.now)
        assert view is not None
        return view
