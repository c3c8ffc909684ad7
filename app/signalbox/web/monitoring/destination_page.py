"""The page of one destination: retention, consumer groups, and how evenly its partitions are used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signalbox.brokers.model import Destination, Partitions, RetentionLimits, Why
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.columns import known
from signalbox.monitoring.model import DestinationView, Status
from signalbox.web import urls
from signalbox.web.lists import StatusLabel
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.monitoring.components import (
    Detail,
    Fact,
    Head,
    connection_notices,
    in_note,
    rate_fact,
    size_fact,
    status_label,
)
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.destination_rows import destination_status, layout_text, retention_detail, retention_text
from signalbox.web.monitoring.group_rows import GroupRow, group_row
from signalbox.web.monitoring.totals import most_severe_first

ROWS_MAX = 100
GROUPS_MAX = 50
SETTINGS_MAX = 60
HOT_FROM = 2.0  # times the mean; below, the skew of keys is normal
SKEW_BAR_MAX = 3.0  # times the mean: a full bar


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationHead(Head):
    kind: str
    layout: str
    connection: str
    connection_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationPartitionRow:
    partition: int
    status: StatusLabel
    leader: str
    replicas: str
    in_sync: str
    under_replicated: bool
    start_offset: str
    end_offset: str
    size: str
    rate_in: str
    skew: float | None  # times the mean
    skew_width: str  # of the bar, in percent
    hot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationPartitionTable:
    """One live fragment. Empty for a queue without positions."""

    key: str
    total: int
    rows: tuple[DestinationPartitionRow, ...]
    more: int
    has_replicas: bool
    has_sizes: bool
    has_skew: bool
    all_href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationPage:
    head: DestinationHead
    partitions: DestinationPartitionTable
    groups: tuple[GroupRow, ...]
    groups_total: int
    retention: tuple[Detail, ...]
    settings: tuple[Detail, ...]
    dead_letters_to: str
    dead_letters_href: str


def destination_page(context: MonitoringContext, view: DestinationView) -> DestinationPage:
    destination = view.destination
    target = destination.dead_letters_to
    settings = list(destination.settings.items())[:SETTINGS_MAX]
    found = [context.monitor.group(view.connection, name) for name in view.consumer_groups]
    groups = most_severe_first(group for group in found if group is not None)[:GROUPS_MAX]
    return DestinationPage(
        head=destination_head(context, view),
        partitions=destination_partition_table(context, view),
        groups=tuple(group_row(context, group) for group in groups),
        groups_total=len(view.consumer_groups),
        retention=_retention(context, view),
        settings=tuple(Detail(name, value, mono=True) for name, value in settings),
        dead_letters_to=target or "",
        dead_letters_href=monitoring_urls.destination(view.connection, target) if target else "",
    )


def destination_head(context: MonitoringContext, view: DestinationView) -> DestinationHead:
    unreachable = context.is_unreachable(view.connection)
    stale = unreachable or context.is_stale(view.connection, view.read_at, view.interval_s)
    status = context.status_of(view)
    status_text = status.value if unreachable else destination_status(view, context.now)
    sentence = words.destination_sentence(view, context.now)
    return DestinationHead(
        key=keys.destination(view.connection, view.name),
        name=view.name,
        kind=view.destination.kind,
        layout=layout_text(view.destination),
        status=status_label(status, status_text, stale=stale and not unreachable),
        connection=view.connection,
        connection_href=monitoring_urls.connection(view.connection),
        read_at=view.read_at,
        interval_s=view.interval_s,
        sentence=words.as_of(sentence, view.read_at, context.now, unknown=unreachable) if stale else sentence,
        reason=words.destination_reason(view, context.now),
        facts=_facts(context, view),
        stale=stale,
        notices=connection_notices(context, context.connections.get(view.connection), view.read_at),
    )


def _messages_note(destination: Destination) -> str:
    if destination.partitions is None:
        return "in the queue"
    return "at most: some offsets may hold none" if destination.messages_at_most else "end minus start"


def _facts(context: MonitoringContext, view: DestinationView) -> tuple[Fact, ...]:
    destination = view.destination
    return (
        rate_fact("In", view.rate_in, in_note(at_least=view.rate_in_at_least)),
        Fact(
            "Messages",
            figures.number(
                destination.messages, approximate=destination.approximate and not destination.messages_at_most
            ),
            note=_messages_note(destination),
        ),
        size_fact("Size", destination.size_bytes, "1 replica"),
        Fact("Retention", retention_text(destination), note=_retention_note(destination.retention)),
        *_skew_fact(context.monitor.partition_rates(view.connection, view.name)),
        *_in_sync_fact(destination.partitions),
    )


def _skew_fact(rates: Mapping[int, float | None]) -> tuple[Fact, ...]:
    known = {partition: rate for partition, rate in rates.items() if rate is not None}
    mean = sum(known.values()) / len(known) if known else 0.0
    if len(known) < 2 or mean <= 0:
        return ()
    hottest = max(known, key=lambda partition: known[partition])
    skew = known[hottest] / mean
    note = f"partition {hottest}, mean is {figures.rate(mean)}"
    tone = "caution" if skew >= HOT_FROM else ""
    return (Fact("Skew", f"{skew:.1f}", unit="times", note=note, tone=tone),)


def _in_sync_fact(rows: Partitions | None) -> tuple[Fact, ...]:
    if rows is None or not any(rows.replicas):
        return ()
    replicas, in_sync = sum(map(len, rows.replicas)), sum(map(len, rows.in_sync))
    missing = replicas - in_sync
    return (
        Fact(
            "In sync",
            f"{in_sync:,}",
            unit=f"of {replicas:,}",
            note=f"replicas; {missing:,} out of sync" if missing else "replicas",
            tone="caution" if missing else "",
        ),
    )


def _retention_note(retention: RetentionLimits | None) -> str:
    if retention is None:
        return "the broker reports no limit"
    return retention_detail(retention) or ("by time, no size limit" if retention.age_s is not None else "no limit")


def destination_partition_table(context: MonitoringContext, view: DestinationView) -> DestinationPartitionTable:
    partitions = view.destination.partitions
    rates = context.monitor.partition_rates(view.connection, view.name)
    known = [rate for rate in rates.values() if rate is not None]
    mean = sum(known) / len(known) if len(known) > 1 else 0.0
    rows = () if partitions is None else _partition_rows(partitions, rates, mean)
    total = 0 if partitions is None else len(partitions)
    return DestinationPartitionTable(
        key=keys.destination(view.connection, view.name),
        total=total,
        rows=rows,
        more=total - len(rows),
        has_replicas=partitions is not None and any(partitions.replicas),
        has_sizes=partitions is not None and partitions.size_bytes is not None,
        has_skew=mean > 0,
        all_href=urls.api("destinations", view.connection, view.name, "partitions"),
    )


def _partition_rows(
    partitions: Partitions, rates: Mapping[int, float | None], mean: float
) -> tuple[DestinationPartitionRow, ...]:
    """Return the first rows: not ok first, then by number."""

    def order(row: int) -> tuple[bool, int]:
        return partitions.why[row] is Why.KNOWN and not _out_of_sync(partitions, row), partitions.index[row]

    ordered = sorted(range(len(partitions)), key=order)[:ROWS_MAX]
    return tuple(_partition_row(partitions, row, rates, mean) for row in ordered)


def _out_of_sync(partitions: Partitions, row: int) -> int:
    return len(partitions.replicas[row]) - len(partitions.in_sync[row]) if partitions.replicas else 0


def _partition_row(
    partitions: Partitions, row: int, rates: Mapping[int, float | None], mean: float
) -> DestinationPartitionRow:
    out_of_sync = _out_of_sync(partitions, row)
    rate = rates.get(partitions.index[row])
    skew = rate / mean if rate is not None and mean > 0 else None
    no_leader = partitions.why[row] is Why.NO_LEADER
    return DestinationPartitionRow(
        partition=partitions.index[row],
        status=_partition_status(partitions.why[row], out_of_sync, skew),
        leader="none" if no_leader else figures.number(known(partitions.leader[row])),
        replicas=_node_ids(partitions.replicas, row),
        in_sync=_node_ids(partitions.in_sync, row),
        under_replicated=out_of_sync > 0,
        start_offset=figures.number(known(partitions.start[row])),
        end_offset=figures.number(known(partitions.end[row])),
        size=figures.size(None if partitions.size_bytes is None else known(partitions.size_bytes[row])),
        rate_in=figures.rate_number(rate, decimal=True),
        skew=skew,
        skew_width="0%" if skew is None else f"{min(100.0, skew / SKEW_BAR_MAX * 100):.1f}%",
        hot=skew is not None and skew >= HOT_FROM,
    )


def _partition_status(why: Why, out_of_sync: int, skew: float | None) -> StatusLabel:
    if why is Why.NO_LEADER:
        return status_label(Status.STOPPED, "no leader")
    if why is Why.NOT_PERMITTED:
        return status_label(Status.NOT_PERMITTED)
    if why is not Why.KNOWN:
        return status_label(Status.UNKNOWN, f"unknown, {why}")
    if out_of_sync:
        return status_label(Status.BEHIND, "under-replicated")
    if skew is not None and skew >= HOT_FROM:
        return status_label(Status.BEHIND, f"hot, {skew:.1f} times the mean")
    return status_label(Status.OK)


def _node_ids(column: Sequence[Sequence[int]], row: int) -> str:
    return ", ".join(map(str, column[row])) if column else figures.UNKNOWN_WORD


def _retention(context: MonitoringContext, view: DestinationView) -> tuple[Detail, ...]:
    retention = view.destination.retention
    if retention is None:
        return ()
    by_time = "no limit" if retention.age_s is None else figures.duration(retention.age_s)
    by_size = "no limit" if retention.size_bytes is None else figures.size(retention.size_bytes)
    details = [Detail("By time", by_time), Detail("By size", by_size)]
    if retention.messages is not None:
        details.append(Detail("By count", f"{figures.number(retention.messages)} messages"))
    if retention.policy:
        details.append(Detail("Policy", retention.policy, mono=True))
    if view.loses_at is not None:
        loss_at = figures.utc_time(view.loses_at, context.now)
        details.append(Detail("Data loss", f"unread messages are deleted from {loss_at}", note="UTC"))
    return tuple(details)
