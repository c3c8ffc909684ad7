"""The table of cases behind sentences.txt: every status, reason, link and branch of the words modules."""

from collections.abc import Iterator
from dataclasses import replace

from signalbox.brokers.model import BrokerKind, RetentionLimits, Why
from signalbox.monitoring import words
from signalbox.monitoring.model import (
    Before,
    ConnectionView,
    DestinationView,
    Flow,
    GroupView,
    LinkState,
    PartitionView,
    Reason,
    Status,
    TimeLag,
    TimeLagMethod,
    Verdict,
)
from tests.unit.monitoring.connection_cases import connections as connection_cases
from tests.unit.monitoring.connection_cases import list_heads
from tests.unit.monitoring.copy_cases import copy_cases
from tests.unit.monitoring.readings import T0, topic
from tests.unit.monitoring.transition_cases import bounds, changes, transitions
from tests.unit.monitoring.views import (
    LOSING_GROUND,
    connection_view,
    destination_view,
    group_view,
    queue,
    text,
    verdict,
)

Lines = list[tuple[str, str]]  # label, sentence; "" where the words say nothing
Case = tuple[str, Lines]

SOON, PAST = T0 + 12_000, T0 - 1
NO_RATES = replace(LOSING_GROUND, rate_in=None, rate_out=None)
SHRINKING = replace(LOSING_GROUND, rate_in=104.0, rate_out=118.0)
IDLE = Flow(lag=0, time_lag=TimeLag(seconds=0.0, method=TimeLagMethod.INTERPOLATED), rate_in=12.0, rate_out=12.0)
COUNT = Flow(lag=1200, approximate=True)


def sections() -> list[tuple[str, list[Case]]]:
    """Return all cases, grouped by what they are about."""
    return [
        ("Consumer groups", list(map(_group, *zip(*_groups(), strict=True)))),
        ("Partitions of a consumer group", list(_partitions())),
        ("Data that is old", list(_old())),
        ("Connections", list(map(_connection, *zip(*connection_cases(), strict=True)))),
        ("Destinations", list(map(_destination, *zip(*_destinations(), strict=True)))),
        ("Overview", list(_overview())),
        ("Heads of lists", list(_lists())),
        ("A status that only the last reading shows", list(map(_group, *zip(*transitions(), strict=True)))),
        ("Recent changes", list(changes())),
    ]


def _group(case: str, view: GroupView) -> Case:
    row = words.status_text(view.verdict, T0).replace("\u00a0", " ")
    return case, [
        ("row", row),
        ("headline", text(words.group_sentence(view, T0))),
        ("second line", text(words.group_reason(view, T0))),
    ]


def _groups() -> Iterator[tuple[str, GroupView]]:
    yield from _losing()
    yield from _standing_still()
    yield from _offsets()
    yield from _behind()
    yield from _unknown()
    yield from _calm()
    yield from bounds()


def _losing() -> Iterator[tuple[str, GroupView]]:
    status = Status.WILL_LOSE_DATA
    for reason in (Reason.BY_AGE, Reason.BY_COUNT):
        losing = verdict(status, reason=reason, until=SOON, partition=3, partitions_affected=1)
        yield f"will lose data, {reason}", group_view(losing)
    more = verdict(status, reason=Reason.BY_AGE, until=SOON, partition=3, partitions_affected=3, lost=50)
    yield "will lose data on several partitions, some messages are lost already", group_view(more)
    view = group_view(verdict(status, reason=Reason.BY_AGE, until=SOON), rows=1)
    yield "will lose data, a group with one partition", view
    lost = verdict(status, reason=Reason.LOST_ALREADY, partition=3, partitions_affected=2, lost=50)
    yield "loses data now", group_view(lost)
    yield "loses data now, one message so far", group_view(replace(lost, lost=1, partitions_affected=1))
    yield "loses data now, of which some may be no messages", group_view(replace(lost, lost_at_most=True))
    yield "lost data some time ago", group_view(replace(lost, reason=Reason.LOST_EARLIER))
    emptied = replace(lost, reason=Reason.LOST_ALL, lost=90, lost_at_most=True)
    yield "lost data, nothing is left to read", group_view(emptied, flow=IDLE)
    view = group_view(verdict(status, reason=Reason.BY_AGE, until=PAST, partition=3))
    yield "retention reaches the position now", view
    yield "will lose data, reason unknown", group_view(verdict(status, until=SOON))
    view = group_view(verdict(status, reason=Reason.BY_COUNT, until=SOON), kind=BrokerKind.RABBITMQ, rows=1)
    yield "will lose data, RabbitMQ stream", view


def _standing_still() -> Iterator[tuple[str, GroupView]]:
    for kind in BrokerKind:
        yield f"stopped, {kind}", group_view(verdict(Status.STOPPED, partition=1), kind=kind)
    yield "stopped before the first reading", group_view(verdict(Status.STOPPED, since_exact=False))
    yield "stopped, one message", group_view(verdict(Status.STOPPED), flow=replace(LOSING_GROUND, lag=1))
    view = group_view(verdict(Status.STOPPED), flow=replace(LOSING_GROUND, lag_at_most=True))
    yield "stopped, transaction markers may be counted", view
    yield "stopped, lag unknown", group_view(verdict(Status.STOPPED), flow=Flow(lag=None))
    yield "stopped, because paused", group_view(verdict(Status.STOPPED, reason=Reason.PAUSED), kind=BrokerKind.NATS)
    unassigned = verdict(Status.STOPPED, reason=Reason.UNASSIGNED, partition=1, destination="orders")
    yield "stopped, no member is assigned to a partition", group_view(unassigned)
    old = replace(unassigned, destination="old-topic", partitions_affected=2)
    yield "stopped, no member is assigned to a topic", group_view(old, topics=("old-topic",))
    first = replace(unassigned, status=Status.NO_MEMBERS)
    yield "no member is assigned to a partition, seen once", group_view(first)
    stalled = verdict(Status.STALLED, partition=7, destination="orders", partitions_affected=1)
    yield "stalled", group_view(stalled)
    view = group_view(replace(stalled, partitions_affected=2), topics=("orders", "payments"))
    yield "stalled on several partitions of several topics", view
    yield "stalled on three partitions", group_view(replace(stalled, partitions_affected=3))
    view = group_view(verdict(Status.STALLED, since_exact=False), kind=BrokerKind.NATS, rows=1)
    yield "stalled before the first reading, NATS", view
    held_back = verdict(Status.HELD_BACK, since=T0 - 120, partition=1)
    yield "held back", group_view(held_back)
    yield "held back before the first reading", group_view(replace(held_back, since_exact=False))


def _offsets() -> Iterator[tuple[str, GroupView]]:
    yield "committed offset past the end", group_view(verdict(Status.PAST_END, partition=1))
    yield "committed offset past the end, one partition", group_view(verdict(Status.PAST_END), rows=1)
    yield "rewound", group_view(verdict(Status.REWOUND, partition=1))
    yield "rewound, NATS", group_view(verdict(Status.REWOUND), kind=BrokerKind.NATS, rows=1)
    yield "never committed", group_view(verdict(Status.NEVER_COMMITTED, partition=1, partitions_affected=2))


def _behind() -> Iterator[tuple[str, GroupView]]:
    behind = verdict(Status.BEHIND, partition=1, partitions_affected=1)
    yield "behind, lag grows", group_view(behind)
    yield "behind on several partitions", group_view(replace(behind, partitions_affected=3))
    slow = replace(LOSING_GROUND, rate_in=0.5, rate_out=0.0)
    yield "behind, slow rates", group_view(verdict(Status.BEHIND), flow=slow, rows=1)
    slower = replace(LOSING_GROUND, rate_in=0.01, rate_out=0.0)
    yield "behind, very slow rates", group_view(verdict(Status.BEHIND), flow=slower, rows=1)
    yield "behind, total lag shrinks", group_view(behind, flow=SHRINKING)
    uncounted = replace(LOSING_GROUND, rate_in_at_least=True)
    yield "behind, not all arrivals are counted", group_view(behind, flow=uncounted, rows=1)
    yield "behind, lag is stable", group_view(behind, flow=replace(LOSING_GROUND, rate_out=118.0), rows=1)
    yield "behind, rates unknown", group_view(behind, flow=NO_RATES)
    yield "behind, some partitions unknown", group_view(behind, flow=replace(LOSING_GROUND, lag_partial=True))
    gaps = replace(LOSING_GROUND, lag_partial=True, lag_at_most=True)
    yield "behind, some partitions unknown, transactions", group_view(behind, flow=gaps)
    yield "behind, time lag unknown", group_view(behind, flow=replace(LOSING_GROUND, time_lag=None))
    yield "behind, time lag and lag unknown", group_view(behind, flow=Flow(lag=None))
    for method in (TimeLagMethod.AT_LEAST, TimeLagMethod.AT_MOST):
        flow = replace(LOSING_GROUND, time_lag=TimeLag(seconds=195.0, method=method))
        yield f"behind, time lag is {method} this", group_view(behind, flow=flow)
    both = TimeLag(seconds=600.0, method=TimeLagMethod.AT_MOST, at_least=361.0)
    yield "behind, time lag has both bounds", group_view(behind, flow=replace(LOSING_GROUND, time_lag=both))
    near = replace(both, at_least=599.8)
    yield "behind, both bounds look the same", group_view(behind, flow=replace(LOSING_GROUND, time_lag=near))
    for reason in (Reason.COUNT_ONLY, Reason.NONE_IN_FLIGHT):
        view = group_view(verdict(Status.BEHIND, reason=reason), flow=COUNT, kind=BrokerKind.SQS, rows=1)
        yield f"behind, SQS, {reason}", view
    yield "catching up", group_view(verdict(Status.CATCHING_UP, until=T0 + 29), flow=SHRINKING)
    yield "catching up, end unknown", group_view(verdict(Status.CATCHING_UP), flow=NO_RATES)


def _unknown() -> Iterator[tuple[str, GroupView]]:
    for why in Why:
        yield f"unknown, {'no reason given' if why is Why.KNOWN else why}", group_view(verdict(Status.UNKNOWN, why=why))
    yield "unknown, history too short", group_view(verdict(Status.UNKNOWN, reason=Reason.HISTORY_TOO_SHORT))
    view = group_view(verdict(Status.UNKNOWN, why=Why.NO_LEADER, detail="coordinator is loading"))
    yield "unknown, with the broker's own words", view
    yield "not permitted", group_view(verdict(Status.NOT_PERMITTED, detail="DESCRIBE on group billing"))
    yield "not permitted, permission unknown", group_view(verdict(Status.NOT_PERMITTED))


def _calm() -> Iterator[tuple[str, GroupView]]:
    yield "rebalancing", group_view(verdict(Status.REBALANCING, since=T0 - 38))
    view = group_view(verdict(Status.REBALANCING, since=T0 - 38, since_exact=False))
    yield "rebalancing since before the first reading", view
    nobody = verdict(Status.NO_MEMBERS)
    yield "no members", group_view(nobody, flow=IDLE)
    yield "no members, lag unknown", group_view(nobody, flow=Flow(lag=None))
    yield "no consumers, batch", group_view(replace(nobody, reason=Reason.BATCH), kind=BrokerKind.RABBITMQ)
    yield "no consumers, paused", group_view(replace(nobody, reason=Reason.PAUSED), flow=IDLE, kind=BrokerKind.NATS)
    yield "ok, nothing waits", group_view(verdict(Status.OK), flow=IDLE)
    young = replace(LOSING_GROUND, time_lag=TimeLag(seconds=3.0, method=TimeLagMethod.AT_MOST))
    yield "ok, a few seconds behind", group_view(verdict(Status.OK), flow=young)
    yield "ok, no time lag", group_view(verdict(Status.OK), flow=Flow(lag=12))
    yield "ok, lag unknown", group_view(verdict(Status.OK), flow=Flow(lag=None))
    counted = group_view(verdict(Status.OK, reason=Reason.COUNT_ONLY), flow=COUNT, kind=BrokerKind.SQS)
    yield "ok, SQS", counted
    for delayed in (1, 1200):
        group = replace(counted.group, delayed=delayed, approximate=True)
        yield f"ok, SQS, {delayed} delayed", replace(counted, group=group)


def _partitions() -> Iterator[Case]:
    base = PartitionView(
        destination="orders",
        partition=3,
        verdict=verdict(Status.OK),
        flow=LOSING_GROUND,
        settled=1,
        end=4,
        start=0,
        moved_at=T0,
        member=None,
    )
    paused, first = {"reason": Reason.PAUSED}, {"since_exact": False}
    lost = {"reason": Reason.LOST_ALREADY, "lost": 50}
    cases: list[tuple[str, Verdict]] = [(f"{status}", verdict(status)) for status in Status]
    cases += [
        ("stopped, because paused", verdict(Status.STOPPED, **paused)),
        ("stopped, unassigned", verdict(Status.STOPPED, reason=Reason.UNASSIGNED)),
        ("unknown, no answer", verdict(Status.UNKNOWN, why=Why.NO_ANSWER, detail="timed out after 2 s")),
        ("stalled before the first reading", verdict(Status.STALLED, **first)),
        ("loses data now", verdict(Status.WILL_LOSE_DATA, **lost)),
        ("loses data now, one message so far", verdict(Status.WILL_LOSE_DATA, **(lost | {"lost": 1}))),
        ("lost data", verdict(Status.WILL_LOSE_DATA, reason=Reason.LOST_ALL, lost=90, lost_at_most=True)),
    ]
    for case, judged in cases:
        flow = SHRINKING if judged.status is Status.CATCHING_UP else LOSING_GROUND
        view = replace(base, verdict=judged, flow=flow)
        yield case, [("second line", text(words.partition_reason(view, BrokerKind.KAFKA, T0)))]


def _old() -> Iterator[Case]:
    sentence = words.group_sentence(group_view(verdict(Status.BEHIND)), T0)
    yield "the connection is stale", [("headline", text(words.as_of(sentence, T0 - 252, T0, unknown=False)))]
    yield "the connection is down", [("headline", text(words.as_of(sentence, T0 - 252, T0, unknown=True)))]


def _connection(case: str, view: ConnectionView) -> Case:
    row = words.link_text(view, T0).replace("\u00a0", " ")
    return case, [
        ("row", row),
        ("shown as", words.link_status(view)),
        ("headline", text(words.connection_sentence(view, T0))),
        ("second line", text(words.connection_reason(view, T0))),
    ]


def _destination(case: str, view: DestinationView) -> Case:
    return case, [
        ("headline", text(words.destination_sentence(view, T0))),
        ("second line", text(words.destination_reason(view, T0))),
    ]


def _destinations() -> Iterator[tuple[str, DestinationView]]:
    losing = verdict(Status.WILL_LOSE_DATA, until=SOON)
    yield "a group will lose data", destination_view(losing, loses_at=SOON)
    yield "its only group will lose data", destination_view(losing, loses_at=SOON, consumer_groups=("billing",))
    yield "a group loses data now", destination_view(verdict(Status.WILL_LOSE_DATA))
    yield "ok, not all arrivals are counted", destination_view(verdict(Status.OK), rate_in_at_least=True)
    yield "a group lost data", destination_view(verdict(Status.WILL_LOSE_DATA, reason=Reason.LOST_EARLIER, lost=50))
    for reason in (Reason.NO_LEADER, Reason.UNDER_REPLICATED):
        bad = verdict(Status.BEHIND, reason=reason, partitions_affected=1)
        yield f"{reason}, one partition", destination_view(bad)
        yield f"{reason}, two partitions", destination_view(replace(bad, partitions_affected=2))
        stream = replace(topic([5], name="ORDERS"), kind="stream")
        yield f"{reason}, NATS", destination_view(bad, kind=BrokerKind.NATS, destination=stream)
    hot = verdict(Status.BEHIND, reason=Reason.HOT, partition=7, partitions_affected=1)
    yield "one partition gets far more messages than the others", destination_view(hot)
    yield "unknown", destination_view(verdict(Status.UNKNOWN, why=Why.NO_ANSWER, since_exact=False))
    yield "not permitted", destination_view(verdict(Status.NOT_PERMITTED))
    yield from _queues()
    yield from _of_its_groups()
    yield from copy_cases()
    yield from _healthy()


def _queues() -> Iterator[tuple[str, DestinationView]]:
    rabbit = {"kind": BrokerKind.RABBITMQ, "consumer_groups": (), "rate_in": None}
    stopped = verdict(Status.BEHIND, reason=Reason.NOT_RUNNING, detail="minority")
    yield "not running", destination_view(stopped, destination=queue(), **rabbit)
    crashed = replace(stopped, detail="crashed")
    yield "not running, crashed", destination_view(crashed, destination=queue(), **rabbit)
    full = verdict(Status.BEHIND, reason=Reason.NEARLY_FULL)
    limits = RetentionLimits(messages=1000, size_bytes=10 * 1024**2)
    filled = queue(messages=920, size_bytes=5 * 1024**2, retention=limits)
    yield "nearly full, limits on messages and size", destination_view(full, destination=filled, **rabbit)
    counted = replace(filled, retention=replace(limits, size_bytes=None))
    yield "nearly full, limit on messages", destination_view(full, destination=counted, **rabbit)
    sized = replace(filled, retention=replace(limits, messages=None))
    yield "nearly full, limit on size", destination_view(full, destination=sized, **rabbit)
    yield "nearly full, limit unknown", destination_view(full, destination=queue(), **rabbit)
    yield "behind, no reason given", destination_view(verdict(Status.BEHIND), destination=queue(), **rabbit)
    yield "ok, no groups, no rate", destination_view(verdict(Status.OK), destination=queue(), **rabbit)


def _of_its_groups() -> Iterator[tuple[str, DestinationView]]:
    one = verdict(Status.STALLED, reason=Reason.CONSUMERS, detail="billing", partitions_affected=1)
    yield "one of its groups needs attention", destination_view(one)
    yield "two of its groups need attention", destination_view(replace(one, partitions_affected=2))
    yield "its only group needs attention", destination_view(one, consumer_groups=("billing",))
    lost = verdict(Status.WILL_LOSE_DATA, reason=Reason.CONSUMERS, detail="billing", lost=50)
    yield "a group has lost data", destination_view(lost)
    before = Before(status=Status.OK, at=T0 - 5)
    newest = verdict(Status.BEHIND, reason=Reason.UNDER_REPLICATED, partitions_affected=1)
    yield "under-replicated at the last reading", destination_view(verdict(Status.OK, before=before, newest=newest))
    only_before = replace(before, status=Status.BEHIND)
    unread = verdict(Status.UNKNOWN, why=Why.NO_ANSWER)
    yield "not read at the last reading", destination_view(replace(newest, before=only_before, newest=unread))


def _healthy() -> Iterator[tuple[str, DestinationView]]:
    ok = verdict(Status.OK)
    yield "ok", destination_view(ok)
    retentions = {
        "size": RetentionLimits(size_bytes=10 * 1024**3),
        "count": RetentionLimits(messages=1000),
        "no limit": RetentionLimits(),
    }
    for limit, retention in retentions.items():
        yield f"ok, retention: {limit}", destination_view(ok, destination=topic([5], retention=retention))


def _overview() -> Iterator[Case]:
    ok, up = [group_view(verdict(Status.OK))] * 3, connection_view("kafka-prod", LinkState.CONNECTED)
    down, stale = connection_view("rabbit", LinkState.DOWN), connection_view("nats-edge", LinkState.STALE)
    losing = group_view(verdict(Status.WILL_LOSE_DATA, until=SOON))
    later = group_view(verdict(Status.WILL_LOSE_DATA, until=SOON + 60))
    behind, catching_up = group_view(verdict(Status.BEHIND)), group_view(verdict(Status.CATCHING_UP))
    on_rabbit = group_view(verdict(Status.OK), connection="rabbit")
    on_nats = group_view(verdict(Status.OK), connection="nats-edge")
    cases: list[tuple[str, list[ConnectionView], list[GroupView]]] = [
        ("no connections", [], []),
        ("waiting for the first answer", [connection_view("kafka-prod", LinkState.CONNECTING, answered_at=None)], []),
        ("no groups", [up], []),
        ("all ok", [up], ok),
        ("one group, ok", [up], ok[:1]),
        ("one will lose data", [up], [*ok, losing]),
        ("one may be losing data", [up], [*ok, group_view(verdict(Status.WILL_LOSE_DATA))]),
        ("one is losing data", [up], [*ok, group_view(verdict(Status.WILL_LOSE_DATA, lost=50))]),
        ("two will lose data, one more is not ok", [up], [*ok, later, losing, group_view(verdict(Status.STALLED))]),
        ("two are behind, two more are not ok", [up], [*ok, *[behind] * 2, *[catching_up] * 2]),
        ("a connection is down", [up, down], [*ok, on_rabbit]),
        ("a connection is stale", [up, stale], [*ok, on_nats]),
        ("several are down and stale", [down, down, stale, stale], [*ok, on_rabbit, on_nats]),
        ("a destination needs attention", [replace(up, destinations_attention=1)], ok),
        ("two destinations need attention", [replace(up, destinations_attention=2)], [*ok, behind]),
        ("many are down, and nothing is known", [down] * 5, []),
    ]
    for case, connections, groups in cases:
        yield (
            case,
            [
                ("headline", text(words.overview_sentence(connections, groups, T0))),
                ("second line", text(words.overview_reason(connections, groups))),
            ],
        )
    for status in Status:
        for number in (1, 2) if status is not Status.OK else ():
            groups = [*ok, *[group_view(verdict(status))] * number]
            yield f"{status}: {number}", [("headline", text(words.overview_sentence([up], groups, T0)))]


def _lists() -> Iterator[Case]:
    ok, late = destination_view(verdict(Status.OK)), destination_view(verdict(Status.BEHIND))
    losing = destination_view(verdict(Status.WILL_LOSE_DATA, until=SOON), loses_at=SOON)
    now = destination_view(verdict(Status.WILL_LOSE_DATA))
    destinations: list[tuple[str, list[DestinationView], int]] = [
        ("none", [], 0),
        ("one, ok", [ok], 0),
        ("all ok", [ok] * 131, 0),
        ("one not ok", [ok, late], 0),
        ("two not ok", [ok, late, late], 1),
        ("one will lose messages", [ok, losing], 0),
        ("two will lose messages", [ok, losing, losing], 0),
        ("one may be losing messages", [ok, now], 0),
        ("two may be losing messages", [ok, now, now], 0),
        ("one ok, one on a connection that is down", [ok], 1),
        ("some on a connection that is down", [ok] * 123, 8),
    ]
    for case, views, unknown in destinations:
        yield f"destinations: {case}", [("headline", text(words.destinations_sentence(views, unknown, T0)))]
    yield from list_heads()
