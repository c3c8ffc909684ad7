"""Build the JSON of /api/v1 from the monitor's views. Pure; unknown stays null."""

from collections.abc import Iterable, Mapping
from typing import Any

from signalbox.brokers.model import UNKNOWN, BrokerKind, Node, Partitions, RetentionLimits, Why
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
from signalbox.web.monitoring import schemas
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.palette import Hits


def group(context: MonitoringContext, view: GroupView) -> schemas.GroupOut:
    return schemas.GroupOut(**_group(context, view))


def group_detail(context: MonitoringContext, view: GroupView) -> schemas.GroupDetail:
    members = view.group.members
    return schemas.GroupDetail(
        **_group(context, view),
        coordinator=view.group.coordinator,
        notes=list(view.group.notes),
        members=None
        if members is None
        else [
            schemas.MemberOut(
                id=member.id,
                client=member.client,
                host=member.host,
                assigned={name: list(partitions) for name, partitions in member.assigned.items()},
                note=member.note,
            )
            for member in members
        ],
    )


def partition(context: MonitoringContext, kind: BrokerKind, view: PartitionView) -> schemas.PartitionOut:
    return schemas.PartitionOut(
        destination=view.destination,
        partition=view.partition,
        committed_offset=view.settled,
        start_offset=view.start,
        end_offset=view.end,
        last_progress_at=view.moved_at,
        member=view.member,
        verdict=_verdict(view.verdict, words.plain(words.partition_reason(view, kind, context.now))),
        flow=_flow(view.flow),
    )


def destination(context: MonitoringContext, view: DestinationView) -> schemas.DestinationOut:
    destination = view.destination
    return schemas.DestinationOut(
        **_freshness(context, view.connection, view.read_at, view.interval_s),
        connection=view.connection,
        broker=view.kind.value,
        name=view.name,
        kind=destination.kind,
        state=destination.state,
        internal=destination.internal,
        partitions=None if destination.partitions is None else len(destination.partitions),
        messages=destination.messages,
        approximate=destination.approximate,
        size_bytes=destination.size_bytes,
        rate_in=view.rate_in,
        retention=_retention(destination.retention),
        data_loss_at=view.loses_at,
        consumer_groups=list(view.consumer_groups),
        dead_letters_to=destination.dead_letters_to,
        settings=dict(destination.settings),
        verdict=_verdict(view.verdict, words.plain(words.destination_sentence(view, context.now))),
    )


def destination_partitions(
    partitions: Partitions, rates: Mapping[int, float | None], first: int, limit: int
) -> list[schemas.DestinationPartitionOut]:
    """Return `limit` partitions by number, without the `first` ones."""
    rows = sorted(range(len(partitions)), key=lambda row: partitions.index[row])[first : first + limit]
    return [
        schemas.DestinationPartitionOut(
            partition=partitions.index[row],
            leader=_known(partitions.leader[row]),
            replicas=list(partitions.replicas[row]) if partitions.replicas else [],
            in_sync_replicas=list(partitions.in_sync[row]) if partitions.in_sync else [],
            start_offset=_known(partitions.start[row]),
            end_offset=_known(partitions.end[row]),
            size_bytes=None if partitions.size_bytes is None else _known(partitions.size_bytes[row]),
            rate_in=rates.get(partitions.index[row]),
            unknown_reason=None if partitions.why[row] is Why.KNOWN else partitions.why[row].value,
        )
        for row in rows
    ]


def connection(context: MonitoringContext, view: ConnectionView) -> schemas.ConnectionOut:
    return schemas.ConnectionOut(**_connection(context, view))


def connection_detail(context: MonitoringContext, view: ConnectionView) -> schemas.ConnectionDetail:
    cluster = view.cluster
    nodes = None if cluster is None or cluster.nodes is None else [_node(node) for node in cluster.nodes]
    limits = () if cluster is None else cluster.limits
    return schemas.ConnectionDetail(
        **_connection(context, view),
        nodes=nodes,
        under_replicated=None if cluster is None else cluster.under_replicated,
        offline=None if cluster is None else cluster.offline,
        alarms=[] if cluster is None else list(cluster.alarms),
        limits=[
            schemas.LimitOut(name=limit.name, used=limit.used, maximum=limit.maximum, unit=limit.unit)
            for limit in limits
        ],
        missing_permissions=[] if cluster is None else list(cluster.missing_permissions),
        notes=[] if cluster is None else list(cluster.notes),
        faults=[
            schemas.FaultOut(resource=fault.resource, reason=fault.why.value, detail=fault.detail)
            for fault in view.faults
        ],
        data_collection=[
            schemas.CollectionOut(
                request=call.request,
                interval_s=call.interval_s,
                duration_s=call.duration_s,
                completed_at=call.at,
                rows=call.rows,
            )
            for call in view.calls
        ],
    )


def history(window: str, points: Points) -> schemas.HistoryOut:
    return schemas.HistoryOut(
        window=window,
        step_s=points.step_s,
        at=points.at,
        lag=points.lag,
        rate_in=points.rate_in,
        rate_out=points.rate_out,
    )


def change(change: Change) -> schemas.ChangeOut:
    return schemas.ChangeOut(
        at=change.at,
        connection=change.connection,
        group=change.group,
        before=change.before,
        after=change.after.value,
        detail=change.detail,
    )


def search_results(found: Iterable[Hits]) -> list[schemas.SearchResultOut]:
    return [
        schemas.SearchResultOut(kind=hits.kind, name=hit.name, location=hit.location, href=hit.href, status=hit.status)
        for hits in found
        for hit in hits.hits
    ]


def _freshness(context: MonitoringContext, connection: str, read_at: float, interval_s: float) -> dict[str, Any]:
    stale = context.is_unreachable(connection) or context.is_stale(connection, read_at, interval_s)
    return {"read_at": read_at, "age_s": max(0.0, context.now - read_at), "stale": stale}


def _group(context: MonitoringContext, view: GroupView) -> dict[str, Any]:
    group = view.group
    sentences = (words.group_sentence(view, context.now), words.group_reason(view, context.now))
    return _freshness(context, view.connection, view.read_at, view.interval_s) | {
        "connection": view.connection,
        "broker": view.kind.value,
        "name": view.name,
        "kind": group.kind,
        "state": group.state.value,
        "broker_state": group.state_text,
        "destinations": list(group.destinations),
        "partitions": len(group.positions),
        "member_count": group.member_count,
        "in_flight": group.in_flight,
        "waiting": group.waiting,
        "redelivered": group.redelivered,
        "verdict": _verdict(view.verdict, " ".join(words.plain(s) for s in sentences if s)),
        "flow": _flow(view.flow),
    }


def _connection(context: MonitoringContext, view: ConnectionView) -> dict[str, Any]:
    cluster = view.cluster
    at = view.answered_at
    return {
        "read_at": at,
        "age_s": None if at is None else max(0.0, context.now - at),
        "stale": context.is_unreachable(view.name) or at is None or context.is_stale(view.name, at, view.interval_s),
        "name": view.name,
        "broker": view.kind.value,
        "status": view.link.value,
        "since": view.since,
        "sentence": words.plain(words.connection_sentence(view, context.now)),
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


def _node(node: Node) -> schemas.NodeOut:
    return schemas.NodeOut(
        id=node.id,
        address=node.address,
        running=node.running,
        controller=node.controller,
        version=node.version,
        note=node.note,
    )


def _verdict(verdict: Verdict, sentence: str) -> schemas.VerdictOut:
    return schemas.VerdictOut(
        status=verdict.status.value,
        sentence=sentence,
        since=verdict.since,
        since_exact=verdict.since_exact,
        until=verdict.until,
    )


def _flow(flow: Flow) -> schemas.FlowOut:
    lag = flow.time_lag
    return schemas.FlowOut(
        lag=flow.lag,
        lag_partial=flow.lag_partial,
        approximate=flow.approximate,
        time_lag=None if lag is None else schemas.TimeLagOut(seconds=lag.seconds, method=lag.method.value),
        rate_in=flow.rate_in,
        rate_out=flow.rate_out,
        caught_up_at=flow.drained_at,
    )


def _retention(retention: RetentionLimits | None) -> schemas.RetentionOut | None:
    if retention is None:
        return None
    return schemas.RetentionOut(
        age_s=retention.age_s, size_bytes=retention.size_bytes, messages=retention.messages, policy=retention.policy
    )


def _known(value: int) -> int | None:
    return None if value == UNKNOWN else value
