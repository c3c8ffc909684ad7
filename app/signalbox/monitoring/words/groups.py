"""What is said of a consumer group and of its partitions."""

from signalbox.brokers.model import Why
from signalbox.kernel import figures
from signalbox.monitoring.model import Flow, GroupView, Method, PartitionView, Reason, Status, Verdict
from signalbox.monitoring.words.spans import Span, Spans, listed, named, of_things, said, strong

WHY_UNKNOWN = {
    Why.KNOWN: "the broker gave no figure",
    Why.NEVER_COMMITTED: "it has no position yet",
    Why.BEYOND_END: "its position lies beyond the end",
    Why.NOT_PERMITTED: "this user may not see it",
    Why.NO_LEADER: "nobody leads it at the broker",
    Why.NO_ANSWER: "the broker gave no answer for it",
    Why.NOT_REPORTED: "this broker does not report it",
}
_FOR_HOW_LONG = frozenset((Status.STALLED, Status.STOPPED, Status.REBALANCING))


def status_text(verdict: Verdict, now: float) -> str:
    """Return the status as a row has it, with its time: "stalled, 41 min 32 s", "will lose data, 3 h 20 min"."""
    status = verdict.status
    left = verdict.until - now if verdict.until is not None else 0.0
    if status is Status.WILL_LOSE_DATA:
        return f"{status}, {figures.duration(left) if left > 0 else 'now'}"
    if status is Status.CATCHING_UP and left > 0:
        return f"{status}, {figures.duration(left)} left"
    if status in _FOR_HOW_LONG:
        return f"{status}, {_so_long(verdict, now)}"
    if status is Status.HELD_BACK and verdict.hidden_since is not None:
        return f"{status}, {figures.duration(now - verdict.hidden_since)}"
    return str(status)


def group_sentence(view: GroupView, now: float) -> Spans:
    """Return the verdict of a group's page: what is so, since when, how long it may stay so."""
    where = _where(view.verdict, several=len(view.group.destinations) > 1, rows=len(view.group.positions))
    return _sentence(view.verdict, view.flow, where, now)


def group_reason(view: GroupView, now: float) -> Spans:
    """Return the line below the verdict: what it rests on and what else is known; empty if there is nothing more."""
    verdict, flow = view.verdict, view.flow
    return listed((_because(verdict, flow, now, net_told=True), _others(verdict), _lost(verdict), _not_known(flow)))


def partition_reason(view: PartitionView, now: float) -> Spans:
    """Return the second line of a partition's row; empty for one that is ok."""
    if view.verdict.status is Status.OK:
        return ()
    return listed((_because(view.verdict, view.flow, now), _lost(view.verdict)))


def _sentence(verdict: Verdict, flow: Flow, where: Spans, now: float) -> Spans:  # noqa: C901, PLR0911, PLR0912 - one arm a status
    status = verdict.status
    at = _at_clock(verdict, now)
    match status:
        case Status.WILL_LOSE_DATA:
            return _will_lose(verdict, where, now)
        case Status.STOPPED:
            paused = verdict.reason is Reason.PAUSED
            how = "It is paused" if paused else "Nobody reads"
            return said(f"{how}, and ", strong(_waiting(flow), status), f" {_wait(flow)}{at}.")
        case Status.STALLED:
            return said(*where, "has not moved for ", strong(_so_long(verdict, now), status), f"{at}.")
        case Status.HELD_BACK:
            since = figures.utc_time(verdict.hidden_since, now)
            return said(*where, "is held back by an ", strong("open transaction", status), f" since {since}.")
        case Status.BEYOND_END:
            return said(*where, "stands ", strong("beyond the end", status), ". Its lag is unknown.")
        case Status.REWOUND:
            return said(*where, strong("went back", status), f" at {figures.utc_time(verdict.since, now)}.")
        case Status.BEHIND:
            return said(*where, "is behind", *_by(flow, status), *_falls_back(flow), ".")
        case Status.NEVER_COMMITTED:
            return said(*where, "has ", strong("never committed", status), " a position.")
        case Status.UNKNOWN:
            return said("How it flows is ", strong("unknown", status), f": {_why(verdict)}.")
        case Status.NOT_PERMITTED:
            return said("This user ", strong("may not see", status), " it.")
        case Status.REBALANCING:
            return said("Partitions change hands for ", strong(_so_long(verdict, now), status), f"{at}.")
        case Status.CATCHING_UP:
            return said("Catching up", *_left(verdict, now), ".")
        case Status.NO_MEMBERS:
            return _nobody(flow)
        case Status.OK:
            return _keeps_up(verdict, flow)


def _will_lose(verdict: Verdict, where: Spans, now: float) -> Spans:
    if verdict.until is None or verdict.until <= now:
        lost = f"{figures.count(verdict.lost)} messages" if verdict.lost else "Messages"
        return said(*where, "loses data ", strong("now", verdict.status), f": {lost} went unread.")
    left = figures.duration(verdict.until - now)
    clock = figures.utc_time(verdict.until, now, seconds=False)
    return said(*where, "will lose data in ", strong(left, verdict.status), f", at {clock}.")


def _nobody(flow: Flow) -> Spans:
    if not flow.lag:
        return said("Nobody reads, and nothing waits.")
    return said(
        "Nobody reads just now; ", strong(_waiting(flow)), f" {_wait(flow)}. The configuration calls it a batch."
    )


def _keeps_up(verdict: Verdict, flow: Flow) -> Spans:
    if verdict.reason is Reason.COUNT_ONLY:
        return said("What waits does not grow: ", strong(_waiting(flow)), ".")
    if flow.lag == 0:
        return said("Keeps up: nothing waits.")
    return said("Keeps up", *_by(flow, None, "; at most ", " behind"), ".")


def _because(verdict: Verdict, flow: Flow, now: float, *, net_told: bool = False) -> Spans:
    status = verdict.status
    if status is Status.WILL_LOSE_DATA:
        return _why_lost(verdict)
    if status is Status.STALLED:
        return said(f"Members are there; the position has not moved since {figures.utc_time(verdict.since, now)}.")
    if status is Status.BEYOND_END:
        return said("The destination was made anew or cut short.")
    if status is Status.NEVER_COMMITTED:
        return said("Where it would begin is its own setting, and may skip what is there.")
    if status is Status.NOT_PERMITTED:
        return said("What is missing: ", Span(verdict.detail or "the right to describe it"), ".")
    if status is Status.UNKNOWN:
        return said("The broker said: ", Span(verdict.detail), ".") if verdict.detail else ()
    if status is Status.CATCHING_UP or status is Status.BEHIND:
        return _trend(verdict, flow, net_told=net_told and bool(_falls_back(flow)) and status is Status.BEHIND)
    return ()


def _why_lost(verdict: Verdict) -> Spans:
    match verdict.reason:
        case Reason.BY_COUNT:
            return said("Newer messages push out unread ones.")
        case Reason.LOST_ALREADY:
            return said("Retention deletes messages before they are read.")
        case _:
            return said("Messages get older than they are kept before they are read.")


def _trend(verdict: Verdict, flow: Flow, *, net_told: bool) -> Spans:
    if verdict.reason is Reason.NOTHING_TAKEN:
        return said("Messages wait, and none is handed out.")
    if verdict.reason is Reason.COUNT_ONLY:
        return said("The count grew over the last readings; this broker tells no rates.")
    if flow.rate_in is None or flow.rate_out is None:
        return said("How fast it reads is not known.")
    rates = f"{figures.rate(flow.rate_in)} in, {figures.rate(flow.rate_out)} out."
    if net_told:
        return said(rates)
    net = flow.rate_in - flow.rate_out
    return said(f"Its lag {'grows' if net > 0 else 'shrinks'} by {figures.rate(abs(net))}: {rates}")


def _others(verdict: Verdict) -> Spans:
    more = verdict.partitions_affected - 1
    if more < 1 or verdict.partition is None:
        return ()
    return said(f"The same is so on {of_things(more, 'more partition', 'more partitions')}.")


def _lost(verdict: Verdict) -> Spans:
    if not verdict.lost or verdict.until is None:
        return ()
    return said(f"{of_things(verdict.lost, 'message was', 'messages were')} deleted unread.")


def _not_known(flow: Flow) -> Spans:
    return (
        said("Some partitions are unknown: it is at least this.") if flow.lag_partial and flow.lag is not None else ()
    )


def _where(verdict: Verdict, *, several: bool, rows: int) -> Spans:
    """Return the subject of the sentence: the partition to blame where there is more than one."""
    if verdict.partition is None or rows < 2:
        return (Span("It "),)
    subject = f"Partition {verdict.partition} "
    if several and verdict.destination is not None:
        return (Span(f"{subject}of "), named(verdict.destination), Span(" "))
    return (Span(subject),)


def _by(flow: Flow, status: Status | None, before: str = " by ", after: str = "") -> Spans:
    if flow.time_lag is None:
        return said(f"{before}" if before == " by " else "; ", strong(_waiting(flow), status))
    method = {Method.AT_LEAST: "at least ", Method.AT_MOST: "at most "}.get(flow.time_lag.method, "")
    return said(f"{before}{method}", strong(figures.duration(flow.time_lag.seconds), status), after)


def _falls_back(flow: Flow) -> Spans:
    if flow.rate_in is None or flow.rate_out is None or flow.rate_in <= flow.rate_out:
        return ()
    return said(f", and falls back {figures.rate(flow.rate_in - flow.rate_out)}")


def _left(verdict: Verdict, now: float) -> Spans:
    if verdict.until is None or verdict.until <= now:
        return ()
    return said(": ", strong(figures.duration(verdict.until - now), verdict.status), " left at this rate")


def _waiting(flow: Flow) -> str:
    if flow.lag is None:
        return "an unknown number of messages"
    return f"{figures.count(flow.lag, approximate=flow.approximate)} {'message' if flow.lag == 1 else 'messages'}"


def _wait(flow: Flow) -> str:
    return "waits" if flow.lag == 1 else "wait"


def _so_long(verdict: Verdict, now: float) -> str:
    span = figures.duration(now - verdict.since)
    return span if verdict.since_exact else f"over{figures.NBSP}{span}"


def _at_clock(verdict: Verdict, now: float) -> str:
    """Return since when; nothing where it was so already when we first looked."""
    return f", since {figures.utc_time(verdict.since, now)}" if verdict.since_exact else ""


def _why(verdict: Verdict) -> str:
    if verdict.reason is Reason.SEEN_TOO_SHORTLY:
        return "it was watched too shortly to tell"
    return WHY_UNKNOWN[verdict.why]
