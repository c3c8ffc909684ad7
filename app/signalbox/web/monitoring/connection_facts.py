"""The figures and notices at the head of a connection's page."""

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring.model import ConnectionView
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.parts import Fact, Notice, rate_fact
from signalbox.web.monitoring.rows import plural
from signalbox.web.monitoring.sums import sums

DESTINATIONS_CALLED = {
    BrokerKind.KAFKA: "Topics",
    BrokerKind.RABBITMQ: "Queues",
    BrokerKind.NATS: "Streams",
    BrokerKind.SQS: "Queues",
}


def connection_facts(glance: Glance, view: ConnectionView) -> tuple[Fact, ...]:
    if view.answered_at is None:
        return ()
    total = sums(glance.monitor.groups(view.name))
    bad = view.groups - view.groups_ok
    note = "messages" if not total.lag_partial else "messages, at least: some are unknown"
    facts = [
        Fact(
            label="Groups",
            figure=figures.count(view.groups),
            note=_how(glance, view, bad),
        ),
        Fact(
            label=DESTINATIONS_CALLED[view.kind],
            figure=figures.count(view.destinations),
            note=_partitions(glance, view),
        ),
        Fact(label="Lag", figure=figures.count(total.lag, approximate=total.approximate), note=note),
        rate_fact("In", total.rate_in, f"read by groups; {figures.rate(total.rate_out)} out"),
    ]
    return (*facts, *_copies(view))


def _how(glance: Glance, view: ConnectionView, bad: int) -> str:
    if glance.unseen(view.name):
        return "how they do is unknown"
    return f"{view.groups_ok:,} ok, {bad:,} not ok" if bad else "all ok" if view.groups else "none reads here"


def _partitions(glance: Glance, view: ConnectionView) -> str:
    if view.kind is not BrokerKind.KAFKA:
        return ""
    known = [d.destination.partitions for d in glance.monitor.destinations(view.name)]
    return plural(sum(len(rows) for rows in known if rows is not None), "partition")


def _copies(view: ConnectionView) -> tuple[Fact, ...]:
    cluster = view.cluster
    if cluster is None or view.kind is BrokerKind.SQS:
        return ()
    under, offline = cluster.under_replicated, cluster.offline
    return (
        Fact(
            label="Under-replicated",
            figure=figures.count(under),
            note="lack a copy",
            tone="caution" if under else "",
        ),
        Fact(label="Offline", figure=figures.count(offline), note="without a leader", tone="danger" if offline else ""),
    )


def cluster_notices(view: ConnectionView) -> tuple[Notice, ...]:
    """Say what holds for the whole connection: TLS that is not verified, groups that gave no answer."""
    notices = (
        []
        if view.tls_verified
        else [
            Notice(
                tone="caution",
                mark="m-behind",
                strong="TLS is not verified.",
                text="Whoever stands in between can read along and answer instead. Name the authority in ca_file, and take "
                "insecure_skip_verify out.",
            )
        ]
    )
    unread = {fault.group for fault in view.faults if fault.group is not None}
    if unread:
        notices.append(
            Notice(
                tone="caution",
                mark="m-unknown",
                strong=f"{plural(len(unread), 'group')} could not be read.",
                text="Totals leave out what is not known, and say so. What the broker said stands below.",
            )
        )
    return tuple(notices)
