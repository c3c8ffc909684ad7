"""Build the JSON of /api/v1 from the monitor's views. Pure; unknown stays null."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from signalbox.brokers.model import BrokerKind, Cluster, Partitions, Why
from signalbox.monitoring import words
from signalbox.monitoring.columns import known
from signalbox.monitoring.model import (
    Change,
    ConnectionView,
    DestinationView,
    GroupView,
    PartitionView,
    Points,
    Verdict,
)
from signalbox.web.monitoring import schemas
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.paging import RowPage
from signalbox.web.palette import Hits

Item = TypeVar("Item")
Schema = TypeVar("Schema", bound=msgspec.Struct)
GroupSchema = TypeVar("GroupSchema", bound=schemas.GroupOut)
ConnectionSchema = TypeVar("ConnectionSchema", bound=schemas.ConnectionOut)
NO_CLUSTER = Cluster(read_at=0.0, product="", version=None, nodes=None)


def group(context: MonitoringContext, view: GroupView) -> schemas.GroupOut:
    return _group(schemas.GroupOut, context, view)


def group_detail(context: MonitoringContext, view: GroupView) -> schemas.GroupDetail:
    return _group(schemas.GroupDetail, context, view)


def partition(context: MonitoringContext, kind: BrokerKind, view: PartitionView) -> schemas.PartitionOut:
    return _build(
        schemas.PartitionOut,
        view,
        committed_offset=view.settled,
        start_offset=view.start,
        end_offset=view.end,
        last_progress_at=view.moved_at,
        verdict=_verdict(view.verdict, words.plain(words.partition_reason(view, kind, context.now))),
    )


def destination(context: MonitoringContext, view: DestinationView) -> schemas.DestinationOut:
    destination = view.destination
    return _build(
        schemas.DestinationOut,
        view,
        destination,
        **_freshness(context, view.connection, view.read_at, view.interval_s),
        broker=view.kind,
        kind=destination.kind,
        partitions=None if destination.partitions is None else len(destination.partitions),
        data_loss_at=view.loses_at,
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
            leader=known(partitions.leader[row]),
            replicas=list(partitions.replicas[row]) if partitions.replicas else [],
            in_sync_replicas=list(partitions.in_sync[row]) if partitions.in_sync else [],
            start_offset=known(partitions.start[row]),
            end_offset=known(partitions.end[row]),
            size_bytes=None if partitions.size_bytes is None else known(partitions.size_bytes[row]),
            rate_in=rates.get(partitions.index[row]),
            unknown_reason=None if partitions.why[row] is Why.KNOWN else partitions.why[row].value,
        )
        for row in rows
    ]


def connection(context: MonitoringContext, view: ConnectionView) -> schemas.ConnectionOut:
    return _connection(schemas.ConnectionOut, context, view)


def connection_detail(context: MonitoringContext, view: ConnectionView) -> schemas.ConnectionDetail:
    faults = [_build(schemas.FaultOut, fault, reason=fault.why) for fault in view.faults]
    calls = [_build(schemas.CollectionOut, call, completed_at=call.at) for call in view.calls]
    return _connection(schemas.ConnectionDetail, context, view, faults=faults, data_collection=calls)


def history(window: str, points: Points) -> schemas.HistoryOut:
    return _build(schemas.HistoryOut, points, window=window)


def change(change: Change) -> schemas.ChangeOut:
    return _build(schemas.ChangeOut, change)


def listing(page: RowPage[Any], items: list[Item]) -> schemas.Listing[Item]:
    return schemas.Listing(items=items, total=page.total, next=page.next_cursor, previous=page.previous_cursor)


def search_results(found: Iterable[Hits]) -> list[schemas.SearchResultOut]:
    return [_build(schemas.SearchResultOut, hit, kind=hits.kind) for hits in found for hit in hits.hits]


def _build(schema: type[Schema], *sources: object, **fields: object) -> Schema:
    """Take each field of the schema from `fields`, else from the first source that has it."""
    for name in schema.__struct_fields__:
        if name not in fields:
            fields[name] = next(getattr(source, name) for source in sources if hasattr(source, name))
    return msgspec.convert(fields, schema, from_attributes=True)


def _freshness(
    context: MonitoringContext, connection: str, read_at: float | None, interval_s: float
) -> dict[str, object]:
    if read_at is None:
        return {"read_at": None, "age_s": None, "stale": True}
    stale = context.is_unreachable(connection) or context.is_stale(connection, read_at, interval_s)
    return {"read_at": read_at, "age_s": max(0.0, context.now - read_at), "stale": stale}


def _group(schema: type[GroupSchema], context: MonitoringContext, view: GroupView) -> GroupSchema:
    sentences = (words.group_sentence(view, context.now), words.group_reason(view, context.now))
    return _build(
        schema,
        view,
        view.group,
        **_freshness(context, view.connection, view.read_at, view.interval_s),
        broker=view.kind,
        kind=view.group.kind,
        broker_state=view.group.state_text,
        partitions=len(view.group.positions),
        verdict=_verdict(view.verdict, " ".join(words.plain(s) for s in sentences if s)),
    )


def _connection(
    schema: type[ConnectionSchema], context: MonitoringContext, view: ConnectionView, **fields: object
) -> ConnectionSchema:
    cluster = view.cluster or NO_CLUSTER
    if view.never_read:  # nobody knows what exists there
        fields |= dict.fromkeys(("groups", "destinations", "excluded"))
    if context.is_unreachable(view.name):
        fields |= dict.fromkeys(("groups_ok", "groups_attention", "destinations_attention"))
    return _build(
        schema,
        view,
        cluster,
        **_freshness(context, view.name, view.answered_at, view.interval_s),
        **fields,
        broker=view.kind,
        status=view.link,
        sentence=words.plain(words.connection_sentence(view, context.now)),
        product=cluster.product or None,
    )


def _verdict(verdict: Verdict, sentence: str) -> schemas.VerdictOut:
    return _build(schemas.VerdictOut, verdict, sentence=sentence)
