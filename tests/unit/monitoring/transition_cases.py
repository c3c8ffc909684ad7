"""The cases of sentences.txt about statuses that changed: at the last reading, and in the recent changes."""

from collections.abc import Iterator
from dataclasses import replace

from signalbox.brokers.model import BrokerKind, Why
from signalbox.monitoring import words
from signalbox.monitoring.model import (
    Before,
    Change,
    Flow,
    GroupView,
    LinkState,
    Reason,
    Status,
    TimeLag,
    TimeLagMethod,
)
from tests.unit.monitoring.readings import T0
from tests.unit.monitoring.views import LOSING_GROUND, group_view, text, verdict

CAUGHT_UP = Flow(lag=0, time_lag=TimeLag(seconds=0.0, method=TimeLagMethod.INTERPOLATED), rate_in=12.0, rate_out=40.0)
AT = T0 - 5  # the reading before the last one


def transitions() -> Iterator[tuple[str, GroupView]]:
    """Return groups whose last reading shows another status than the ones before."""
    for status in Status:
        if status is not Status.OK:
            now = verdict(Status.OK, before=Before(status=status, at=AT))
            yield f"{status}, now ok", group_view(now, flow=CAUGHT_UP)
    for method in (TimeLagMethod.MEASURED, TimeLagMethod.AT_LEAST):
        before = Before(status=Status.BEHIND, at=AT, time_lag=TimeLag(seconds=40.0, method=method))
        yield f"behind, {method}, now ok", group_view(verdict(Status.OK, before=before), flow=CAUGHT_UP)
    before = Before(status=Status.NO_MEMBERS, at=AT)
    yield (
        "no consumers, now ok, NATS",
        group_view(verdict(Status.OK, before=before), flow=CAUGHT_UP, kind=BrokerKind.NATS),
    )
    was_ok = Before(status=Status.OK, at=AT)
    yield "ok, now behind", group_view(verdict(Status.OK, before=was_ok, newest=verdict(Status.BEHIND, partition=1)))
    stalled = replace(verdict(Status.STALLED, partition=7), since=T0 - 60)
    yield "ok, now stalled", group_view(verdict(Status.OK, before=was_ok, newest=stalled))
    unread = verdict(Status.UNKNOWN, why=Why.NO_ANSWER)
    stopped = verdict(Status.STOPPED, before=Before(status=Status.STOPPED, at=AT), newest=unread)
    yield "stopped, now unknown", group_view(stopped, flow=Flow(lag=None))
    yield "no members, messages wait", group_view(verdict(Status.NO_MEMBERS, partition=1))


def bounds() -> Iterator[tuple[str, GroupView]]:
    """Return groups of which not every partition was judged."""
    some = {"partition": 7, "partitions_affected": 500, "at_least": True}
    yield "behind on more partitions than are judged", group_view(verdict(Status.BEHIND, **some))
    yield "stalled on more partitions than are judged", group_view(verdict(Status.STALLED, **some))
    partial = replace(LOSING_GROUND, lag_partial=True, rates_partial=True)
    yield "behind, some partitions unknown, rates too", group_view(verdict(Status.BEHIND), flow=partial)
    lost = verdict(Status.WILL_LOSE_DATA, reason=Reason.LOST_ALREADY, lost=200_000, **some)
    yield "loses data on more partitions than are judged", group_view(lost)
    yield "loses offsets on more partitions than are judged", group_view(replace(lost, lost_at_most=True))


def changes() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Return every line that the recent changes can have."""
    for after in (*Status, *LinkState):
        group = "billing" if isinstance(after, Status) else None
        change = Change(at=T0, connection="kafka-prod", group=group, before="ok", after=after)
        yield after, [("line", text(words.change_text(change)))]
    change = Change(
        at=T0, connection="kafka-prod", group="billing", before="ok", after=Status.STALLED, detail="partition 7"
    )
    yield "with a detail", [("line", text(words.change_text(change)))]
    for after in (Status.STALLED, Status.HELD_BACK):
        line = text(words.change_text(replace(change, after=after, since=T0 - 60)))
        yield f"{after}, with its beginning", [("line", line)]
