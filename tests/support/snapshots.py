"""Readings as an adapter would give them, built by hand: input of unit and web tests."""

from array import array
from collections.abc import Mapping, Sequence

from signalbox.brokers.model import (
    UNKNOWN,
    BrokerCall,
    Cluster,
    Destination,
    Fault,
    Group,
    GroupState,
    Member,
    Node,
    Partitions,
    Positions,
    RetentionLimits,
    Scope,
    Snapshot,
    Why,
)

HOSTILE = (
    "a \"quoted\" 'name'",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "slash/../and//more",
    "percent%2Fand%00%",
    "cart 🛒 émoji",
    "مراجعة \u202egnp.exe\u202c",
    "{{ 7 * 7 }}{% raw %}",
    "q?a=1&b=2#part",
    "x" * 249,
)


def partitions(
    ends: Sequence[int], *, starts: Sequence[int] | None = None, sizes: Sequence[int] | None = None
) -> Partitions:
    """Return partitions 0.. with these ends, led by node 1 and copied to 1 and 2."""
    count = len(ends)
    return Partitions(
        index=array("i", range(count)),
        leader=array("i", [1] * count),
        start=array("q", starts if starts is not None else [0] * count),
        end=array("q", ends),
        stable=array("q", ends),
        why=(Why.KNOWN,) * count,
        replicas=((1, 2),) * count,
        in_sync=((1, 2),) * count,
        size_bytes=None if sizes is None else array("q", sizes),
    )


def topic(
    name: str = "orders", ends: Sequence[int] = (1000, 2000), *, retention: RetentionLimits | None = None
) -> Destination:
    return Destination(
        name=name,
        kind="topic",
        identity=name,
        partitions=partitions(ends),
        messages=sum(ends),
        arrived=sum(ends),
        retention=retention or RetentionLimits(age_s=7 * 86400, policy="delete"),
    )


def group(
    name: str = "billing",
    lags: Sequence[int] = (10, 20),
    *,
    destination: str = "orders",
    ends: Sequence[int] = (1000, 2000),
    why: Sequence[Why] | None = None,
    members: Sequence[str] = ("reader-a",),
    state: GroupState = GroupState.ACTIVE,
    kind: str = "classic",
) -> Group:
    """Return a group that stands `lags` behind these ends; UNKNOWN is a lag that is not known."""
    count = len(lags)
    known = [lag for lag in lags if lag != UNKNOWN]
    return Group(
        name=name,
        kind=kind,
        state=state,
        positions=Positions(
            names=(destination,),
            destination=array("i", [0] * count),
            partition=array("i", range(count)),
            settled=array("q", [UNKNOWN if lag == UNKNOWN else end - lag for end, lag in zip(ends, lags, strict=True)]),
            arrived=array("q", ends),
            lag=array("q", lags),
            why=None if why is None else tuple(why),
            start=array("q", [0] * count),
        ),
        lag=sum(known) if known else None,
        lag_partial=len(known) < count,
        members=tuple(
            Member(
                id=f"{client}-1",
                client=client,
                host="10.20.8.31",
                assigned={destination: tuple(range(at, count, len(members)))},
            )
            for at, client in enumerate(members)
        ),
        member_count=len(members),
        coordinator="1",
    )


def cluster(at: float, **more: object) -> Cluster:
    facts: dict[str, object] = {
        "read_at": at,
        "product": "Apache Kafka",
        "version": "4.3",
        "nodes": (
            Node(id="1", address="kafka-1:9092", running=True, controller=True, version="4.3"),
            Node(id="2", address="kafka-2:9092", running=True),
        ),
        "under_replicated": 0,
        "offline": 0,
    }
    return Cluster(**(facts | more))  # type: ignore[arg-type]  # the test names fields of Cluster


def snapshot(
    at: float,
    groups: Sequence[Group] = (),
    destinations: Sequence[Destination] = (),
    *,
    health: Cluster | None = None,
    faults: Sequence[Fault] = (),
    calls: Sequence[BrokerCall] = (),
    scope: Scope = Scope.FULL,
    excluded: int = 0,
) -> Snapshot:
    by_name: Mapping[str, Group] = {g.name: g for g in groups}
    return Snapshot(
        scope=scope,
        requested_at=at - 0.1,
        read_at=at,
        groups=by_name,
        destinations={d.name: d for d in destinations},
        cluster=health,
        faults=tuple(faults),
        calls=tuple(calls),
        excluded=excluded,
    )
