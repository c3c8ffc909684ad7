"""The sentences about a consumer group and its partitions."""

from dataclasses import replace

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring.assignment import is_held, unassigned_lag
from signalbox.monitoring.model import LOSS_ENDED, Flow, GroupView, PartitionView, Reason, Status, Verdict
from signalbox.monitoring.words.spans import (
    Span,
    Spans,
    in_and_out,
    message_rate,
    name_span,
    paragraph,
    quantity,
    spans,
    strong,
)
from signalbox.monitoring.words.terms import TERMS, WHY_UNKNOWN, Terms
from signalbox.monitoring.words.transitions import time_lag_text, until_now

_WITH_DURATION = frozenset((Status.STALLED, Status.STOPPED, Status.HELD_BACK, Status.REBALANCING))
_CAUSES = {
    Status.HELD_BACK: "Consumers that read only committed messages wait until the producer commits or aborts.",
    Status.PAST_END: "The topic was probably recreated or truncated.",
    Status.REWOUND: "Messages may be processed again.",
    Status.NEVER_COMMITTED: "The client setting auto.offset.reset decides where the group starts; the group may skip existing messages.",
}
_ADVICE = {
    Status.HELD_BACK: "Find the producer with the open transaction, and abort the transaction if the producer hangs.",
    Status.PAST_END: "Reset the group's offset.",
    Status.REBALANCING: "Processing may pause meanwhile. If this continues, check for members that restart or exceed max.poll.interval.ms.",
}
_PARTIAL = {  # may the lag count offsets that hold no message?
    False: "Some partitions are unknown, so the lag is a minimum",
    True: "Some partitions are unknown, and some offsets may hold no message, so the lag is an estimate",
}
_RESUME = "The consumer is paused on the broker. Resume the consumer if the pause is not planned."
_STOPPED_ADVICE: dict[Reason | None, str] = {
    Reason.PAUSED: _RESUME,
    Reason.UNASSIGNED: "Check which topics the members subscribe to. If the group no longer reads this topic, delete its committed offsets.",
}
_ABOUT_A_PARTITION = frozenset((Status.WILL_LOSE_DATA, Status.STALLED, *_CAUSES))  # the headline names the partition
_WHY_LOST: dict[Reason | None, str] = {
    Reason.BY_AGE: "Messages reach the retention limit before the group reads them.",
    Reason.BY_COUNT: "At the retention limit, each new message deletes the oldest one, before the group reads it.",
    Reason.LOST_ALREADY: "Retention or a purge deletes messages before the group reads them.",
    Reason.LOST_EARLIER: "Retention or a purge deleted messages before the group read them. Signalbox shows this for 10 minutes, and until the group reads on.",
    Reason.LOST_ALL: "Retention or a purge deleted everything that the group had not read. Signalbox shows this until the group commits again.",
}


def status_text(verdict: Verdict, now: float) -> str:
    """Return the status for a table row: "stalled, 41 min 32 s", "will lose data, 3 h 20 min"."""
    status, left, word = verdict.status, _time_left(verdict, now), status_word(verdict, now)
    if status is Status.WILL_LOSE_DATA and left is not None:
        return f"{word}, {figures.duration(left)}"
    if status is Status.CATCHING_UP and left is not None:
        return f"{word}, {figures.duration(left)} left"
    if status in _WITH_DURATION:
        return f"{word}, {_duration(verdict, now)}"
    return word


def status_word(verdict: Verdict, now: float) -> str:
    """Return the status without a duration: "losing data" where the status "will lose data" has begun, "paused"."""
    if verdict.status is Status.WILL_LOSE_DATA and _time_left(verdict, now) is None:
        if verdict.reason in LOSS_ENDED:
            return "lost data"
        return "losing data" if verdict.lost else "may be losing data"
    if verdict.reason is Reason.UNASSIGNED and verdict.status is Status.NO_MEMBERS:
        return "no member assigned"
    return "paused" if verdict.reason is Reason.PAUSED else str(verdict.status)


def group_sentence(view: GroupView, now: float) -> Spans:
    """Return the headline of a group's page: what is wrong, how bad, how long."""
    verdict, terms = view.verdict.newest or view.verdict, TERMS[view.kind]
    subject = _subject(verdict, several=len(view.group.destinations) > 1, rows=len(view.group.positions))
    headline = _headline(verdict, view.flow, subject, terms, now)
    if verdict.reason is Reason.UNASSIGNED and verdict.destination is not None:
        headline = _unassigned(view, verdict, verdict.destination, now)
    if view.verdict.newest is None or view.verdict.before is None:
        return headline
    return paragraph((until_now(view.verdict.before, terms, now), (Span("Now: "), *headline)))


def group_reason(view: GroupView, now: float) -> Spans:
    """Return the second line: the cause, what else is affected, what to do. Empty if there is nothing to add."""
    verdict, flow, terms = view.verdict.newest or view.verdict, view.flow, TERMS[view.kind]
    several = verdict.partition is not None and len(view.group.positions) > 1 and view.kind is BrokerKind.KAFKA
    cause = _behind_cause(verdict, flow) if verdict.status is Status.BEHIND else _cause(verdict, flow, terms)
    rates = ", and the rates are minimums" if flow.rates_partial else ""
    partial = f"{_PARTIAL[flow.lag_at_most]}{rates}." if flow.lag_partial and flow.lag else ""
    deleted = _deleted(verdict) if _time_left(verdict, now) is not None else ()
    affected = _affected(verdict, now) if several else ()
    earlier = verdict.before  # only a status that is shown at its first reading has one
    before = until_now(earlier, terms, now) if earlier is not None else ()
    delayed = spans(_delayed(view))
    return paragraph((before, affected, cause, delayed, deleted, _advice(verdict, terms), spans(partial)))


def _delayed(view: GroupView) -> str:
    """Say how many messages no consumer can receive yet."""
    delayed = view.group.delayed
    if not delayed:
        return ""
    number = figures.number(delayed, approximate=view.group.approximate)
    return f"{number} {'is' if delayed == 1 else 'are'} delayed: no consumer can receive {'it' if delayed == 1 else 'them'} yet."


def partition_reason(view: PartitionView, kind: BrokerKind, now: float) -> Spans:
    """Return the second line of a partition's row; empty for one that is ok."""
    verdict, terms = view.verdict, TERMS[kind]
    match verdict.status:
        case Status.OK:
            return ()
        case Status.STOPPED | Status.NO_MEMBERS if verdict.reason is Reason.UNASSIGNED:
            cause = spans("No member is assigned to this partition.")
        case Status.STOPPED:
            cause = spans(f"{_absence(verdict, terms)}.")
        case Status.STALLED:
            cause = spans(f"{terms.clients.capitalize()} are active, but {_no_progress(verdict, now)}.")
        case Status.UNKNOWN:
            why = _why_unknown(verdict)
            cause = paragraph((spans(f"{why[:1].upper()}{why[1:]}."), _cause(verdict, view.flow, terms)))
        case _:
            cause = _cause(verdict, view.flow, terms)
    return paragraph((cause, _deleted(verdict)))


def _headline(verdict: Verdict, flow: Flow, subject: Spans, terms: Terms, now: float) -> Spans:  # noqa: C901, PLR0911, PLR0912 - one arm a status
    status = verdict.status
    match status:
        case Status.WILL_LOSE_DATA:
            return _will_lose(verdict, subject, now)
        case Status.STOPPED:
            return spans(
                f"{_absence(verdict, terms)}, ", strong(_no_progress(verdict, now), status), f". {_waiting(flow)}."
            )
        case Status.STALLED:
            return spans(*subject, "is ", strong("stalled", status), f": {_no_progress(verdict, now)}.")
        case Status.HELD_BACK:
            how_long = f" for {_duration(verdict, now)}{_since(verdict, now)}."
            return spans(*subject, "has been held back by an ", strong("open transaction", status), how_long)
        case Status.PAST_END:
            end = strong("past the end of the log", status)
            return spans(*subject, f"has a {terms.position} ", end, ", so its lag is unknown.")
        case Status.REWOUND:
            at = figures.utc_time(verdict.since, now)
            return spans(*subject, "was ", strong("rewound", status), f" at {at}: the {terms.position} moved back.")
        case Status.BEHIND:
            return _behind(verdict, flow)
        case Status.NEVER_COMMITTED:
            return spans(*subject, "has ", strong(f"no {terms.position}", status), ".")
        case Status.UNKNOWN:
            return spans("Status ", strong("unknown", status), f": {_why_unknown(verdict)}.")
        case Status.NOT_PERMITTED:
            return spans("Signalbox is ", strong("not permitted", status), " to read this group.")
        case Status.REBALANCING:
            return spans("Rebalancing for ", strong(_duration(verdict, now), status), f"{_since(verdict, now)}.")
        case Status.CATCHING_UP:
            left = _time_left(verdict, now)
            about = () if left is None else (", about ", strong(figures.duration(left), status), " left")
            return spans("Catching up", *about, ".")
        case Status.NO_MEMBERS:
            return spans(f"{_absence(verdict, terms)}.", "" if flow.lag is None else f" {_waiting(flow)}.")
        case Status.OK:
            return _ok(verdict, flow)


def _will_lose(verdict: Verdict, subject: Spans, now: float) -> Spans:
    status, left = verdict.status, _time_left(verdict, now)
    if left is not None and verdict.until is not None:
        at = figures.utc_time(verdict.until, now, seconds=False)
        return spans(*subject, "will lose data in ", strong(figures.duration(left), status), f", at about {at}.")
    if verdict.lost:
        word = "Lost data" if verdict.reason in LOSS_ENDED else "Losing data"
        return spans(strong(word, status), f": {unread_have(verdict)} been deleted.")
    return spans(
        *subject, "may be ", strong("losing data", status), ": retention has reached the first unread message."
    )


def _unassigned(view: GroupView, verdict: Verdict, destination: str, now: float) -> Spans:
    """Say which part of the group's topics no member reads, and how many messages wait there."""
    partition = f"partition {verdict.partition} of " if is_held(view.group, destination) else ""
    lag = unassigned_lag(view.group, view.kind, destination)
    waiting = f". {_waiting(replace(view.flow, lag=lag, lag_partial=False))} there."
    subject = ("No member is assigned to ", partition, name_span(destination))
    if verdict.status is Status.NO_MEMBERS:
        return spans(*subject, waiting)
    return spans(*subject, ", ", strong(_no_progress(verdict, now), verdict.status), waiting)


def _behind(verdict: Verdict, flow: Flow) -> Spans:
    """Say how far the group is behind. All figures are the group's: the second line names the partition."""
    status = verdict.status
    if verdict.reason is Reason.NONE_IN_FLIGHT:
        return spans(strong(_waiting(flow), status), ", and none are in flight.")
    if verdict.reason is Reason.COUNT_ONLY:
        return spans("The backlog is ", strong("growing", status), f". {_waiting(flow)}.")
    if flow.time_lag is None and flow.lag is None:
        return spans(strong("Behind", status), ". Lag is unknown.")
    how_far = _amount(flow) if flow.time_lag is None else _time_lag(flow)
    distance = (strong(f"{how_far[:1].upper()}{how_far[1:]}", status), " behind")
    if flow.rate_in is None or flow.rate_out is None or flow.rate_in <= flow.rate_out:
        return spans(*distance, ".")
    growth = f" and losing ground: lag grows by {message_rate(flow.rate_in - flow.rate_out)}"
    return spans(*distance, f"{growth} {in_and_out(flow.rate_in, flow.rate_out, in_at_least=flow.rate_in_at_least)}.")


def _ok(verdict: Verdict, flow: Flow) -> Spans:
    if verdict.reason is Reason.COUNT_ONLY:
        return spans(f"The backlog is not growing. {_waiting(flow)}.")
    if flow.lag == 0:
        return spans("Up to date.")
    if flow.time_lag is not None:
        return spans("Keeping up, ", strong(_time_lag(flow)), " behind.")
    return spans(f"Keeping up. {_waiting(flow)}.")


def _cause(verdict: Verdict, flow: Flow, terms: Terms) -> Spans:
    match verdict.status:
        case Status.WILL_LOSE_DATA:
            return spans(_WHY_LOST[verdict.reason]) if verdict.reason in _WHY_LOST else ()
        case Status.NOT_PERMITTED:
            return spans("Missing permission: ", Span(verdict.detail), ".") if verdict.detail else ()
        case Status.UNKNOWN:
            return spans("Details: ", Span(verdict.detail), ".") if verdict.detail else ()
        case Status.NO_MEMBERS:
            batch = f"The configuration marks this group as a batch job, so having no {terms.clients} is normal."
            return spans(batch if verdict.reason is Reason.BATCH else "")
        case Status.CATCHING_UP | Status.BEHIND:
            return _trend(flow, shrinks=verdict.status is Status.CATCHING_UP)
        case status:
            return spans(_CAUSES.get(status, ""))


def _behind_cause(verdict: Verdict, flow: Flow) -> Spans:
    if verdict.reason is Reason.NONE_IN_FLIGHT:
        return spans("The count has not fallen over the last readings. The consumers may be stopped.")
    if verdict.reason is Reason.COUNT_ONLY:
        return spans("The broker reports a message count, but no rates.")
    grows = flow.rate_in is not None and flow.rate_out is not None and flow.rate_in > flow.rate_out
    return () if grows else _trend(flow)  # the headline has the growth


def _trend(flow: Flow, *, shrinks: bool = False) -> Spans:
    if flow.rate_in is None or flow.rate_out is None:
        return spans("Lag shrinks, but the throughput is unknown." if shrinks else "Throughput is unknown.")
    net = flow.rate_in - flow.rate_out
    if net == 0:
        return spans(f"Lag is stable: {message_rate(flow.rate_in)} in and out.")
    verb = "grows" if net > 0 else "shrinks"
    return spans(
        f"Lag {verb} by {message_rate(abs(net))} {in_and_out(flow.rate_in, flow.rate_out, in_at_least=flow.rate_in_at_least)}."
    )


def _why_unknown(verdict: Verdict) -> str:
    return "not enough history yet" if verdict.reason is Reason.HISTORY_TOO_SHORT else WHY_UNKNOWN[verdict.why]


def _affected(verdict: Verdict, now: float) -> Spans:
    more, least = verdict.partitions_affected - 1, "at least " if verdict.at_least else ""
    losing = bool(verdict.lost) and _time_left(verdict, now) is None
    named = verdict.status in _ABOUT_A_PARTITION or verdict.reason is Reason.UNASSIGNED
    if losing or not named:
        return spans(f"Affected: partition {verdict.partition}{f' and {least}{more:,} more' if more > 0 else ''}.")
    if more < 1:
        return ()
    return spans(f"The same applies to {least}{quantity(more, 'more partition', 'more partitions')}.")


def _deleted(verdict: Verdict) -> Spans:
    have = unread_have(verdict)
    return spans(f"{have[:1].upper()}{have[1:]} already been deleted.") if have else ()


def unread_have(verdict: Verdict) -> str:
    """Return "up to 50 unread messages have"; "" if none was lost. Of partitions that were not judged it counts nothing."""
    if not verdict.lost:
        return ""
    bound = (
        ("at least ", "an estimated ")[verdict.lost_at_most]
        if verdict.at_least
        else ("", "up to ")[verdict.lost_at_most]
    )
    return f"{bound}{quantity(verdict.lost, 'unread message has', 'unread messages have')}"


def _absence(verdict: Verdict, terms: Terms) -> str:
    return "Paused" if verdict.reason is Reason.PAUSED else f"No {terms.clients}"


def _advice(verdict: Verdict, terms: Terms) -> Spans:
    match verdict.status:
        case Status.WILL_LOSE_DATA:
            return spans("Add consumers, make them faster, or extend the retention.")
        case Status.STALLED:
            return spans(f"{terms.clients.capitalize()} are active: check their logs for errors.")
        case Status.STOPPED:
            return spans(_STOPPED_ADVICE.get(verdict.reason, "Check that the consumer application is running."))
        case Status.NO_MEMBERS:
            return spans(_RESUME if verdict.reason is Reason.PAUSED else "")
        case Status.REWOUND:
            return spans(f"Check whether someone reset the {terms.position} on purpose.")
        case status:
            return spans(_ADVICE.get(status, ""))


def _subject(verdict: Verdict, *, several: bool, rows: int) -> Spans:
    """Return the subject: the worst partition where there is more than one, or the group."""
    if verdict.partition is None or rows < 2:
        return (Span("The group "),)
    subject = f"Partition {verdict.partition} "
    if several and verdict.destination is not None:
        return (Span(f"{subject}of "), name_span(verdict.destination), Span(" "))
    return (Span(subject),)


def _waiting(flow: Flow) -> str:
    if flow.lag is None:
        return "Lag is unknown"
    amount = "No messages" if flow.lag == 0 and not flow.lag_bound else _amount(flow)
    return f"{amount[:1].upper()}{amount[1:]} {'is' if flow.lag == 1 else 'are'} waiting"


def _amount(flow: Flow) -> str:
    number = figures.number(flow.lag, approximate=flow.approximate)
    return f"{flow.lag_bound} {number} {'message' if flow.lag == 1 else 'messages'}".lstrip()


def _time_lag(flow: Flow) -> str:
    assert flow.time_lag is not None  # noqa: S101 - the callers have checked it
    return time_lag_text(flow.time_lag)


def _no_progress(verdict: Verdict, now: float) -> str:
    return f"no progress for {_duration(verdict, now)}{_since(verdict, now)}"


def _since(verdict: Verdict, now: float) -> str:
    return f", since {figures.utc_time(verdict.since, now)}" if verdict.since_exact else ""


def _duration(verdict: Verdict, now: float) -> str:
    """Return how long the status has lasted; "at least" where it was so at the first reading already."""
    duration = figures.duration(now - verdict.since)
    return duration if verdict.since_exact else f"at least {duration}"


def _time_left(verdict: Verdict, now: float) -> float | None:
    """Return the seconds until the status ends by itself, or None if that is unknown or past."""
    return verdict.until - now if verdict.until is not None and verdict.until > now else None
