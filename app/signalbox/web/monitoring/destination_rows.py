"""A destination as a row of any list."""

from dataclasses import dataclass

from signalbox.brokers.model import Destination, RetentionLimits
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import DestinationView, Reason, Status
from signalbox.web.lists import StatusLabel
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.components import plural, status_label
from signalbox.web.monitoring.context import MonitoringContext

UNTIL_ACKNOWLEDGED = "until acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRow:
    """One destination in a list. Names are not escaped yet."""

    key: str
    href: str
    name: str
    layout: str
    connection: str
    connection_href: str
    kind: str
    status: StatusLabel
    stale: bool
    rate_in: str
    messages: str
    bound: str  # "at most", or ""
    size: str
    retention: str
    retention_detail: str
    groups: str
    groups_detail: str
    read_at: float
    interval_s: float


def destination_row(context: MonitoringContext, view: DestinationView) -> DestinationRow:
    destination = view.destination
    unreachable = context.is_unreachable(view.connection)
    stale = not unreachable and context.is_stale(view.connection, view.read_at, view.interval_s)
    status = context.status_of(view)
    status_text = status.value if unreachable else destination_status(view, context.now)
    messages = None if unreachable else destination.messages
    return DestinationRow(
        key=keys.destination(view.connection, view.name),
        href=urls.destination(view.connection, view.name),
        name=view.name,
        layout=layout_text(destination),
        connection=view.connection,
        connection_href=urls.connection(view.connection),
        kind=_kind(destination),
        status=status_label(status, status_text, stale=stale),
        stale=stale,
        rate_in=figures.rate_number(None if unreachable else view.rate_in),
        messages=figures.number(messages, approximate=destination.approximate and not destination.messages_at_most),
        bound="at most" if messages and destination.messages_at_most else "",
        size=figures.size(None if unreachable else destination.size_bytes),
        retention=retention_text(destination),
        retention_detail=retention_detail(destination.retention),
        groups=plural(len(view.consumer_groups), "group") if view.consumer_groups else "none known",
        groups_detail=_groups_detail(context, view),
        read_at=view.read_at,
        interval_s=view.interval_s,
    )


def destination_status(view: DestinationView, now: float) -> str:
    """Describe the status: "1 of 12 under-replicated", "hot, partition 7"."""
    verdict = view.verdict
    partitions = view.destination.partitions
    affected = f"{verdict.partitions_affected:,} of {0 if partitions is None else len(partitions):,}"
    match verdict.reason:
        case Reason.CONSUMERS if verdict.status is not Status.WILL_LOSE_DATA:
            groups = verdict.partitions_affected
            return f"1 group {words.status_word(verdict, now)}" if groups == 1 else f"{groups:,} groups need attention"
        case Reason.NO_LEADER:
            return f"{affected} without a leader"
        case Reason.UNDER_REPLICATED:
            return f"{affected} under-replicated"
        case Reason.NEARLY_FULL | Reason.FULL | Reason.COPY_BROKEN:
            return str(verdict.reason)
        case Reason.HOT:
            return f"hot, partition {verdict.partition}"
        case Reason.NOT_RUNNING:
            return "not running"
        case Reason.COUNT_ONLY:
            return "growing" if verdict.status is Status.BEHIND else str(verdict.status)
        case _:
            return words.status_text(verdict, now)


def layout_text(destination: Destination) -> str:
    """Describe partitions and replicas: "12 partitions, 3 replicas"."""
    rows = destination.partitions
    if rows is None or len(rows) < 1:
        return destination.state if destination.state != "running" else ""
    partitions = plural(len(rows), "partition") if destination.kind == "topic" else ""
    replicas = max((len(replicas) for replicas in rows.replicas), default=0)
    return ", ".join(part for part in (partitions, plural(replicas, "replica") if replicas else "") if part)


def _kind(destination: Destination) -> str:
    policy = "" if destination.retention is None else destination.retention.policy
    return f"{destination.kind}, {policy}" if policy and destination.kind in {"topic", "stream"} else destination.kind


def retention_text(destination: Destination) -> str:
    retention = destination.retention
    if retention is None:
        return UNTIL_ACKNOWLEDGED if "queue" in destination.kind else figures.UNKNOWN_WORD
    if retention.age_s is not None:
        return figures.duration(retention.age_s)
    if retention.policy == "compact":
        return "latest per key"
    if retention.size_bytes is not None or retention.messages is not None:
        return "until full"
    return UNTIL_ACKNOWLEDGED if retention.policy in {"workqueue", "interest", "until acknowledged"} else "forever"


def retention_detail(retention: RetentionLimits | None) -> str:
    if retention is None:
        return ""
    if retention.size_bytes is not None:
        return f"of {figures.size(retention.size_bytes)}"
    return f"of {figures.number(retention.messages)} messages" if retention.messages is not None else ""


def _groups_detail(context: MonitoringContext, view: DestinationView) -> str:
    if context.is_unreachable(view.connection) or not view.consumer_groups:
        return ""
    groups = [context.monitor.group(view.connection, name) for name in view.consumer_groups]
    not_ok = sum(group is not None and context.status_of(group) is not Status.OK for group in groups)
    return f"{not_ok:,} not ok" if not_ok else "all ok"
