"""What is said of a destination."""

from signalbox.kernel import figures
from signalbox.monitoring.model import DestinationView, Reason, Status
from signalbox.monitoring.words.groups import WHY_UNKNOWN
from signalbox.monitoring.words.spans import Span, Spans, listed, of_things, said, strong


def destination_sentence(view: DestinationView, now: float) -> Spans:
    """Return the verdict of a destination's page: how long it keeps, and what is not well in it."""
    verdict = view.verdict
    if verdict.status is Status.NOT_PERMITTED:
        return said("This user ", strong("may not see", verdict.status), " it.")
    if verdict.status is Status.UNKNOWN:
        return said("How it is is ", strong("unknown", verdict.status), f": {WHY_UNKNOWN[verdict.why]}.")
    if view.loses_at is not None and verdict.status is Status.WILL_LOSE_DATA:
        return listed((_kept(view), _loses(view, now)))
    if verdict.status is Status.OK:
        return listed((_kept(view), said("It is well.")))
    return listed((_kept(view), _trouble(view)))


def destination_reason(view: DestinationView, now: float) -> Spans:
    """Return the line below: who reads it and how much comes in."""
    readers = len(view.readers)
    who = f"{of_things(readers, 'group reads', 'groups read')} it." if readers else "No group is known to read it."
    came = f" {figures.rate(view.rate_in)} come in." if view.rate_in is not None else ""
    trouble = _trouble(view) if view.verdict.status is Status.WILL_LOSE_DATA and view.verdict.reason else ()
    return listed((trouble, said(f"{who}{came}"), _since(view, now)))


def _kept(view: DestinationView) -> Spans:
    retention = view.destination.retention
    if retention is None or view.destination.partitions is None:
        return ()
    if retention.age_s is not None:
        return said(f"Keeps {figures.duration(retention.age_s)}.")
    if retention.size_bytes is not None:
        return said(f"Keeps {figures.size(retention.size_bytes)}.")
    if retention.messages is not None:
        return said(f"Keeps {figures.count(retention.messages)} messages.")
    return ()


def _loses(view: DestinationView, now: float) -> Spans:
    assert view.loses_at is not None  # noqa: S101 - the caller asked
    readers = f"One of {of_things(len(view.readers), 'reader', 'readers')}"
    when = "now" if view.loses_at <= now else f"from {figures.utc_time(view.loses_at, now, seconds=False)}"
    return said(f"{readers} loses messages ", strong(when, Status.WILL_LOSE_DATA), ".")


def _trouble(view: DestinationView) -> Spans:
    verdict = view.verdict
    affected = of_things(verdict.partitions_affected, "partition", "partitions")
    lack, have = ("lacks", "has") if verdict.partitions_affected == 1 else ("lack", "have")
    match verdict.reason:
        case Reason.NO_LEADER:
            return said(strong(affected, verdict.status), f" {have} no leader: nothing can be read or written there.")
        case Reason.NOT_RUNNING:
            return said("The broker calls it ", Span(verdict.detail, strong=True), ".")
        case Reason.LACKS_COPY:
            return said(strong(affected, verdict.status), f" {lack} a copy.")
        case Reason.NEARLY_FULL:
            return said("It is ", strong("nearly full", verdict.status), ".")
        case Reason.HOT:
            return said(f"Partition {verdict.partition} is ", strong("hot", verdict.status), ": its keys are uneven.")
        case Reason.COUNT_ONLY:
            return said("What waits in it ", strong("grows", verdict.status), ".")
        case _:
            return ()


def _since(view: DestinationView, now: float) -> Spans:
    if view.verdict.status is Status.OK or not view.verdict.since_exact:
        return ()
    return said(f"So since {figures.utc_time(view.verdict.since, now)}.")
