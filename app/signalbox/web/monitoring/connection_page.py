"""The page of one connection: is it healthy, what cannot be read, how often is it read?"""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind, Cluster, Node
from signalbox.brokers.settings import ConnectionSettings
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import SEVERITY, ConnectionView, DestinationView, LinkState, Status
from signalbox.web.lists import StatusLabel
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.change_rows import RecentChanges, connection_changes
from signalbox.web.monitoring.components import Detail, Head, Notice, plural, status_label
from signalbox.web.monitoring.connection_facts import cluster_notices, connection_facts
from signalbox.web.monitoring.connection_list import product
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.destination_rows import DestinationRow, destination_row
from signalbox.web.monitoring.group_rows import GroupRow, group_row
from signalbox.web.monitoring.totals import most_severe_first

ROWS_SHOWN = 8
FAULTS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    id: str
    address: str
    role: str
    status: StatusLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRow:
    """One kind of request that Signalbox sends to the broker."""

    name: str
    interval: str
    duration: str
    completed_at: float
    interval_s: float
    rows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    resource: str
    status: StatusLabel
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionHead(Head):
    product: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionHealth:
    key: str
    stale: bool
    nodes: tuple[NodeRow, ...] | None
    nodes_title: str
    limits: tuple[Detail, ...]
    faults: tuple[FaultRow, ...]
    more_faults: int
    collection: tuple[CollectionRow, ...]
    excluded: str
    missing_permissions: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPage:
    head: ConnectionHead
    health: ConnectionHealth
    groups: tuple[GroupRow, ...]
    groups_total: int
    groups_href: str
    destinations: tuple[DestinationRow, ...]
    destinations_total: int
    destinations_href: str
    configuration: tuple[Detail, ...]
    changes: RecentChanges


def connection_page(
    context: MonitoringContext, view: ConnectionView, settings: ConnectionSettings | None
) -> ConnectionPage:
    groups = context.monitor.groups(view.name)
    destinations = context.monitor.destinations(view.name)
    return ConnectionPage(
        head=connection_head(context, view),
        health=connection_health(view),
        groups=tuple(group_row(context, g) for g in most_severe_first(groups)[:ROWS_SHOWN]),
        groups_total=len(groups),
        groups_href=urls.groups(connection=view.name),
        destinations=tuple(destination_row(context, d) for d in _most_severe_first(destinations)[:ROWS_SHOWN]),
        destinations_total=len(destinations),
        destinations_href=urls.destinations(connection=view.name),
        configuration=_configuration(view, settings),
        changes=connection_changes(context, view),
    )


def connection_head(context: MonitoringContext, view: ConnectionView) -> ConnectionHead:
    return ConnectionHead(
        key=keys.connection(view.name),
        name=view.name,
        product=product(view),
        status=status_label(words.link_status(view), words.link_text(view, context.now)),
        read_at=view.answered_at,
        interval_s=view.interval_s,
        sentence=words.connection_sentence(view, context.now),
        reason=words.connection_reason(view, context.now),
        facts=connection_facts(context, view),
        stale=context.is_unreachable(view.name) or view.link is LinkState.STALE,
        notices=(*cluster_notices(view), *_age_notice(context, view)),
    )


def _age_notice(context: MonitoringContext, view: ConnectionView) -> tuple[Notice, ...]:
    """Say how old the data is, where the headline does not."""
    if view.link is not LinkState.DOWN or view.answered_at is None:
        return ()
    text = f"Data from {figures.utc_time(view.answered_at, context.now)}."
    return (Notice("caution", words.mark(LinkState.DOWN), text),)


def connection_health(view: ConnectionView) -> ConnectionHealth:
    cluster = view.cluster
    return ConnectionHealth(
        key=keys.connection(view.name),
        stale=view.link is not LinkState.CONNECTED,
        nodes=_nodes(view, cluster),
        nodes_title="Brokers" if view.kind is BrokerKind.KAFKA else "Nodes",
        limits=() if cluster is None else _limits(cluster),
        faults=tuple(
            FaultRow(resource=fault.resource, status=_fault_status(fault.why.value), detail=fault.detail)
            for fault in view.faults[:FAULTS_SHOWN]
        ),
        more_faults=max(0, view.fault_count - FAULTS_SHOWN),
        collection=tuple(
            CollectionRow(
                name=call.request,
                interval=figures.duration(call.interval_s),
                duration=figures.duration(call.duration_s),
                completed_at=call.at,
                interval_s=call.interval_s,
                rows="" if call.rows is None else plural(call.rows, "row"),
            )
            for call in view.calls
        ),
        excluded=f"{plural(view.excluded, 'internal or excluded name')} not shown" if view.excluded else "",
        missing_permissions=() if cluster is None else cluster.missing_permissions,
        notes=() if cluster is None else cluster.notes,
    )


def _nodes(view: ConnectionView, cluster: Cluster | None) -> tuple[NodeRow, ...] | None:
    if cluster is None or cluster.nodes is None:
        return None
    return tuple(
        NodeRow(
            id=node.id,
            address=node.address,
            role=", ".join(part for part in (_role(view, node), node.version or "", node.note) if part),
            status=_node_status(node, stale=view.link is not LinkState.CONNECTED),
        )
        for node in cluster.nodes
    )


def _role(view: ConnectionView, node: Node) -> str:
    if not node.controller:
        return ""
    return {BrokerKind.KAFKA: "active controller", BrokerKind.NATS: "meta leader"}.get(view.kind, "controller")


def _node_status(node: Node, *, stale: bool) -> StatusLabel:
    if node.running is None:
        return status_label(Status.UNKNOWN)
    if node.running:
        return status_label(Status.OK, "running", stale=stale)
    return status_label(Status.STOPPED, "not running", stale=stale)


def _fault_status(why: str) -> StatusLabel:
    return status_label(Status.NOT_PERMITTED if why == Status.NOT_PERMITTED.value else Status.UNKNOWN, why)


def _limits(cluster: Cluster) -> tuple[Detail, ...]:
    details = []
    for limit in cluster.limits:
        format_value = figures.size if limit.unit == "bytes" else figures.number
        maximum = "no limit" if limit.maximum is None else f"of {format_value(limit.maximum)}"
        percent = (
            "" if limit.maximum is None or limit.used is None else f", {figures.percent(limit.used, limit.maximum)}"
        )
        unit = "" if limit.unit in {"bytes", limit.name} else f" {limit.unit}"
        details.append(Detail(limit.name, f"{format_value(limit.used)}{unit}", note=f"{maximum}{percent}"))
    return tuple(details)


def _most_severe_first(views: Sequence[DestinationView]) -> list[DestinationView]:
    return sorted(views, key=lambda d: (SEVERITY[d.verdict.status], -(d.rate_in or 0.0), d.name))


def _configuration(view: ConnectionView, settings: ConnectionSettings | None) -> tuple[Detail, ...]:
    """Return the settings that every kind of connection has: none of them can be a secret."""
    tls = Detail(
        "TLS",
        _tls(settings) if view.tls_verified else "not verified",
        note="" if view.tls_verified else "insecure_skip_verify = true",
    )
    if settings is None:
        return (tls,)
    return (
        Detail("Kind", settings.kind.value, mono=True),
        tls,
        Detail("Included", ", ".join(settings.include), mono=True),
        Detail("Excluded", ", ".join(settings.exclude) or "none", mono=bool(settings.exclude)),
        Detail("Internal names", "shown" if settings.show_internal else "not shown"),
        Detail("Watched", ", ".join(settings.watch) or "no names listed", mono=bool(settings.watch)),
        Detail("Batch groups", ", ".join(settings.batch) or "none", mono=bool(settings.batch)),
        Detail("Timeout", figures.duration(settings.timeout_s), note="per request"),
        *_secrets(settings),
    )


def _tls(settings: ConnectionSettings | None) -> str:
    """Say whether TLS is on, where the settings of the kind have a key for that."""
    enabled: bool | None = getattr(settings, "uses_tls", getattr(settings, "tls", None))
    if enabled is None:
        return "verified if the address uses TLS"
    return "on, verified" if enabled else "off"


def _secrets(settings: ConnectionSettings) -> tuple[Detail, ...]:
    secrets = {"password": "Password", "token": "Token", "secret_access_key": "Secret key"}
    return tuple(
        Detail(label, "set", note="not shown") for key, label in secrets.items() if getattr(settings, key, None)
    )
