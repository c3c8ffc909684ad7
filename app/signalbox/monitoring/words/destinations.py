"""The sentences about a destination."""

from dataclasses import replace

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring.model import LOSS_ENDED, DestinationView, Reason, Status
from signalbox.monitoring.words.groups import status_word, unread_have
from signalbox.monitoring.words.spans import Span, Spans, message_rate, name_span, paragraph, quantity, spans, strong
from signalbox.monitoring.words.terms import WHY_UNKNOWN

_WAS = {Status.OK: "Was healthy", Status.UNKNOWN: "Status was unknown", Status.NOT_PERMITTED: "Could not be read"}


def destination_sentence(view: DestinationView, now: float) -> Spans:
    """Return the headline of a destination's page: what is wrong."""
    verdict = view.verdict
    if verdict.newest is None or verdict.before is None:
        return _headline(view, now)
    until = (
        f"{_WAS.get(verdict.before.status, 'Had a problem')} until {figures.utc_time(verdict.before.at, now)}. Now: "
    )
    return spans(until, *_headline(replace(view, verdict=verdict.newest), now))


def _headline(view: DestinationView, now: float) -> Spans:
    verdict = view.verdict
    match verdict.status:
        case Status.WILL_LOSE_DATA:
            return _will_lose(view, now)
        case _ if verdict.reason is Reason.CONSUMERS:
            return _consumers(view, now)
        case Status.NOT_PERMITTED:
            return spans("Signalbox is ", strong("not permitted", verdict.status), " to read this destination.")
        case Status.UNKNOWN:
            return spans("Status ", strong("unknown", verdict.status), f": {WHY_UNKNOWN[verdict.why]}.")
        case Status.OK:
            return spans("Healthy.")
        case _:
            return _problem(view)


def destination_reason(view: DestinationView, now: float) -> Spans:
    """Return the second line: the cause, the retention, the consumer groups and the rate."""
    view = replace(view, verdict=view.verdict.newest or view.verdict)  # the cause of what the headline tells last
    groups = len(view.consumer_groups)
    who = quantity(groups, "consumer group", "consumer groups") if groups else "No consumer groups known"
    bound = "at least " if view.rate_in_at_least else ""
    rate = f", {bound}{message_rate(view.rate_in)} in" if view.rate_in is not None else ""
    return paragraph((_since(view, now), _consequence(view), _copies(view), _retention(view), spans(f"{who}{rate}.")))


def _consumers(view: DestinationView, now: float) -> Spans:
    verdict, total = view.verdict, len(view.consumer_groups)
    word = strong(status_word(verdict, now), verdict.status)
    if total == 1:
        return spans("Its consumer group ", name_span(verdict.detail), " needs attention: ", word, ".")
    verb = "needs" if verdict.partitions_affected == 1 else "need"
    groups = (
        f"{verdict.partitions_affected:,} of {quantity(total, 'consumer group', 'consumer groups')} {verb} attention: "
    )
    first = "" if verdict.partitions_affected == 1 else ", the most urgent"
    return spans(groups, name_span(verdict.detail), " is ", word, f"{first}.")


def _will_lose(view: DestinationView, now: float) -> Spans:
    status = view.verdict.status
    if (view.loses_at is None or view.loses_at <= now) and view.verdict.lost:
        lost = unread_have(view.verdict)
        ended = view.verdict.reason in LOSS_ENDED
        word = (" has ", strong("lost data", status)) if ended else (" is ", strong("losing data", status))
        when: tuple[str | Span, ...] = (*word, f": {lost} been deleted.")
    elif view.loses_at is None or view.loses_at <= now:
        when = (" may be ", strong("losing", status), " unread messages.")
    else:
        when = (
            " will lose unread messages ",
            strong(f"at about {figures.utc_time(view.loses_at, now, seconds=False)}", status),
            ".",
        )
    if len(view.consumer_groups) == 1:
        return spans("The consumer group ", name_span(view.consumer_groups[0]), *when)
    return spans(f"At least one of {quantity(len(view.consumer_groups), 'consumer group', 'consumer groups')}", *when)


def _problem(view: DestinationView) -> Spans:
    verdict = view.verdict
    partitions = quantity(verdict.partitions_affected, "partition", "partitions")
    one = verdict.partitions_affected == 1
    subject = partitions if view.kind is BrokerKind.KAFKA else f"The {view.destination.kind}"
    plural = view.kind is BrokerKind.KAFKA and not one
    match verdict.reason:
        case Reason.NO_LEADER:
            return spans(f"{subject} {'have' if plural else 'has'} ", strong("no leader", verdict.status), ".")
        case Reason.NOT_RUNNING:
            state = Span(verdict.detail, strong=True)
            return spans("Not running: the broker reports the state \u201c", state, "\u201d.")
        case Reason.UNDER_REPLICATED:
            return spans(f"{subject} {'are' if plural else 'is'} ", strong("under-replicated", verdict.status), ".")
        case Reason.NEARLY_FULL:
            used = _fill(view)
            return spans(strong("Nearly full", verdict.status), f": {used}." if used else ".")
        case Reason.FULL:
            return spans(f"{subject} is ", strong("full", verdict.status), f": {_fill(view)}.")
        case Reason.COPY_BROKEN:
            return _copy_broken(view)
        case Reason.HOT:
            twice = strong("at least twice", verdict.status)
            return spans(f"Partition {verdict.partition} receives ", twice, " the average rate.")
        case _:
            return spans("Status ", strong(str(verdict.status), verdict.status), ".")


def _consequence(view: DestinationView) -> Spans:
    match view.verdict.reason:
        case Reason.NO_LEADER:
            return spans(
                "Without a leader, messages can be neither written nor read. Check the logs and disks of the broker."
            )
        case Reason.UNDER_REPLICATED:
            return spans("Some replicas are not in sync with the leader. Check the logs and disks of the broker.")
        case Reason.NOT_RUNNING:
            lost = view.verdict.detail == "minority"
            return spans(
                "Quorum is lost: start the missing nodes." if lost else "Check the logs and disks of the broker."
            )
        case Reason.NEARLY_FULL:
            return spans("At the limit, the broker drops or rejects messages.")
        case Reason.FULL:
            return spans("The broker rejects new messages. Raise the limit, or remove messages.")
        case Reason.COPY_BROKEN:
            return spans(
                "New messages do not arrive here. Check that the origin exists, and that its account or domain is reachable."
            )
        case Reason.HOT:
            return spans("The message keys are probably skewed.")
        case _:
            return ()


def _copy_broken(view: DestinationView) -> Spans:
    """Name the first broken origin, and how many more there are."""
    broken = [origin for origin in view.destination.origins if origin.broken]
    origin, status = broken[0], view.verdict.status
    kind = "mirror" if origin.mirror else "copy"
    more = f" The same is true of {quantity(len(broken) - 1, 'more source', 'more sources')}." if broken[1:] else ""
    if origin.error or origin.silent_s is None:
        what, name = strong("does not work", status), name_span(origin.name)
        return spans(f"The {kind} of ", name, " ", what, ": ", Span(origin.error.rstrip(".")), ".", more)
    if origin.never_contacted:
        silent = strong("never had contact", status)
        return spans(f"The {view.destination.kind} has ", silent, " with ", name_span(origin.name), ".", more)
    silent = strong(f"had no contact for {figures.duration(origin.silent_s)}", status)
    return spans(f"The {view.destination.kind} has ", silent, " with ", name_span(origin.name), ".", more)


def _copies(view: DestinationView) -> Spans:
    """Say how far the copies of working origins are behind."""
    behind = [(origin.lag, origin) for origin in view.destination.origins if origin.lag and not origin.broken]
    if not behind:
        return ()
    lag, worst = max(behind, key=lambda row: row[0])
    messages = quantity(lag, "message", "messages")
    return spans(f"The {'mirror' if worst.mirror else 'copy'} of ", name_span(worst.name), f" is {messages} behind.")


def _fill(view: DestinationView) -> str:
    """Return how much of each limit is used."""
    destination, limit = view.destination, view.destination.retention
    if limit is None:
        return ""
    used = []
    if destination.messages is not None and limit.messages:
        used.append(f"{figures.number(destination.messages)} of {figures.number(limit.messages)} messages")
    if destination.size_bytes is not None and limit.size_bytes:
        used.append(f"{figures.size(destination.size_bytes)} of {figures.size(limit.size_bytes)}")
    return ", ".join(used)


def _retention(view: DestinationView) -> Spans:
    retention = view.destination.retention
    if retention is None or view.destination.partitions is None:
        return ()
    if retention.age_s is not None:
        return spans(f"Retention is {figures.duration(retention.age_s)}.")
    if retention.size_bytes is not None:
        return spans(f"Retention is {figures.size(retention.size_bytes)}.")
    if retention.messages is not None:
        return spans(f"Retention is {figures.number(retention.messages)} messages.")
    return ()


def _since(view: DestinationView, now: float) -> Spans:
    if view.verdict.status in (Status.OK, Status.WILL_LOSE_DATA) or not view.verdict.since_exact:
        return ()
    return spans(f"Since {figures.utc_time(view.verdict.since, now)}.")
