"""From the views of monitoring to what /api/v1 answers. Pure; unknown stays null."""

from collections.abc import Iterable, Mapping
from typing import Any

from signalbox.brokers.model import UNKNOWN, BrokerKind, Partitions, Retention
from signalbox.monitoring import words
from signalbox.monitoring.model import (
    Change,
    ConnectionView,
    DestinationView,
    Flow,
    GroupView,
    PartitionView,
    Points,
    Verdict,
)
from signalbox.web.monitoring import resources as r
from signalbox.web.monitoring.glance import Glance
from signalbox.web.palette import Hits


def group(glance: Glance, view: GroupView) -> r.GroupOut:
    return r.GroupOut(**_group(glance, view))


def group_detail(glance: Glance, view: GroupView) -> r.GroupDetail:
    members = view.group.members
    listed = None
    if members is not None:
        listed = [
            r.MemberOut(
                id=m.id,
                client=m.client,
                host=m.host,
                assigned={name: list(rows) for name, rows in m.assigned.items()},
                note=m.note,
            )
            for m in members
        ]
    return r.GroupDetail(
        **_group(glance, view),
        coordinator=view.group.coordinator,
        notes=list(view.group.notes),
        member_list=listed,
    )


def partition(glance: Glance, kind: BrokerKind, found: PartitionView) -> r.PartitionOut:
    return r.PartitionOut(
        destination=found.destination,
        partition=found.partition,
        settled=found.settled,
        start=found.start,
        end=found.end,
        moved_at=found.moved_at,
        member=found.member,
        verdict=_verdict(found.verdict, words.plain(words.partition_reason(found, kind, glance.now))),
        flow=_flow(found.flow),
    )


def destination(glance: Glance, view: DestinationView) -> r.DestinationOut:
    found = view.destination
    return r.DestinationOut(
        **_read(glance, view.connection, view.read_at, view.interval_s),
        connection=view.connection,
        broker=view.kind.value,
        name=view.name,
        kind=found.kind,
        state=found.state,
        internal=found.internal,
        partitions=None if found.partitions is None else len(found.partitions),
        messages=found.messages,
        approximate=found.approximate,
        size_bytes=found.size_bytes,
        rate_in=view.rate_in,
        retention=_retention(found.retention),
        loses_at=view.loses_at,
        consumer_groups=list(view.consumer_groups),
        dead_letters_to=found.dead_letters_to,
        settings=dict(found.settings),
        verdict=_verdict(view.verdict, words.plain(words.destination_sentence(view, glance.now))),
    )


def destination_partitions(
    rows: Partitions, rates: Mapping[int, float | None], first: int, most: int
) -> list[r.DestinationPartitionOut]:
    """Return `most` partitions from the row `first` on, by number."""
    order = sorted(range(len(rows)), key=lambda row: rows.index[row])[first : first + most]
    return [
        r.DestinationPartitionOut(
            partition=rows.index[row],
            leader=_known(rows.leader[row]),
            replicas=list(rows.replicas[row]) if rows.replicas else [],
            in_sync=list(rows.in_sync[row]) if rows.in_sync else [],
            start=_known(rows.start[row]),
            end=_known(rows.end[row]),
            size_bytes=None if rows.size_bytes is None else _known(rows.size_bytes[row]),
            rate_in=rates.get(rows.index[row]),
            why=rows.why[row].value,
        )
        for row in order
    ]


def connection(glance: Glance, view: ConnectionView) -> r.ConnectionOut:
    return r.ConnectionOut(**_connection(glance, view))


def connection_detail(glance: Glance, view: ConnectionView) -> r.ConnectionDetail:
    cluster = view.cluster
    nodes = (
        None
        if cluster is None or cluster.nodes is None
        else [
            r.NodeOut(
                id=n.id, address=n.address, running=n.running, controller=n.controller, version=n.version, note=n.note
            )
            for n in cluster.nodes
        ]
    )
    limits = () if cluster is None else cluster.limits
    return r.ConnectionDetail(
        **_connection(glance, view),
        nodes=nodes,
        under_replicated=None if cluster is None else cluster.under_replicated,
        offline=None if cluster is None else cluster.offline,
        alarms=[] if cluster is None else list(cluster.alarms),
        limits=[r.LimitOut(name=one.name, used=one.used, maximum=one.maximum, unit=one.unit) for one in limits],
        missing_rights=[] if cluster is None else list(cluster.missing_rights),
        notes=[] if cluster is None else list(cluster.notes),
        faults=[r.FaultOut(resource=f.resource, why=f.why.value, detail=f.detail) for f in view.faults],
        calls=[
            r.CallOut(request=c.request, interval_s=c.interval_s, duration_s=c.duration_s, at=c.at, rows=c.rows)
            for c in view.calls
        ],
    )


def history(window: str, points: Points) -> r.HistoryOut:
    return r.HistoryOut(
        window=window,
        step_s=points.step_s,
        at=points.at,
        lag=points.lag,
        rate_in=points.rate_in,
        rate_out=points.rate_out,
    )


def change(found: Change) -> r.ChangeOut:
    return r.ChangeOut(
        at=found.at,
        connection=found.connection,
        group=found.group,
        before=found.before,
        after=found.after.value,
        detail=found.detail,
    )


def hits(found: Iterable[Hits]) -> list[r.HitOut]:
    return [
        r.HitOut(
            kind=kind.kind,
            name=hit.name,
            place=hit.place,
            href=hit.href,
            status=hit.status,
        )
        for kind in found
        for hit in kind.hits
    ]


def _read(glance: Glance, connection: str, read_at: float, interval_s: float) -> dict[str, Any]:
    stale = glance.unseen(connection) or glance.stale(connection, read_at, interval_s)
    return {"read_at": read_at, "age_s": max(0.0, glance.now - read_at), "stale": stale}


def _group(glance: Glance, view: GroupView) -> dict[str, Any]:
    group = view.group
    sentences = (words.group_sentence(view, glance.now), words.group_reason(view, glance.now))
    return _read(glance, view.connection, view.read_at, view.interval_s) | {
        "connection": view.connection,
        "broker": view.kind.value,
        "name": view.name,
        "kind": group.kind,
        "state": group.state.value,
        "broker_state": group.state_text,
        "destinations": list(group.destinations),
        "partitions": len(group.positions),
        "members": group.member_count,
        "in_flight": group.in_flight,
        "waiting": group.waiting,
        "redelivered": group.redelivered,
        "verdict": _verdict(view.verdict, " ".join(words.plain(s) for s in sentences if s)),
        "flow": _flow(view.flow),
    }


def _connection(glance: Glance, view: ConnectionView) -> dict[str, Any]:
    cluster = view.cluster
    at = view.answered_at
    return {
        "read_at": at,
        "age_s": None if at is None else max(0.0, glance.now - at),
        "stale": glance.unseen(view.name) or at is None or glance.stale(view.name, at, view.interval_s),
        "name": view.name,
        "broker": view.kind.value,
        "link": view.link.value,
        "since": view.since,
        "sentence": words.plain(words.connection_sentence(view, glance.now)),
        "error": view.error,
        "hint": view.hint,
        "attempts": view.attempts,
        "next_attempt_at": view.next_attempt_at,
        "product": None if cluster is None else cluster.product,
        "version": None if cluster is None else cluster.version,
        "groups": view.groups,
        "groups_ok": view.groups_ok,
        "destinations": view.destinations,
        "excluded": view.excluded,
        "tls_verified": view.tls_verified,
    }


def _verdict(found: Verdict, sentence: str) -> r.VerdictOut:
    return r.VerdictOut(
        status=found.status.value,
        sentence=sentence,
        since=found.since,
        since_exact=found.since_exact,
        until=found.until,
    )


def _flow(found: Flow) -> r.FlowOut:
    lag = found.time_lag
    return r.FlowOut(
        lag=found.lag,
        lag_partial=found.lag_partial,
        approximate=found.approximate,
        time_lag=None if lag is None else r.TimeLagOut(seconds=lag.seconds, method=lag.method.value),
        rate_in=found.rate_in,
        rate_out=found.rate_out,
        drained_at=found.drained_at,
    )


def _retention(found: Retention | None) -> r.RetentionOut | None:
    if found is None:
        return None
    return r.RetentionOut(age_s=found.age_s, size_bytes=found.size_bytes, messages=found.messages, policy=found.policy)


def _known(value: int) -> int | None:
    return None if value == UNKNOWN else value
