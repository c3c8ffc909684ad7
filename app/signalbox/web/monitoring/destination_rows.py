"""A destination as a row of a list."""

from dataclasses import dataclass

from signalbox.brokers.model import Destination, Retention
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import DestinationView, Reason, Status
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.rows import Sign, plural, sign


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationRow:
    """One destination in a list. Names are not escaped yet."""

    key: str
    href: str
    name: str
    place: str
    connection: str
    connection_href: str
    kind: str
    sign: Sign
    stale: bool
    rate_in: str
    messages: str
    size: str
    kept: str
    kept_more: str
    readers: str
    readers_more: str
    read_at: float
    interval_s: float


def destination_row(glance: Glance, view: DestinationView) -> DestinationRow:
    found = view.destination
    unseen = glance.unseen(view.connection)
    stale = not unseen and glance.stale(view.connection, view.read_at, view.interval_s)
    status = glance.status_of(view)
    told = status.value if unseen else destination_status(view, glance.now)
    return DestinationRow(
        key=keys.destination(view.connection, view.name),
        href=urls.destination(view.connection, view.name),
        name=view.name,
        place=place(found),
        connection=view.connection,
        connection_href=urls.connection(view.connection),
        kind=kind(found),
        sign=sign(status, f"{told}, then" if stale else told),
        stale=stale,
        rate_in=figures.UNKNOWN_WORD if unseen else figures.rate_number(view.rate_in),
        messages=figures.UNKNOWN_WORD if unseen else figures.count(found.messages, approximate=found.approximate),
        size=figures.size(None if unseen else found.size_bytes),
        kept=kept(found),
        kept_more=kept_more(found.retention),
        readers=plural(len(view.consumer_groups), "group") if view.consumer_groups else "nobody known",
        readers_more=_readers_more(glance, view),
        read_at=view.read_at,
        interval_s=view.interval_s,
    )


def destination_status(view: DestinationView, now: float) -> str:
    """Say a destination's status in its own words: "1 of 12 lacks a copy", "hot, partition 7"."""
    verdict = view.verdict
    count = len(view.destination.partitions) if view.destination.partitions is not None else 0
    some = f"{verdict.partitions_affected:,} of {count:,}"
    match verdict.reason:
        case Reason.NO_LEADER:
            return f"{some} without a leader"
        case Reason.UNDER_REPLICATED:
            return f"{some} lacks a copy" if verdict.partitions_affected == 1 else f"{some} lack a copy"
        case Reason.NEARLY_FULL:
            return "nearly full"
        case Reason.HOT:
            return f"hot, partition {verdict.partition}"
        case Reason.NOT_RUNNING:
            return "not running"
        case Reason.COUNT_ONLY:
            return "grows" if verdict.status is Status.BEHIND else str(verdict.status)
        case _:
            return words.status_text(verdict, now)


def place(found: Destination) -> str:
    """Say its shape in a few words: "12 partitions, 3 copies"."""
    if found.partitions is None or len(found.partitions) < 1:
        return found.state if found.state != "running" else ""
    told = plural(len(found.partitions), "partition") if found.kind == "topic" else ""
    copies = max((len(replicas) for replicas in found.partitions.replicas), default=0)
    return ", ".join(part for part in (told, f"{copies} copies" if copies > 1 else "1 copy" if copies else "") if part)


def kind(found: Destination) -> str:
    policy = "" if found.retention is None else found.retention.policy
    return f"{found.kind}, {policy}" if policy and found.kind in {"topic", "stream"} else found.kind


def kept(found: Destination) -> str:
    """Say how long messages stay."""
    retention = found.retention
    if retention is None:
        return "until read" if "queue" in found.kind else figures.UNKNOWN_WORD
    if retention.age_s is not None:
        return figures.duration(retention.age_s)
    if retention.policy == "compact":
        return "last per key"
    if retention.size_bytes is not None or retention.messages is not None:
        return "until full"
    return "until read" if retention.policy in {"workqueue", "interest", "until acknowledged"} else "for ever"


def kept_more(retention: Retention | None) -> str:
    if retention is None:
        return ""
    if retention.size_bytes is not None:
        return f"of {figures.size(retention.size_bytes)}"
    return f"of {figures.count(retention.messages)} messages" if retention.messages is not None else ""


def _readers_more(glance: Glance, view: DestinationView) -> str:
    if glance.unseen(view.connection) or not view.consumer_groups:
        return ""
    found = [glance.monitor.group(view.connection, name) for name in view.consumer_groups]
    bad = sum(group is not None and glance.status_of(group) is not Status.OK for group in found)
    return "all ok" if not bad else f"{bad:,} not ok"
