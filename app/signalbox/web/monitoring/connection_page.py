"""The list of connections, and the page of one: is it well, what may be seen of it, how often is it asked?"""

from collections.abc import Sequence
from dataclasses import dataclass

from signalbox.brokers.model import BrokerKind, Cluster, Node
from signalbox.brokers.settings import ConnectionSettings
from signalbox.kernel import figures
from signalbox.monitoring import keys, words
from signalbox.monitoring.model import SEVERITY, ConnectionView, DestinationView, LinkState, Status
from signalbox.monitoring.words import Span
from signalbox.web.monitoring import urls
from signalbox.web.monitoring.changes import ChangeRow, change_rows
from signalbox.web.monitoring.connection_facts import cluster_notices, connection_facts
from signalbox.web.monitoring.destination_rows import DestinationRow, destination_row
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.overview import product
from signalbox.web.monitoring.parts import Fact, Notice, Pair
from signalbox.web.monitoring.rows import GroupRow, Sign, group_row, plural, sign
from signalbox.web.monitoring.sums import by_cost

ROWS_SHOWN = 8
FAULTS_SHOWN = 20
CHANGES_SHOWN = 12
CHANGES_LOOKED_AT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    id: str
    address: str
    role: str
    sign: Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    what: str
    every: str
    took: str
    at: float
    every_s: float
    rows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    resource: str
    sign: Sign
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionHead:
    """Name, verdict, reason and facts: one live fragment."""

    key: str
    name: str
    product: str
    sign: Sign
    read_at: float | None
    interval_s: float
    sentence: Sequence[Span]
    why: Sequence[Span]
    facts: tuple[Fact, ...]
    stale: bool
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Nodes, limits, faults and how it is read: one live fragment."""

    key: str
    stale: bool
    nodes: tuple[NodeRow, ...] | None
    nodes_called: str
    limits: tuple[Pair, ...]
    faults: tuple[FaultRow, ...]
    faults_more: int
    calls: tuple[CallRow, ...]
    excluded: str
    missing_rights: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPage:
    head: ConnectionHead
    health: Health
    groups: tuple[GroupRow, ...]
    groups_total: int
    groups_href: str
    destinations: tuple[DestinationRow, ...]
    destinations_total: int
    destinations_href: str
    configured: tuple[Pair, ...]
    changes: tuple[ChangeRow, ...]


def connection_page(glance: Glance, view: ConnectionView, settings: ConnectionSettings | None) -> ConnectionPage:
    groups = glance.monitor.groups(view.name)
    destinations = glance.monitor.destinations(view.name)
    changes = [c for c in glance.monitor.changes(CHANGES_LOOKED_AT) if c.connection == view.name]
    return ConnectionPage(
        head=connection_head(glance, view),
        health=health(view),
        groups=tuple(group_row(glance, g) for g in by_cost(groups)[:ROWS_SHOWN]),
        groups_total=len(groups),
        groups_href=urls.groups(connection=view.name),
        destinations=tuple(destination_row(glance, d) for d in _dearest(destinations)[:ROWS_SHOWN]),
        destinations_total=len(destinations),
        destinations_href=urls.destinations(connection=view.name),
        configured=_configured(view, settings),
        changes=change_rows(changes[:CHANGES_SHOWN], placed=False),
    )


def connection_head(glance: Glance, view: ConnectionView) -> ConnectionHead:
    return ConnectionHead(
        key=keys.connection(view.name),
        name=view.name,
        product=product(view),
        sign=sign(view.link, words.link_text(view, glance.now)),
        read_at=view.answered_at,
        interval_s=view.interval_s,
        sentence=words.connection_sentence(view, glance.now),
        why=words.connection_reason(view, glance.now),
        facts=connection_facts(glance, view),
        stale=glance.unseen(view.name) or view.link is LinkState.STALE,
        notices=(*cluster_notices(view), *_then(glance, view)),
    )


def _then(glance: Glance, view: ConnectionView) -> tuple[Notice, ...]:
    """Say that what stands below is old, where the sentence above does not say it already."""
    if view.link is not LinkState.DOWN or view.answered_at is None:
        return ()
    old = figures.duration(glance.now - view.answered_at)
    seen = f"What stands below is from {figures.utc_time(view.answered_at, glance.now)}, {old} ago."
    return (Notice(tone="caution", mark=words.mark(LinkState.DOWN), strong=seen),)


def health(view: ConnectionView) -> Health:
    cluster = view.cluster
    return Health(
        key=keys.connection(view.name),
        stale=view.link is not LinkState.CONNECTED,
        nodes=_nodes(view, cluster),
        nodes_called="Brokers" if view.kind is BrokerKind.KAFKA else "Nodes",
        limits=() if cluster is None else tuple(_limit(cluster)),
        faults=tuple(
            FaultRow(resource=f.resource, sign=_fault_sign(f.why.value), detail=f.detail)
            for f in view.faults[:FAULTS_SHOWN]
        ),
        faults_more=max(0, len(view.faults) - FAULTS_SHOWN),
        calls=tuple(
            CallRow(
                what=call.request,
                every=figures.duration(call.interval_s),
                took=figures.duration(call.duration_s),
                at=call.at,
                every_s=call.interval_s,
                rows="" if call.rows is None else plural(call.rows, "row"),
            )
            for call in view.calls
        ),
        excluded=f"{plural(view.excluded, 'internal or excluded thing')} left out" if view.excluded else "",
        missing_rights=() if cluster is None else cluster.missing_rights,
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
            sign=_node_sign(node, then=view.link is not LinkState.CONNECTED),
        )
        for node in cluster.nodes
    )


def _role(view: ConnectionView, node: Node) -> str:
    if not node.controller:
        return ""
    return {BrokerKind.KAFKA: "active controller", BrokerKind.NATS: "meta leader"}.get(view.kind, "controller")


def _node_sign(node: Node, *, then: bool) -> Sign:
    if node.running is None:
        return sign(Status.UNKNOWN)
    told = ("running" if node.running else "does not run") + (", then" if then else "")
    return sign(Status.OK if node.running else Status.STOPPED, told)


def _fault_sign(why: str) -> Sign:
    return sign(Status.NOT_PERMITTED if why == Status.NOT_PERMITTED.value else Status.UNKNOWN, why)


def _limit(cluster: Cluster) -> list[Pair]:
    pairs = []
    for limit in cluster.limits:
        write = figures.size if limit.unit == "bytes" else figures.count
        most = "no limit" if limit.maximum is None else f"of {write(limit.maximum)}"
        share = "" if limit.maximum is None or limit.used is None else f", {figures.percent(limit.used, limit.maximum)}"
        unit = "" if limit.unit == "bytes" else f" {limit.unit}"
        pairs.append(Pair(label=limit.name, text=f"{write(limit.used)}{unit}", note=f"{most}{share}"))
    return pairs


def _dearest(views: Sequence[DestinationView]) -> list[DestinationView]:
    return sorted(views, key=lambda d: (SEVERITY[d.verdict.status], -(d.rate_in or 0.0), d.name))


def _configured(view: ConnectionView, settings: ConnectionSettings | None) -> tuple[Pair, ...]:
    """Say how it is configured, of what every kind has: nothing of it can be a secret."""
    tls = Pair(
        label="TLS",
        text="not verified" if not view.tls_verified else "verified wherever it is used",
        note="insecure_skip_verify = true" if not view.tls_verified else "",
    )
    if settings is None:
        return (tls,)
    return (
        Pair(label="Kind", text=settings.kind.value, mono=True),
        tls,
        Pair(label="Shows", text=", ".join(settings.include), mono=True),
        Pair(label="Leaves out", text=", ".join(settings.exclude) or "nothing by name", mono=bool(settings.exclude)),
        Pair(label="Internal", text="shown" if settings.show_internal else "left out"),
        Pair(label="Watched", text=", ".join(settings.watch) or "what open pages show", mono=bool(settings.watch)),
        Pair(label="Batches", text=", ".join(settings.batch) or "none", mono=bool(settings.batch)),
        Pair(label="Waits", text=figures.duration(settings.timeout_s), note="for one answer"),
        Pair(label="Secrets", text="never shown"),
    )
