"""The cases of sentences.txt about connections: their pages, and the head of their list."""

from collections.abc import Iterator
from dataclasses import replace

from signalbox.brokers.model import BrokerCall, BrokerKind, Cluster, Fault, Node, Why
from signalbox.monitoring import words
from signalbox.monitoring.model import ConnectionView, LinkState, Status
from signalbox.monitoring.words.faults import READING_FAILED_HINT, reading_failed
from tests.unit.monitoring.readings import T0
from tests.unit.monitoring.views import connection_view, text

CALL = BrokerCall(request="OffsetFetch", interval_s=5.0, duration_s=0.009, at=T0 - 1)


def connections() -> Iterator[tuple[str, ConnectionView]]:
    """Return connections in every state."""
    yield from _links()
    yield from _health()


def _links() -> Iterator[tuple[str, ConnectionView]]:
    yield "connecting", connection_view("nats-edge", LinkState.CONNECTING, answered_at=None)
    error = "Cannot reach rabbit-legacy-1:5672: connection refused."
    down = connection_view(
        "rabbit-legacy", LinkState.DOWN, error=error, hint="Is the broker running?", attempts=304, groups=8
    )
    yield "down", replace(down, next_attempt_at=T0 + 4)
    yield "down, first attempt, one group, no advice", replace(down, attempts=1, groups=1, hint="")
    yield "down, never read", connection_view("rabbit-legacy", LinkState.DOWN, error=error, answered_at=None)
    failed = connection_view("kafka-prod", LinkState.DOWN, error=reading_failed("3fa9c1"), hint=READING_FAILED_HINT)
    yield "Signalbox itself failed", replace(failed, fault="3fa9c1", attempts=12, groups=3, next_attempt_at=T0 + 30)
    stale = connection_view("nats-edge", LinkState.STALE, answered_at=T0 - 252, groups=22, groups_ok=21)
    yield "stale", stale
    yield "stale, last answer unknown", replace(stale, answered_at=None, groups=0)
    yield "stale, with the error", replace(stale, error="2 of 3 servers do not respond within 2 s.", attempts=3)
    yield "stale, two groups not ok", replace(stale, groups_ok=20)
    yield "stale, all groups ok", replace(stale, groups_ok=22)
    yield "stale, its only group not ok", replace(stale, groups=1, groups_ok=0)
    yield "stale, its only group ok", replace(stale, groups=1, groups_ok=1)


def _health() -> Iterator[tuple[str, ConnectionView]]:
    yield from _clusters()
    up = connection_view("kafka-prod", LinkState.CONNECTED)
    yield "connected, no groups", up
    yield "connected, one group", replace(up, groups=1, groups_ok=1)
    yield "connected, all groups ok", replace(up, groups=12, groups_ok=12)
    yield "connected, one group not ok", replace(up, groups=12, groups_ok=11)
    yield "connected, groups not ok", replace(up, groups=46, groups_ok=41)
    busy = replace(up, groups=123, groups_ok=1, groups_attention=122, most_severe=Status.STALLED, calls=(CALL,))
    yield "connected, nearly all groups need attention", busy
    one_group = replace(up, groups=12, groups_ok=11, groups_attention=1, most_severe=Status.BEHIND, calls=(CALL,))
    yield "connected, one group needs attention", one_group
    broken = replace(up, groups=3, groups_ok=3, destinations=20, destinations_attention=1, most_severe=Status.BEHIND)
    yield "connected, one destination needs attention", broken
    yield "connected, its only group needs attention", replace(one_group, groups=1, groups_ok=0)
    both = replace(busy, destinations=20, destinations_attention=1)
    yield "connected, groups and a destination need attention", both
    yield "connected, first answer unknown", replace(up, answered_at=None)
    one_unread = (Fault(resource="vhost /shop", why=Why.NO_ANSWER, detail="not found"),)
    yield (
        "connected, not everything could be read",
        replace(up, groups=3, groups_ok=3, faults=one_unread, fault_count=1),
    )


def _clusters() -> Iterator[tuple[str, ConnectionView]]:
    up = connection_view("kafka-prod", LinkState.CONNECTED)
    whole = Cluster(read_at=T0, product="Apache Kafka", version="4.1", nodes=None)
    yield (
        "connected, permissions missing",
        replace(
            up,
            groups=3,
            groups_ok=3,
            cluster=replace(whole, missing_permissions=("DESCRIBE on the cluster", "DESCRIBE on topic *")),
        ),
    )
    nodes = (Node(id="1", address="a", running=False), Node(id="2", address="b", running=True))
    one = replace(whole, nodes=nodes, under_replicated=1, offline=1)
    yield "connected, trouble in the cluster", replace(up, groups=46, groups_ok=41, cluster=one)
    yield "connected, under-replicated", replace(up, cluster=replace(whole, under_replicated=1))
    many = replace(
        whole, nodes=(nodes[0], nodes[0]), under_replicated=3, offline=2, alarms=("memory alarm on rabbit@a",)
    )
    for kind in BrokerKind:
        yield f"connected, much trouble in the cluster, {kind}", replace(up, kind=kind, cluster=many)


def list_heads() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Return the heads of the list of connections."""
    for links in (
        [LinkState.CONNECTED],
        [LinkState.CONNECTED] * 4,
        list(LinkState),
        [LinkState.STALE] * 13,
        [LinkState.DOWN] * 13,
    ):
        counts = ", ".join(f"{links.count(link)} {link}" for link in dict.fromkeys(links))
        sentence = words.connections_sentence([connection_view("a", link) for link in links])
        yield f"connections: {counts}", [("headline", text(sentence))]
    up = connection_view("a", LinkState.CONNECTED, groups=123, groups_attention=122, most_severe=Status.STALLED)
    yield "connections: groups need attention", [("headline", text(words.connections_sentence([up, up])))]
    one = replace(up, groups=1, groups_attention=1)
    yield "connections: one group needs attention", [("headline", text(words.connections_sentence([one])))]
