"""The list of connections, most severe first. It is short: no filters, no paging."""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import SEVERITY, ConnectionView, GroupView, LinkState, Status
from signalbox.web.lists import StatusLabel
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.components import Headline, plural, status_label
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.headlines import connections_headline
from signalbox.web.monitoring.totals import Totals, destinations_of, totals_of

PRODUCTS = {
    BrokerKind.KAFKA: "Apache Kafka",
    BrokerKind.RABBITMQ: "RabbitMQ",
    BrokerKind.NATS: "NATS JetStream",
    BrokerKind.SQS: "Amazon SQS",
}
GROUP_NOUNS = {
    BrokerKind.KAFKA: "group",
    BrokerKind.RABBITMQ: "queue",
    BrokerKind.NATS: "consumer",
    BrokerKind.SQS: "queue",
}
ORDER = (LinkState.DOWN, LinkState.STALE, LinkState.CONNECTING, LinkState.CONNECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """One connection with the totals of its groups: in the list and in the overview."""

    key: str
    name: str
    href: str
    product: str
    status: StatusLabel
    error: str
    groups: str
    groups_detail: str
    destinations: str
    lag: str
    bound: str  # "at least", "at most", "about", or ""
    rate_in: str
    rate_in_at_least: bool
    rate_out: str
    rate_out_at_least: bool
    stale: bool
    read_at: float | None
    interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionsPage:
    headline: Headline
    rows: tuple[ConnectionRow, ...]


def connections_page(context: MonitoringContext) -> ConnectionsPage:
    ordered = sorted(context.connections.values(), key=_severity_key)
    return ConnectionsPage(
        headline=connections_headline(context), rows=tuple(connection_row(context, view) for view in ordered)
    )


def _severity_key(view: ConnectionView) -> tuple[int, int, str]:
    status = words.link_status(view)
    return ORDER.index(view.link), SEVERITY[status] if isinstance(status, Status) else len(SEVERITY), view.name


def connection_row(context: MonitoringContext, view: ConnectionView) -> ConnectionRow:
    groups = context.monitor.groups(view.name)
    total = current_totals(context, view)
    no_groups = not groups and not context.is_unreachable(view.name)  # then the totals are 0, not unknown
    return ConnectionRow(
        key=keys.connection(view.name),
        name=view.name,
        href=urls.connection(view.name),
        product=product(view),
        status=status_label(words.link_status(view), words.link_text(view, context.now)),
        error=view.error,
        groups=figures.number(None if view.never_read else view.groups),
        groups_detail=_groups_detail(context, view),
        destinations=figures.number(None if view.never_read else view.destinations),
        lag=figures.number(0 if no_groups else total.lag, approximate=total.approximate),
        bound=total.lag_bound,
        rate_in_at_least=total.rate_in_at_least,
        rate_out_at_least=total.rate_out_at_least,
        rate_in=figures.rate_number(0.0 if no_groups and not view.destinations else total.rate_in),
        rate_out=figures.rate_number(0.0 if no_groups else total.rate_out),
        stale=view.link is LinkState.STALE,
        read_at=view.answered_at,
        interval_s=view.interval_s,
    )


def product(view: ConnectionView) -> str:
    """Describe the broker: "Apache Kafka 4.3, 3 brokers, 46 groups"."""
    cluster = view.cluster
    parts = [PRODUCTS[view.kind] if cluster is None else f"{cluster.product} {cluster.version or ''}".strip()]
    if cluster is not None and cluster.nodes:
        parts.append(plural(len(cluster.nodes), "broker" if view.kind is BrokerKind.KAFKA else "node"))
    if view.answered_at is not None:
        parts.append(plural(view.groups, GROUP_NOUNS[view.kind]))
    return ", ".join(parts)


def current_totals(
    context: MonitoringContext, view: ConnectionView, groups: Sequence[GroupView] | None = None
) -> Totals:
    """Return the totals of the connection or of some of its groups; all unknown on an unreachable connection."""
    if context.is_unreachable(view.name):
        return Totals(oldest_read_at=view.answered_at)
    if groups is None:
        return totals_of(context.monitor.groups(view.name), context.monitor.destinations(view.name))
    return totals_of(groups, destinations_of(context.monitor, groups))


def _groups_detail(context: MonitoringContext, view: ConnectionView) -> str:
    if not view.groups:
        return ""
    if context.is_unreachable(view.name):
        return "status unknown"
    not_ok = view.groups - view.groups_ok
    return f"{not_ok:,} not ok" if not_ok else "all ok"
