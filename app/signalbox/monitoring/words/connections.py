"""The sentences about a connection, about all of them together, and about what changed."""

from collections import Counter
from collections.abc import Iterator, Sequence

from signalbox.brokers.model import BrokerKind, Cluster
from signalbox.kernel import figures
from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.monitoring.model import SEVERITY, Change, ConnectionView, GroupView, LinkState, Status
from signalbox.monitoring.words.groups import status_word
from signalbox.monitoring.words.spans import Span, Spans, name_span, paragraph, quantity, share, spans, strong

NAMES_MAX = 3  # of connections that a sentence lists
_CHANGED_TO = {
    Status.WILL_LOSE_DATA: "will lose data",
    Status.STOPPED: "stopped",
    Status.STALLED: "stalled",
    Status.HELD_BACK: "is held back by an open transaction",
    Status.PAST_END: "has a committed offset past the end of the log",
    Status.REWOUND: "was rewound",
    Status.BEHIND: "fell behind",
    Status.NEVER_COMMITTED: "has no committed offset",
    Status.UNKNOWN: "became unknown",
    Status.NOT_PERMITTED: "can no longer be read: a permission is missing",
    Status.REBALANCING: "started rebalancing",
    Status.CATCHING_UP: "started catching up",
    Status.NO_MEMBERS: "has no members",
    Status.OK: "is ok",
    LinkState.CONNECTING: "is connecting",
    LinkState.CONNECTED: "connected",
    LinkState.STALE: "became stale",
    LinkState.DOWN: "went down",
}
_BEGAN: dict[Status | LinkState, str] = {
    Status.STOPPED: "no progress since",
    Status.STALLED: "no progress since",
    Status.HELD_BACK: "since",
    Status.REWOUND: "at",
}
_REPLICATED = {
    BrokerKind.KAFKA: ("partition", "partitions"),
    BrokerKind.RABBITMQ: ("queue or stream", "queues or streams"),
    BrokerKind.NATS: ("stream", "streams"),
    BrokerKind.SQS: ("queue", "queues"),
}


def link_text(view: ConnectionView, now: float) -> str:
    """Return the link for a table row: "down since 02:47:11", "connected, 122 need attention"."""
    match view.link:
        case LinkState.DOWN:
            return f"{'not read' if view.fault else view.link} since {figures.utc_time(view.since, now)}"
        case LinkState.STALE:
            return f"{view.link}, data from {figures.utc_time(view.answered_at or view.since, now)}"
        case LinkState.CONNECTED:
            attention = view.groups_attention + view.destinations_attention
            if attention:
                return f"{view.link}, {attention:,} {'needs' if attention == 1 else 'need'} attention"
            if _cluster_problems(view.kind, view.cluster):
                return f"{view.link}, the cluster has problems"
            return f"{view.link}, partly unread" if view.faults else str(view.link)
        case _:
            return str(view.link)


def link_status(view: ConnectionView) -> Status | LinkState:
    """Return the status whose mark and tone the link has: of a connection that responds, the most severe one on it."""
    if view.link is not LinkState.CONNECTED:
        return view.link
    problems = [view.most_severe]
    if _cluster_problems(view.kind, view.cluster):
        problems.append(Status.STALLED if view.cluster and view.cluster.offline else Status.BEHIND)
    if view.faults:
        problems.append(Status.UNKNOWN)
    worst = min(problems, key=SEVERITY.__getitem__)
    return LinkState.CONNECTED if worst is Status.OK else worst


def connection_sentence(view: ConnectionView, now: float) -> Spans:
    """Return the headline of a connection's page: what is wrong with the cluster, how fast it responds, who needs attention."""
    match view.link:
        case LinkState.CONNECTING:
            return spans("Connecting. No response yet.")
        case LinkState.DOWN:
            return spans(
                "Not read since " if view.fault else "Down since ",
                strong(figures.utc_time(view.since, now), view.link),
                ". ",
                Span(view.error),
            )
        case LinkState.STALE:
            return spans(
                "No update since ", strong(figures.utc_time(view.answered_at or view.since, now), view.link), "."
            )
        case LinkState.CONNECTED:
            return paragraph((_cluster_problems(view.kind, view.cluster), _responding(view), _unread(view)))


def connection_reason(view: ConnectionView, now: float) -> Spans:
    """Return the second line: the cause, what is affected, what to do, which permissions are missing."""
    connected = view.link is LinkState.CONNECTED
    health = () if connected else _group_health(view)
    error = spans(Span(view.error)) if view.link is LinkState.STALE and view.error else ()
    advice = spans(Span(view.hint)) if view.hint else ()
    if connected and _has_broker_problem(view.cluster):
        advice = spans("Check the logs and disks of the broker.")
    return paragraph((error, health, advice, _attempts(view, now), _missing_permissions(view)))


def overview_sentence(connections: Sequence[ConnectionView], groups: Sequence[GroupView], now: float) -> Spans:
    """Name the connections that are down, and count: 2 of 126 consumer groups are not ok: 1 stopped, 1 behind."""
    if not connections:
        return spans("No connections yet.")
    health = _overview_health(connections, groups, now)
    return paragraph((_down(connections), health, _destinations_attention(connections)))


def _destinations_attention(connections: Sequence[ConnectionView]) -> Spans:
    number = sum(view.destinations_attention for view in connections if view.link is not LinkState.DOWN)
    if not number:
        return ()
    count = quantity(number, "destination", "destinations")
    return spans(_colored(count, "caution"), f" {'needs' if number == 1 else 'need'} attention.")


def _overview_health(connections: Sequence[ConnectionView], groups: Sequence[GroupView], now: float) -> Spans:
    if not groups:
        waiting = any(view.answered_at is None and view.link is not LinkState.DOWN for view in connections)
        if not waiting and any(view.link is LinkState.DOWN for view in connections):
            return spans("No consumer groups known.")
        return spans(
            "No consumer groups known yet: waiting for a response." if waiting else "No consumer groups found."
        )
    down = {view.name for view in connections if view.link in (LinkState.DOWN, LinkState.CONNECTING)}
    known = [view for view in groups if view.connection not in down]
    ok = sum(view.verdict.status is Status.OK for view in known)
    if ok == len(groups):
        stale = {view.name for view in connections if view.link is LinkState.STALE}
        health = "ok as of the last update" if any(view.connection in stale for view in groups) else "healthy"
        return spans(f"All {ok:,} consumer groups are {health}." if ok > 1 else f"The only consumer group is {health}.")
    not_ok = [view for view in known if view.verdict.status is not Status.OK]
    number, total = len(groups) - ok, quantity(len(groups), "consumer group", "consumer groups")
    counts = _not_ok_counts(not_ok, len(groups) - len(known), now)
    return spans(f"{number:,} of {total} {'is' if number == 1 else 'are'} not ok: ", *counts, ".")


def overview_reason(connections: Sequence[ConnectionView], groups: Sequence[GroupView]) -> Spans:
    """Say which connections are stale, and for how many groups the data is old or missing."""
    stale = [view for view in connections if view.link is LinkState.STALE]
    names = {view.name for view in connections if view.link in (LinkState.DOWN, LinkState.STALE)}
    old = sum(view.connection in names for view in groups)
    affected = f"Data for {old:,} of {quantity(len(groups), 'group', 'groups')} is old or missing." if old else ""
    return paragraph((_linked(stale, LinkState.STALE), spans(affected)))


def change_text(change: Change) -> Spans:
    """Return one line of the recent changes."""
    subject = change.connection if change.group is None else change.group
    began = "" if change.since is None else f"{_BEGAN[change.after]} {figures.utc_time(change.since, change.at)}"
    details = [detail for detail in (change.detail, began) if detail]
    return spans(name_span(subject), f" {_CHANGED_TO[change.after]}", ": " if details else "", Span(", ".join(details)))


def _cluster_problems(kind: BrokerKind, cluster: Cluster | None) -> Spans:
    if cluster is None:
        return ()
    alarms = [spans(Span(text[:1].upper() + text[1:], strong=True, tone="danger"), ".") for text in cluster.alarms]
    stopped = sum(node.running is False for node in cluster.nodes or ())
    nodes = spans(_colored(quantity(stopped, "node is", "nodes are"), "caution"), " not running.") if stopped else ()
    offline = _replicas(kind, cluster.offline, "has no leader", "have no leader", "danger")
    under = _replicas(kind, cluster.under_replicated, "is under-replicated", "are under-replicated", "caution")
    return paragraph((*alarms, offline, nodes, under))


def _has_broker_problem(cluster: Cluster | None) -> bool:
    if cluster is None:
        return False
    stopped = any(node.running is False for node in cluster.nodes or ())
    return bool(stopped or cluster.offline or cluster.under_replicated)


def _replicas(kind: BrokerKind, number: int | None, one: str, many: str, tone: str) -> Spans:
    if not number:
        return ()
    return spans(_colored(quantity(number, *_REPLICATED[kind]), tone), f" {one if number == 1 else many}.")


def _colored(text: str, tone: str) -> Span:
    return Span(text, strong=True, tone=tone)


def _attempts(view: ConnectionView, now: float) -> Spans:
    if not view.attempts:
        return ()
    failed = quantity(view.attempts, "failed attempt", "failed attempts")
    if view.next_attempt_at is None or view.next_attempt_at <= now:
        return spans(f"{failed} so far.")
    return spans(f"{failed}; the next is due at {figures.utc_time(view.next_attempt_at, now)}.")


def _responding(view: ConnectionView) -> Spans:
    """Return "Responding in 9 ms; 122 of 123 groups need attention."."""
    parts = [
        share(number, total, noun)
        for number, total, noun in (
            (view.groups_attention, view.groups, "group"),
            (view.destinations_attention, view.destinations, "destination"),
        )
        if number
    ]
    if parts:
        one = view.groups_attention + view.destinations_attention == 1
        verb = "needs attention" if one else "need attention"
        health: tuple[str | Span, ...] = ("; ", strong(f"{' and '.join(parts)} {verb}", view.most_severe))
    else:
        health = (_calm(view.groups, view.groups - view.groups_ok),)
    return spans(_response_time(view), *health, ".")


def _calm(groups: int, not_ok: int) -> str:
    if not groups:
        return ""
    if not_ok:
        return f"; {not_ok:,} of {groups:,} groups {'is' if not_ok == 1 else 'are'} not ok, none needs attention"
    return f"; all {groups:,} consumer groups are healthy" if groups > 1 else "; the only consumer group is healthy"


def _response_time(view: ConnectionView) -> str:
    """Say how long the slowest of the last requests took."""
    since = (view.answered_at or view.since) - STALE_INTERVALS * view.interval_s
    recent = [call.duration_s for call in view.calls if call.at >= since]
    return f"Responding in {figures.duration(max(recent))}" if recent else "Responding"


def _unread(view: ConnectionView) -> Spans:
    number = view.fault_count
    if not number:
        return ()
    return spans(_colored(quantity(number, "resource", "resources"), "caution"), " could not be read.")


def _group_health(view: ConnectionView) -> Spans:
    groups, not_ok = view.groups, view.groups - view.groups_ok
    if not groups:
        return ()
    total = quantity(groups, "consumer group", "consumer groups")
    if view.link is LinkState.DOWN:
        return spans(f"The status of its {total} is unknown.")
    if not_ok and groups == 1:
        return spans("At the last update, its only consumer group was not ok.")
    if not_ok:
        return spans(f"At the last update, {not_ok:,} of {total} {'was' if not_ok == 1 else 'were'} not ok.")
    return spans(
        f"At the last update, {'all ' if groups > 1 else 'its '}{total} {'were' if groups > 1 else 'was'} healthy."
    )


def _missing_permissions(view: ConnectionView) -> Spans:
    missing = view.cluster.missing_permissions if view.cluster is not None else ()
    return spans("Missing permissions: ", Span("; ".join(missing)), ".") if missing else ()


def _not_ok_counts(groups: Sequence[GroupView], unknown: int, now: float) -> Iterator[str | Span]:
    """Yield "1 stopped", ", ", "2 behind": the words of the rows, most severe first; `unknown` more have no status."""
    words = Counter((SEVERITY[view.verdict.status], status_word(view.verdict, now)) for view in groups)
    words[SEVERITY[Status.UNKNOWN], str(Status.UNKNOWN)] += unknown
    ends = [view.verdict.until for view in groups if view.verdict.status is Status.WILL_LOSE_DATA]
    soonest = min((end for end in ends if end is not None and end > now), default=now)
    for index, ((severity, word), number) in enumerate(sorted((+words).items())):
        yield ", " if index else ""
        yield strong(f"{number:,} {word}", tuple(Status)[severity])
        if word == Status.WILL_LOSE_DATA:
            first = f"in {figures.duration(soonest - now)}"
            yield f" {first}" if number == 1 else f" (the first {first})"


def _down(connections: Sequence[ConnectionView]) -> Spans:
    return _linked([view for view in connections if view.link is LinkState.DOWN], LinkState.DOWN)


def _linked(views: Sequence[ConnectionView], link: LinkState) -> Spans:
    """Name the connections: "rabbit and kafka-b are down.", "a, b, c and 2 more are down."."""
    if not views:
        return ()
    names = [name_span(view.name) for view in views[:NAMES_MAX]]
    more = len(views) - len(names)
    listed: list[str | Span] = []
    for index, name in enumerate(names):
        last = index == len(names) - 1 and not more
        listed += ["" if not index else " and " if last else ", ", name]
    verb = "is" if len(views) == 1 else "are"
    return spans(*listed, f" and {more:,} more" if more else "", f" {verb} ", strong(str(link), link), ".")
