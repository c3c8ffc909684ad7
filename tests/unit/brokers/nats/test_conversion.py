"""Conversion of JetStream's answers, including invalid and hostile ones."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.brokers.model import UNKNOWN, GroupState, Why
from signalbox.brokers.nats.account import limits, missing_faults, nodes
from signalbox.brokers.nats.destinations import to_destination
from signalbox.brokers.nats.fields import Answer, limit, seconds, timestamp
from signalbox.brokers.nats.groups import to_group
from signalbox.brokers.nats.ledger import follow, sequences
from signalbox.brokers.nats.names import name_problem
from signalbox.brokers.nats.progress import Progress, follow_progress

NOTHING_READ = follow_progress(None, filtered=False, created="c", deliveries=0, sequence=0, in_flight=0)
NO_PROGRESS = follow(None, NOTHING_READ, 0, sequences(None, {}))
NOW = "2026-11-24T03:00:00.123456789Z"
EARLIER = "2026-11-24T02:59:00Z"
IN_FLIGHT = {"num_ack_pending": 1, "delivered": {"last_active": EARLIER}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
STREAM = ["name", "created", "config", "state", "subjects", "first_seq", "last_seq", "messages", "sources", "mirror"]
CONSUMER = ["ts", "delivered", "ack_floor", "consumer_seq", "stream_seq", "last_active", "num_pending", "ack_wait"]
CONSUMER += ["num_ack_pending", "filter_subject", "filter_subjects", "paused", "pause_remaining"]
CLUSTER = ["cluster", "leader", "replicas", "current", "offline", "active", "missing", "server_name", "host", "port"]
KEYS = [*STREAM, *CONSUMER, *CLUSTER, "tiers", "limits", "storage", "max_age", "max_bytes"]
hostile = st.recursive(
    json_values,
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner | st.lists(inner, max_size=2), max_size=6),
    max_leaves=10,
)
answers = st.dictionaries(st.sampled_from(KEYS), hostile, max_size=10)


@given(answers)
@settings(max_examples=60)
def test_no_answer_breaks_the_conversion(answer: Answer) -> None:
    to_destination(answer)
    to_group(answer, "s", NO_PROGRESS)
    limits(answer)
    nodes(answer, [answer])
    missing_faults(answer)


def test_missing_fields_are_unknown() -> None:
    stream = to_destination({"config": {"name": "s"}})
    assert (stream.messages, stream.size_bytes, stream.arrived) == (None, None, None)
    assert stream.partitions is not None
    assert (stream.partitions.start[0], stream.partitions.end[0]) == (UNKNOWN, UNKNOWN)
    consumer = to_group({"name": "c"}, "s", NO_PROGRESS)
    assert (consumer.lag, consumer.lag_partial, consumer.positions.lag[0]) == (None, True, UNKNOWN)


def test_figures_are_unknown_without_a_leader() -> None:
    answer = {"name": "c", "num_pending": 0, "num_ack_pending": 0, "cluster": {"name": "x"}}
    consumer = to_group(answer, "s", NO_PROGRESS)
    assert (consumer.lag, consumer.why, consumer.state) == (None, Why.NO_LEADER, GroupState.UNKNOWN)
    assert consumer.positions.row_why(0) is Why.NO_LEADER


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"num_waiting": 1}, GroupState.ACTIVE),
        ({"delivered": {"last_active": EARLIER}}, GroupState.EMPTY),
        ({"delivered": {"last_active": NOW}}, GroupState.ACTIVE),
        ({**IN_FLIGHT, "config": {"ack_wait": 300_000_000_000}}, GroupState.ACTIVE),
        ({**IN_FLIGHT, "config": {"ack_wait": 30_000_000_000}}, GroupState.EMPTY),
        ({"paused": True, "num_waiting": 1}, GroupState.PAUSED),
        ({"config": {"deliver_subject": "x"}}, GroupState.EMPTY),
        ({"config": {"deliver_subject": "x"}, "push_bound": True}, GroupState.ACTIVE),
    ],
)
def test_state(fields: dict[str, object], state: GroupState) -> None:
    answer = {"name": "c", "ts": NOW, "num_pending": 5, "num_ack_pending": 0, **fields}
    assert to_group(answer, "s", NO_PROGRESS).state is state


def test_timestamps_and_durations() -> None:
    assert timestamp({"ts": NOW}, "ts") == pytest.approx(1795489200.123456)
    assert timestamp({"ts": "0001-01-01T00:00:00Z"}, "ts") is None
    assert timestamp({"ts": "soon"}, "ts") is None
    assert seconds({"max_age": 0}, "max_age") is None
    assert seconds({"max_age": 1_500_000_000}, "max_age") == 1.5


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a*", "a>", "a/b", "a\\b", "\t", "\0", "x" * 256, "é" * 128])
def test_forbidden_names(name: str) -> None:
    assert name_problem(name)


@pytest.mark.parametrize("name", ["orders", '"', "<b", "%2F", "é" * 127, "\u202e", "x" * 255, "$JS", "🚲"])
def test_allowed_names(name: str) -> None:
    assert name_problem(name) is None


moves = st.lists(st.sampled_from(["publish", "publish other subject", "deliver", "redeliver", "ack"]), max_size=60)


@given(moves)
def test_filtered_progress_counts_settled_messages(steps: list[str]) -> None:
    """With a reading after every step the count is exact, despite redeliveries and messages of other subjects."""
    last, waiting, in_flight, settled = 0, [], 0, 0
    deliveries = sequence = 0
    before: Progress | None = None
    for step in steps:
        if step in {"publish", "publish other subject"}:
            last += 1
            waiting += [last] if step == "publish" else []
        elif step == "deliver" and waiting:
            sequence, deliveries, in_flight = waiting.pop(0), deliveries + 1, in_flight + 1
        elif step == "redeliver" and in_flight:
            deliveries += 1
        elif step == "ack" and in_flight:
            in_flight, settled = in_flight - 1, settled + 1
        before = follow_progress(
            before, filtered=True, created="c", deliveries=deliveries, sequence=sequence, in_flight=in_flight
        )
        assert before.settled == settled


def test_a_recreated_consumer_starts_at_zero() -> None:
    old = follow_progress(None, filtered=True, created="monday", deliveries=9, sequence=40, in_flight=2)
    new = follow_progress(old, filtered=True, created="tuesday", deliveries=1, sequence=50, in_flight=1)
    assert (old.settled, new.settled) == (7, 0)


def test_missing_and_offline_consumers_are_faults() -> None:
    faults = missing_faults({"missing": ["a"], "offline": {"b": "unsupported"}}, stream="s")
    assert [(f.group, f.destination) for f in faults] == [("s/a", "s"), ("s/b", "s")]
    assert {fault.why for fault in faults} == {Why.NO_LEADER}


def test_limits_per_tier() -> None:
    tiers = limits({"tiers": {"R3": {"storage": 5, "limits": {"max_storage": 9, "max_memory": -1}}}})
    assert (tiers[0].name, tiers[0].used, tiers[0].maximum) == ("storage (R3)", 5, 9)
    assert tiers[1].maximum is None


@pytest.mark.parametrize(("value", "known"), [(0, 0), (7, 7), (-1, None), (None, None), ("7", None), (2**64, None)])
def test_a_limit_of_zero_is_a_limit_and_minus_one_is_none(value: object, known: int | None) -> None:
    assert limit({"config": {"max_msgs": value}}, "config", "max_msgs") == known
