"""The page of one consumer group: does it keep up, why not, when does it lose data?"""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import GroupView, PartitionView
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.charts import GroupCharts, group_charts
from signalbox.web.monitoring.components import Detail, Head, connection_notices, status_label
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.group_facts import group_facts
from signalbox.web.monitoring.members import Members, members
from signalbox.web.monitoring.partition_diagram import PartitionDiagram, partition_diagram
from signalbox.web.monitoring.partition_rows import PartitionTable, partition_table

DESTINATIONS_NAMED = 6


@dataclass(frozen=True, slots=True)
class NamedLink:
    name: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupHead(Head):
    destinations: tuple[NamedLink, ...]
    more_destinations: int
    connection: NamedLink
    kind: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFlow:
    key: str
    diagram: PartitionDiagram | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPage:
    head: GroupHead
    message_flow: MessageFlow
    charts: GroupCharts
    partitions: PartitionTable
    members: Members
    data_collection: tuple[Detail, ...]


def group_page(context: MonitoringContext, view: GroupView, *, window: str) -> GroupPage:
    partitions = context.partitions(view)
    return GroupPage(
        head=group_head(context, view),
        message_flow=message_flow(context, view, partitions),
        charts=group_charts(context, view, window),
        partitions=partition_table(context, view),
        members=members(view, partitions),
        data_collection=_data_collection(context, view),
    )


def group_head(context: MonitoringContext, view: GroupView) -> GroupHead:
    unreachable = context.is_unreachable(view.connection)
    stale = unreachable or context.is_stale_group(view)
    status = context.status_of(view)
    status_text = status.value if unreachable else words.status_text(view.verdict, context.now)
    sentence = words.group_sentence(view, context.now)
    names = view.group.destinations
    return GroupHead(
        key=keys.group(view.connection, view.name),
        name=view.name,
        status=status_label(status, status_text, stale=stale and not unreachable),
        destinations=tuple(NamedLink(n, urls.destination(view.connection, n)) for n in names[:DESTINATIONS_NAMED]),
        more_destinations=max(0, len(names) - DESTINATIONS_NAMED),
        connection=NamedLink(view.connection, urls.connection(view.connection)),
        kind=view.group.kind,
        read_at=view.read_at,
        interval_s=view.interval_s,
        sentence=words.as_of(sentence, view.read_at, context.now, unknown=unreachable) if stale else sentence,
        reason=words.group_reason(view, context.now),
        facts=group_facts(context, view),
        stale=stale,
        notices=connection_notices(context, context.connections.get(view.connection), view.read_at),
        notes=view.group.notes,
    )


def message_flow(context: MonitoringContext, view: GroupView, partitions: Sequence[PartitionView]) -> MessageFlow:
    rates = {}
    for name in dict.fromkeys(partition.destination for partition in partitions):
        found = context.monitor.destination(view.connection, name)
        rates[name] = "" if found is None or found.rate_in is None else figures.rate(found.rate_in)
    return MessageFlow(
        key=keys.group(view.connection, view.name), diagram=partition_diagram(view.name, partitions, rates)
    )


def _data_collection(context: MonitoringContext, view: GroupView) -> tuple[Detail, ...]:
    group = view.group
    details = [
        Detail("Interval", _interval(context, view)),
        Detail("Updated", figures.utc_time(view.read_at, context.now), note="UTC"),
        Detail("State at the broker", group.state_text or group.state.value, mono=bool(group.state_text)),
    ]
    if group.members_at is not None:
        text = figures.utc_time(group.members_at, context.now)
        details.append(Detail("Members updated", text, note="UTC"))
    if group.coordinator is not None:
        details.append(Detail("Coordinator", group.coordinator, mono=True))
    if view.kind is BrokerKind.KAFKA:
        text = "committed offsets are read before end offsets, so lag is never negative"
        details.append(Detail("Order", text))
    if group.approximate:
        details.append(Detail("Counts", "approximate: estimated by the broker, marked \u2248"))
    details.append(Detail("Partitions", f"{len(group.positions):,}"))
    return tuple(details)


def _interval(context: MonitoringContext, view: GroupView) -> str:
    """Return how often the group is read, and how often while a page shows it."""
    connection = context.connections.get(view.connection)
    usual_s = view.interval_s if connection is None else connection.interval_s
    watched_s = None if connection is None else connection.watch_interval_s
    text = f"every {figures.duration(usual_s)}"
    if watched_s is None or watched_s >= usual_s:
        return text
    return f"{text}; every {figures.duration(watched_s)} while this page is open"
