"""JetStream's answers as facts: right ones, and hostile ones."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalbox.brokers.model import UNKNOWN, GroupState, Why
from signalbox.brokers.nats.account import left_out, limits, nodes
from signalbox.brokers.nats.answers import Answer, moment, seconds
from signalbox.brokers.nats.consumers import group
from signalbox.brokers.nats.names import wrong
from signalbox.brokers.nats.progress import Progress, filtered, unfiltered
from signalbox.brokers.nats.streams import destination

AT_START = unfiltered(created="c", deliveries=0, sequence=0, in_flight=0)
NOW = "2026-11-24T03:00:00.123456789Z"
EARLIER = "2026-11-24T02:59:00Z"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
KEYS = [
    "name",
    "created",
    "config",
    "state",
    "cluster",
    "leader",
    "replicas",
    "current",
    "offline",
    "active",
    "missing",
    "tiers",
    "limits",
    "storage",
    "ts",
    "delivered",
    "ack_floor",
    "consumer_seq",
    "stream_seq",
    "last_active",
    "num_pending",
    "num_ack_pending",
    "filter_subject",
    "filter_subjects",
    "subjects",
    "first_seq",
    "last_seq",
    "messages",
    "max_age",
    "max_bytes",
    "paused",
    "pause_remaining",
    "ack_wait",
    "sources",
    "mirror",
    "server_name",
    "host",
    "port",
]
hostile = st.recursive(
    json_values,
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner | st.lists(inner, max_size=2), max_size=6),
    max_leaves=10,
)
answers = st.dictionaries(st.sampled_from(KEYS), hostile, max_size=10)


@given(answers)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_no_answer_breaks_the_reader(answer: Answer) -> None:
    destination(answer)
    group(answer, "s", AT_START, first=None)
    limits(answer)
    nodes(answer, [answer])
    left_out(answer)


def test_what_is_not_told_is_unknown() -> None:
    told = destination({"config": {"name": "s"}})
    assert (told.messages, told.size_bytes, told.arrived) == (None, None, None)
    assert told.partitions is not None
    assert (told.partitions.start[0], told.partitions.end[0]) == (UNKNOWN, UNKNOWN)
    reader = group({"name": "c"}, "s", AT_START, first=None)
    assert (reader.lag, reader.lag_partial, reader.positions.lag[0]) == (None, True, UNKNOWN)


def test_without_a_leader_no_figure_is_shown() -> None:
    reader = group(
        {"name": "c", "num_pending": 0, "num_ack_pending": 0, "cluster": {"name": "x"}}, "s", AT_START, first=1
    )
    assert (reader.lag, reader.why, reader.state) == (None, Why.NO_LEADER, GroupState.UNKNOWN)
    assert reader.positions.row_why(0) is Why.NO_LEADER


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"num_waiting": 1}, GroupState.ACTIVE),
        ({"delivered": {"last_active": EARLIER}}, GroupState.EMPTY),
        ({"delivered": {"last_active": NOW}}, GroupState.ACTIVE),
        (
            {"num_ack_pending": 1, "delivered": {"last_active": EARLIER}, "config": {"ack_wait": 300_000_000_000}},
            GroupState.ACTIVE,
        ),
        (
            {"num_ack_pending": 1, "delivered": {"last_active": EARLIER}, "config": {"ack_wait": 30_000_000_000}},
            GroupState.EMPTY,
        ),
        ({"paused": True, "num_waiting": 1}, GroupState.PAUSED),
        ({"config": {"deliver_subject": "x"}}, GroupState.EMPTY),
        ({"config": {"deliver_subject": "x"}, "push_bound": True}, GroupState.ACTIVE),
    ],
)
def test_who_reads(told: dict[str, object], state: GroupState) -> None:
    answer = {"name": "c", "ts": NOW, "num_pending": 5, "num_ack_pending": 0, **told}
    assert group(answer, "s", AT_START, first=1).state is state


def test_times_and_spans() -> None:
    assert moment({"ts": NOW}, "ts") == pytest.approx(1795489200.123456)
    assert moment({"ts": "0001-01-01T00:00:00Z"}, "ts") is None
    assert moment({"ts": "soon"}, "ts") is None
    assert seconds({"max_age": 0}, "max_age") is None
    assert seconds({"max_age": 1_500_000_000}, "max_age") == 1.5


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a*", "a>", "a/b", "a\\b", "\t", "\0", "x" * 256, "é" * 128])
def test_names_that_cannot_be(name: str) -> None:
    assert wrong(name)


@pytest.mark.parametrize("name", ["orders", '"', "<b", "%2F", "é" * 127, "\u202e", "x" * 255, "$JS", "🚲"])
def test_names_that_can_be(name: str) -> None:
    assert wrong(name) is None


moves = st.lists(st.sampled_from(["new", "foreign", "hand out", "redeliver", "ack"]), max_size=60)


@given(moves)
def test_a_filtered_counter_is_the_number_of_settled_messages(steps: list[str]) -> None:
    """Read after every step, it counts settled messages exactly, whatever is redelivered and whatever foreign passes by."""
    last, waiting, in_flight, settled = 0, [], 0, 0
    deliveries = sequence = 0
    before: Progress | None = None
    for step in steps:
        if step in {"new", "foreign"}:
            last += 1
            waiting += [last] if step == "new" else []
        elif step == "hand out" and waiting:
            sequence, deliveries, in_flight = waiting.pop(0), deliveries + 1, in_flight + 1
        elif step == "redeliver" and in_flight:
            deliveries += 1
        elif step == "ack" and in_flight:
            in_flight, settled = in_flight - 1, settled + 1
        before = filtered(before, created="c", deliveries=deliveries, sequence=sequence, in_flight=in_flight)
        assert before.settled == settled


def test_a_consumer_made_anew_begins_anew() -> None:
    old = filtered(None, created="monday", deliveries=9, sequence=40, in_flight=2)
    new = filtered(old, created="tuesday", deliveries=1, sequence=50, in_flight=1)
    assert (old.settled, new.settled) == (7, 0)


def test_missing_and_offline_are_faults() -> None:
    faults = left_out({"missing": ["a"], "offline": {"b": "unsupported"}}, stream="s")
    assert [(f.group, f.destination, f.why) for f in faults] == [
        ("s/a", "s", Why.NO_LEADER),
        ("s/b", "s", Why.NO_LEADER),
    ]


def test_limits_of_tiers() -> None:
    told = limits({"tiers": {"R3": {"storage": 5, "limits": {"max_storage": 9, "max_memory": -1}}}})
    assert (told[0].name, told[0].used, told[0].maximum) == ("storage (R3)", 5, 9)
    assert told[1].maximum is None
