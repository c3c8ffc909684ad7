"""The figures and notices at the top of a connection's page."""

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring.model import ConnectionView
from signalbox.web.monitoring.components import Fact, Notice, plural, rate_fact
from signalbox.web.monitoring.context import MonitoringContext
from signalbox.web.monitoring.totals import Totals, totals_of

DESTINATION_LABELS = {
    BrokerKind.KAFKA: "Topics",
    BrokerKind.RABBITMQ: "Queues",
    BrokerKind.NATS: "Streams",
    BrokerKind.SQS: "Queues",
}
REPLICATED_NOUNS = {BrokerKind.KAFKA: "partitions", BrokerKind.RABBITMQ: "queues", BrokerKind.NATS: "streams"}


def connection_facts(context: MonitoringContext, view: ConnectionView) -> tuple[Fact, ...]:
    if view.never_read:
        return ()
    total = totals_of(context.monitor.groups(view.name), context.monitor.destinations(view.name))
    least = "at least: some are unknown; " if total.rate_in_at_least or total.rate_out_at_least else ""
    return (
        Fact("Groups", figures.number(view.groups), note=_group_health(context, view)),
        Fact(DESTINATION_LABELS[view.kind], figures.number(view.destinations), note=_partitions(context, view)),
        Fact(
            "Lag",
            figures.number(total.lag, approximate=total.approximate),
            note=_lag_note(total),
        ),
        rate_fact("In", total.rate_in, f"{least}{figures.rate(total.rate_out)} out, over all groups"),
        *_replicas(view),
    )


def _lag_note(total: Totals) -> str:
    if total.lag_partial:
        return f"messages, {total.lag_bound or 'at least'}: some are unknown"
    return "messages, at most: some offsets may hold none" if total.lag_at_most else "messages"


def _group_health(context: MonitoringContext, view: ConnectionView) -> str:
    if context.is_unreachable(view.name):
        return "status unknown"
    not_ok = view.groups - view.groups_ok
    if not_ok:
        return f"{view.groups_ok:,} ok, {not_ok:,} not ok"
    return "all ok" if view.groups else "no groups yet"


def _partitions(context: MonitoringContext, view: ConnectionView) -> str:
    if view.kind is not BrokerKind.KAFKA:
        return ""
    partitions = [d.destination.partitions for d in context.monitor.destinations(view.name)]
    return plural(sum(len(rows) for rows in partitions if rows is not None), "partition")


def _replicas(view: ConnectionView) -> tuple[Fact, ...]:
    cluster, noun = view.cluster, REPLICATED_NOUNS.get(view.kind)
    if cluster is None or noun is None:
        return ()
    under, offline = cluster.under_replicated, cluster.offline
    return (
        Fact(
            "Under-replicated",
            figures.number(under),
            note=f"{noun} with a replica out of sync",
            tone="caution" if under else "",
        ),
        Fact("Leaderless", figures.number(offline), note=f"{noun} without a leader", tone="danger" if offline else ""),
    )


def cluster_notices(view: ConnectionView) -> tuple[Notice, ...]:
    notices = []
    if not view.tls_verified:
        notices.append(
            Notice(
                "caution",
                "m-behind",
                "TLS is not verified.",
                "Anyone between Signalbox and the broker can read and change the traffic. Set ca_file and remove "
                "insecure_skip_verify.",
            )
        )
    if view.groups_unread:
        notices.append(
            Notice(
                "caution",
                "m-unknown",
                f"{plural(view.groups_unread, 'group')} could not be read.",
                "Totals exclude them. The broker's response is below.",
            )
        )
    return tuple(notices)
