"""The figures at the head of a group's page, each with how it was found."""

from signalbox.kernel import figures
from signalbox.monitoring import words
from signalbox.monitoring.model import GroupView, Status
from signalbox.web.monitoring.glance import Glance
from signalbox.web.monitoring.parts import Fact, rate_fact
from signalbox.web.monitoring.rows import plural


def group_facts(glance: Glance, view: GroupView) -> tuple[Fact, ...]:
    facts = [
        _lag(view),
        _time_lag(view),
        rate_fact("In", view.flow.rate_in, "1 min mean"),
        _out(view),
        _drained(glance, view),
    ]
    kept = _kept(glance, view)
    return (*facts, *_queue(view), *((kept,) if kept else ()))


def _lag(view: GroupView) -> Fact:
    flow = view.flow
    rows = len(view.group.positions)
    note = _parts_of_lag(view) if rows < 2 else f"messages in {plural(rows, 'partition')}"
    if flow.lag is None:
        note = "nothing is known of it"
    elif flow.lag_partial:
        note = "messages, at least: some partitions are unknown"
    tone = words.tone(view.verdict.status)
    return Fact(
        label="Lag",
        figure=figures.count(flow.lag, approximate=flow.approximate),
        note=note,
        tone=tone if tone == "danger" and flow.lag else "",
    )


def _parts_of_lag(view: GroupView) -> str:
    """Say of what a queue's lag consists: what waits, and what is handed out and not settled."""
    group = view.group
    told = ((group.waiting, "waiting"), (group.in_flight, "in flight"))
    parts = [
        f"{figures.count(number, approximate=group.approximate)} {word}" for number, word in told if number is not None
    ]
    return f"messages: {', '.join(parts)}" if parts else "messages"


def _time_lag(view: GroupView) -> Fact:
    lag = view.flow.time_lag
    if lag is None:
        return Fact(label="Time lag", figure=figures.UNKNOWN_WORD, note="no time is known of the oldest unread message")
    several = len(view.group.positions) > 1
    return Fact(
        label="Time lag, worst" if several else "Time lag", figure=figures.duration(lag.seconds), note=lag.method.value
    )


def _out(view: GroupView) -> Fact:
    return rate_fact("Out", view.flow.rate_out, "settled, 1 min mean")


def _drained(glance: Glance, view: GroupView) -> Fact:
    flow = view.flow
    if view.verdict.status is Status.OK and not flow.lag:
        return Fact(label="Caught up in", figure="caught up", note="nothing waits")
    if flow.drained_at is not None:
        left = max(0.0, flow.drained_at - glance.now)
        return Fact(label="Caught up in", figure=figures.duration(left), note="at the rate of the slowest partition")
    if flow.rate_in is None or flow.rate_out is None:
        return Fact(label="Caught up in", figure=figures.UNKNOWN_WORD, note="its rates are not known")
    net = flow.rate_in - flow.rate_out
    if net <= 0:
        return Fact(label="Caught up in", figure=figures.UNKNOWN_WORD, note="it neither gains nor loses for sure")
    return Fact(label="Caught up in", figure="never", note=f"at this rate: lag grows by {figures.rate(net)}")


def _queue(view: GroupView) -> tuple[Fact, ...]:
    """Return what queues and JetStream tell besides, where it is not nothing: delayed, handed out again, gone otherwise."""
    group = view.group
    told = (
        ("Delayed", group.delayed, "not yet to be seen"),
        ("Redelivered", group.redelivered, "handed out again"),
        (
            "Left otherwise",
            group.removed_unacked,
            "rejected, expired, dropped, or settled and not counted by the broker",
        ),
    )
    return tuple(
        Fact(label=label, figure=figures.count(number, approximate=group.approximate), note=note)
        for label, number, note in told
        if number
    )


def _kept(glance: Glance, view: GroupView) -> Fact | None:
    if len(view.group.destinations) != 1:
        return None
    found = glance.monitor.destination(view.connection, view.group.destinations[0])
    retention = None if found is None else found.destination.retention
    if retention is None or retention.age_s is None:
        return None
    return Fact(label="Kept", figure=figures.duration(retention.age_s), note=retention.policy or "by age")
