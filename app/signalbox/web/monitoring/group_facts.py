"""The figures at the top of a group's page, with how each was found."""

from signalbox.brokers.model import BrokerKind
from signalbox.kernel import figures
from signalbox.monitoring import words
from signalbox.monitoring.model import GroupView, Status
from signalbox.web.monitoring.components import Fact, in_note, plural, rate_fact
from signalbox.web.monitoring.context import MonitoringContext

NOT_READING = frozenset((Status.STOPPED, Status.STALLED, Status.NO_MEMBERS))


def group_facts(context: MonitoringContext, view: GroupView) -> tuple[Fact, ...]:
    flow = view.flow
    settled = "committed" if view.kind is BrokerKind.KAFKA else "acknowledged"
    return (
        _lag(view),
        _time_lag(view),
        rate_fact("In", flow.rate_in, in_note(at_least=flow.rate_in_at_least or flow.rates_partial)),
        rate_fact("Out", flow.rate_out, f"{settled}, 1 min average{', at least' if flow.rates_partial else ''}"),
        _caught_up(context, view),
        *_queue_facts(view),
        *_retention(context, view),
    )


def _lag(view: GroupView) -> Fact:
    flow = view.flow
    partitions = len(view.group.positions)
    note = _lag_parts(view) if partitions < 2 else f"messages in {plural(partitions, 'partition')}"
    if flow.lag is None:
        note = "no data"
    elif flow.lag_partial:
        note = f"messages, {flow.lag_bound}: some partitions are unknown"
    elif flow.lag_at_most:
        note = "messages, at most: some offsets may hold none"
    tone = "danger" if flow.lag and words.tone(view.verdict.status) == "danger" else ""
    return Fact("Lag", figures.number(flow.lag, approximate=flow.approximate), note=note, tone=tone)


def _lag_parts(view: GroupView) -> str:
    """Split a queue's lag into waiting and in flight (delivered, not acknowledged)."""
    group = view.group
    counts = (
        (group.waiting, "waiting"),
        (group.in_flight, "in flight"),
        (group.dead_lettering or None, "dead-lettering"),
    )
    parts = [
        f"{figures.number(number, approximate=group.approximate)} {word}"
        for number, word in counts
        if number is not None
    ]
    return f"messages: {', '.join(parts)}" if parts else "messages"


def _time_lag(view: GroupView) -> Fact:
    lag = view.flow.time_lag
    if lag is None:
        note = "the age of the oldest unread message is unknown"
        return Fact("Time lag", figures.UNKNOWN_WORD, note=note)
    title = "Time lag, worst" if len(view.group.positions) > 1 else "Time lag"
    note = f"{lag.method}, and at least {figures.duration(lag.at_least)}" if lag.at_least else lag.method.value
    return Fact(title, figures.duration(lag.seconds), note=note)


def _caught_up(context: MonitoringContext, view: GroupView) -> Fact:
    """Return what the same reading says of the end of the lag: never another end than the sentence has."""
    label, flow = "Time to catch up", view.flow
    status = (view.verdict.newest or view.verdict).status
    if flow.lag == 0:
        return Fact(label, "up to date", note="no messages are waiting")
    if flow.caught_up_at is not None:
        left_s = max(0.0, flow.caught_up_at - context.now)
        return Fact(label, figures.duration(left_s), note="at the rate of the slowest partition")
    if status in NOT_READING and flow.lag:
        return Fact(label, "never", note="nothing is being read")
    if flow.rate_in is None or flow.rate_out is None:
        return Fact(label, figures.UNKNOWN_WORD, note="rates are unknown")
    if status is Status.OK:
        return Fact(label, "keeping up", note="unread messages are recent")
    growth = flow.rate_in - flow.rate_out
    if growth <= 0:
        return Fact(label, figures.UNKNOWN_WORD, note="lag is not clearly growing or shrinking")
    return Fact(label, "never", note=f"at this rate: lag grows by {figures.rate(growth, 'messages')}")


def _queue_facts(view: GroupView) -> tuple[Fact, ...]:
    """Return the counts that only queues and JetStream report, if they are not zero."""
    group = view.group
    counts = (
        ("Delayed", group.delayed, "not visible yet"),
        ("Redelivered", group.redelivered, "delivered more than once"),
        (
            "Removed otherwise",
            group.removed_unacked,
            "rejected, expired, dropped, or acknowledged without being counted by the broker",
        ),
    )
    return tuple(
        Fact(label, figures.number(number, approximate=group.approximate), note=note)
        for label, number, note in counts
        if number
    )


def _retention(context: MonitoringContext, view: GroupView) -> tuple[Fact, ...]:
    if len(view.group.destinations) != 1:
        return ()
    found = context.monitor.destination(view.connection, view.group.destinations[0])
    retention = None if found is None else found.destination.retention
    if retention is None or retention.age_s is None:
        return ()
    return (Fact("Retention", figures.duration(retention.age_s), note=retention.policy or "by age"),)
