"""What is said of a connection, of everything together, and of what changed."""

from collections import Counter
from collections.abc import Sequence

from signalbox.brokers.model import BrokerKind, Cluster
from signalbox.kernel import figures
from signalbox.monitoring.model import Change, ConnectionView, GroupView, Link, Status
from signalbox.monitoring.words.spans import Span, Spans, listed, named, number_word, of_things, said, strong

_BECAME = {
    Status.WILL_LOSE_DATA: "will lose data",
    Status.STOPPED: "stopped",
    Status.STALLED: "stalled",
    Status.HELD_BACK: "is held back by an open transaction",
    Status.BEYOND_END: "stands beyond the end",
    Status.REWOUND: "went back",
    Status.BEHIND: "fell behind",
    Status.NEVER_COMMITTED: "has no position",
    Status.UNKNOWN: "became unknown",
    Status.NOT_PERMITTED: "may no longer be seen",
    Status.REBALANCING: "began to rebalance",
    Status.CATCHING_UP: "began to catch up",
    Status.NO_MEMBERS: "has no members",
    Status.OK: "is ok again",
    Link.CONNECTING: "is being connected",
    Link.CONNECTED: "connected",
    Link.STALE: "became stale",
    Link.DOWN: "went down",
}
_COUNTED = {
    Status.WILL_LOSE_DATA: ("will lose data", "will lose data"),
    Status.STOPPED: ("is stopped", "are stopped"),
    Status.STALLED: ("is stalled", "are stalled"),
    Status.HELD_BACK: ("is held back", "are held back"),
    Status.BEYOND_END: ("stands beyond the end", "stand beyond the end"),
    Status.REWOUND: ("went back", "went back"),
    Status.BEHIND: ("is behind", "are behind"),
    Status.NEVER_COMMITTED: ("has never committed", "have never committed"),
    Status.UNKNOWN: ("is unknown", "are unknown"),
    Status.NOT_PERMITTED: ("may not be seen", "may not be seen"),
    Status.REBALANCING: ("is rebalancing", "are rebalancing"),
    Status.CATCHING_UP: ("is catching up", "are catching up"),
    Status.NO_MEMBERS: ("has no members", "have no members"),
}

_COPIED = {
    BrokerKind.KAFKA: ("partition", "partitions"),
    BrokerKind.RABBITMQ: ("queue or stream", "queues or streams"),
    BrokerKind.NATS: ("stream", "streams"),
    BrokerKind.SQS: ("queue", "queues"),
}


def link_text(view: ConnectionView, now: float) -> str:
    """Return the link as a row has it: "down, 25 min 29 s", "connected"."""
    if view.link in (Link.DOWN, Link.STALE):
        return f"{view.link}, {figures.duration(now - view.since)}"
    return str(view.link)


def connection_sentence(view: ConnectionView, now: float) -> Spans:
    """Return the verdict of a connection's page: whether it answers, and what is not well in it."""
    match view.link:
        case Link.CONNECTING:
            return said("Connecting: it has not answered yet.")
        case Link.DOWN:
            return said("Down for ", strong(figures.duration(now - view.since), view.link), ": ", Span(view.error))
        case Link.STALE:
            seen = figures.utc_time(view.answered_at, now)
            old = figures.duration(now - view.answered_at) if view.answered_at is not None else "unknown"
            return said(f"What you see is from {seen}, ", strong(f"{old} ago", view.link), ".")
        case Link.CONNECTED:
            return _of_cluster(view.kind, view.cluster) or said("Answers, and is well.")


def connection_reason(view: ConnectionView, now: float) -> Spans:
    """Return the line below: what to do, when it is tried again, which groups are not ok, what may not be seen."""
    return listed((_attempts(view, now), said(Span(view.do)) if view.do else (), _groups(view), _rights(view)))


def overview_sentence(connections: Sequence[ConnectionView], groups: Sequence[GroupView], now: float) -> Spans:
    """Count: 124 of 126 groups are ok. Two will lose data, the first in 3 h 20 min."""
    if not connections:
        return said("Nothing is connected yet.")
    if not groups:
        return said("No group is known yet." if _unanswered(connections) else "No group reads anything here.")
    unseen = {view.name for view in connections if view.link in (Link.DOWN, Link.CONNECTING)}
    seen = [view for view in groups if view.connection not in unseen]
    statuses = Counter(view.verdict.status for view in seen)
    statuses[Status.UNKNOWN] += len(groups) - len(seen)
    ok = statuses.pop(Status.OK, 0)
    if ok == len(groups):
        return said(f"All {len(groups):,} groups are ok." if ok > 1 else "The one group is ok.")
    counted = said(f"{ok:,} of {of_things(len(groups), 'group is', 'groups are')} ok.")
    return listed((counted, _dearest(statuses, seen, now)))


def overview_reason(connections: Sequence[ConnectionView], groups: Sequence[GroupView], now: float) -> Spans:  # noqa: ARG001 - one shape for all sentences
    """Return which connections do not answer, and how many groups are therefore old or unknown."""
    down = [view for view in connections if view.link is Link.DOWN]
    stale = [view for view in connections if view.link is Link.STALE]
    names = {view.name for view in (*down, *stale)}
    old = sum(view.connection in names for view in groups)
    behind = f"{old:,} of the {len(groups):,} answers {'is' if old == 1 else 'are'} old or missing." if old else ""
    return listed((_links(down, "is down", "are down"), _links(stale, "is stale", "are stale"), said(behind)))


def change_text(change: Change) -> Spans:
    """Return one line of what changed."""
    subject = change.connection if change.group is None else change.group
    return said(named(subject), f" {_BECAME[change.after]}", ": " if change.detail else "", Span(change.detail))


def _of_cluster(kind: BrokerKind, cluster: Cluster | None) -> Spans:
    if cluster is None:
        return ()
    alarms = listed(
        said(Span(alarm[:1].upper() + alarm[1:], strong=True, tone="danger"), ".") for alarm in cluster.alarms
    )
    stopped = [node for node in cluster.nodes or () if node.running is False]
    nodes = (
        said(Span(of_things(len(stopped), "node does", "nodes do"), strong=True, tone="caution"), " not run.")
        if stopped
        else ()
    )
    return listed(
        (
            alarms,
            _copies(kind, cluster.offline, "is without a leader", "are without a leader", "danger"),
            nodes,
            _copies(kind, cluster.under_replicated, "lacks a copy", "lack a copy", "caution"),
        )
    )


def _copies(kind: BrokerKind, number: int | None, one: str, many: str, colour: str) -> Spans:
    if not number:
        return ()
    what = of_things(number, *_COPIED[kind])
    return said(Span(what, strong=True, tone=colour), f" {one if number == 1 else many}.")


def _attempts(view: ConnectionView, now: float) -> Spans:
    if not view.attempts:
        return ()
    tried = of_things(view.attempts, "attempt", "attempts")
    if view.next_attempt_at is None or view.next_attempt_at <= now:
        return said(f"{tried} so far.")
    return said(f"{tried} so far. The next is in {figures.duration(view.next_attempt_at - now)}.")


def _groups(view: ConnectionView) -> Spans:
    wrong = view.groups - view.groups_ok
    if view.link is Link.DOWN:
        return said(f"How its {of_things(view.groups, 'group does', 'groups do')} is unknown.") if view.groups else ()
    return said(f"{wrong:,} of {of_things(view.groups, 'group is', 'groups are')} not ok.") if wrong else ()


def _rights(view: ConnectionView) -> Spans:
    missing = view.cluster.missing_rights if view.cluster is not None else ()
    return said("Not all may be seen: ", Span("; ".join(missing)), ".") if missing else ()


def _unanswered(connections: Sequence[ConnectionView]) -> bool:
    return any(view.answered_at is None for view in connections)


def _dearest(statuses: Counter[Status], seen: Sequence[GroupView], now: float) -> Spans:
    wrong = [status for status in Status if statuses[status]]
    if not wrong:
        return ()
    first, number = wrong[0], statuses[wrong[0]]
    one, many = _COUNTED[first]
    soonest = min(
        (v.verdict.until for v in seen if v.verdict.status is first and v.verdict.until is not None), default=None
    )
    how = one if number == 1 else many
    sentence = [strong(number_word(number), first), Span(f" {how}")]
    if first is Status.WILL_LOSE_DATA and soonest is not None and soonest > now:
        lead = ", " if number == 1 else ", the first "
        sentence += [Span(f"{lead}in "), strong(figures.duration(soonest - now), first)]
    more = sum(statuses.values()) - number
    sentence.append(Span(f", and {more:,} more {'is' if more == 1 else 'are'} not ok." if more else "."))
    return tuple(sentence)


def _links(views: Sequence[ConnectionView], one: str, many: str) -> Spans:
    if not views:
        return ()
    if len(views) == 1:
        return said(named(views[0].name), f" {one}.")
    return said(f"{number_word(len(views))} connections {many}.")
