"""Kafka's columns and groups: what is believed at once, what only when it is told twice, and how a lag is found."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from signalbox.brokers.kafka.destinations import Destinations
from signalbox.brokers.kafka.held import Held
from signalbox.brokers.kafka.layout import EndRows, Layout
from signalbox.brokers.kafka.protocol.cluster import TopicSettings
from signalbox.brokers.kafka.protocol.groups import Described, DescribedMember, Listed, ShareOffsets, ShareRow
from signalbox.brokers.kafka.protocol.metadata import TopicMetadata
from signalbox.brokers.kafka.protocol.offsets import Commits
from signalbox.brokers.model import UNKNOWN, Group, Why
from tests.unit.brokers.kafka import encoded_responses as responses

FORM = ">ihqqib"


def topic(name: str, leaders: list[int], topic_id: str = "id") -> TopicMetadata:
    count = len(leaders)
    replicas = tuple((max(leader, 1),) for leader in leaders)
    return TopicMetadata(
        error=0,
        name=name,
        topic_id=topic_id,
        internal=False,
        errors=array("h", [0] * count),
        leader=array("i", leaders),
        replicas=replicas,
        in_sync=replicas,
    )


def told(name: str, rows: list[tuple[int, int, int]], at: float = 0.0, leader: int = 1) -> EndRows:
    block = b"".join(
        responses.i32(p) + responses.i16(e) + responses.i64(-1, offset) + responses.i32(0) + b"\0"
        for p, e, offset in rows
    )
    return EndRows(leader, name, block, FORM, at)


def ends(layout: Layout, name: str) -> list[int]:
    base, count = layout.topics[name].base, layout.topics[name].count
    return list(layout.ends[base : base + count])


def group_of(layout: Layout, rows: dict[str, list[tuple[int, int]]], held: Held | None = None) -> Group:
    held = held or Held(listed=Listed("g", "consumer", "Stable", "classic"), node=1, state="Stable")
    flat = [row for many in rows.values() for row in many]
    commits = Commits(
        group="g",
        error=0,
        topics=tuple((name, len(many)) for name, many in rows.items()),
        partition=array("i", [p for p, _ in flat]),
        offset=array("q", [at for _, at in flat]),
        raw=repr(rows).encode(),
    )
    held.take(commits, 1.0)
    return held.build(layout, lambda _: True)


def test_an_end_that_fell_is_believed_when_it_is_told_twice() -> None:
    layout = Layout()
    layout.take_metadata([topic("t", [1, 1])])
    layout.take_ends(told("t", [(0, 0, 50), (1, 0, 60)], 1))
    layout.take_ends(told("t", [(0, 0, 40), (1, 0, 61)], 2))
    assert ends(layout, "t") == [UNKNOWN, 61]
    assert layout.whys[layout.topics["t"].base] is Why.NO_ANSWER
    layout.take_ends(told("t", [(0, 0, 40), (1, 0, 61)], 3))
    assert ends(layout, "t") == [40, 61]
    layout.take_ends(told("t", [(0, 0, 30), (1, 0, 61)], 4))
    layout.take_ends(told("t", [(0, 0, 45), (1, 0, 61)], 5))  # back again: the broker had told an old one
    layout.take_ends(told("t", [(0, 0, 44), (1, 0, 61)], 6))
    assert ends(layout, "t") == [UNKNOWN, 61]


def test_an_answer_that_was_asked_for_earlier_changes_nothing() -> None:
    layout = Layout()
    layout.take_metadata([topic("t", [1])])
    layout.take_ends(told("t", [(0, 0, 50)], at=5))
    layout.take_ends(told("t", [(0, 0, 48)], at=4))
    assert ends(layout, "t") == [50]


def test_errors_and_lost_leaders_are_unknown_and_say_why() -> None:
    layout = Layout()
    layout.take_metadata([topic("t", [1, 2, -1, 1])])
    layout.take_ends(told("t", [(0, 0, 5), (3, 29, -1)]))
    layout.take_ends(told("t", [(1, 0, 6)], leader=2))
    base = layout.topics["t"].base
    assert ends(layout, "t") == [5, 6, UNKNOWN, UNKNOWN]
    assert {slot - base: why for slot, why in layout.whys.items() if slot >= base} == {
        2: Why.NO_LEADER,
        3: Why.NOT_PERMITTED,
    }
    layout.lose_leader(2, ["t"])
    assert ends(layout, "t") == [5, UNKNOWN, UNKNOWN, UNKNOWN]
    layout.take_ends(told("t", [(1, 0, 6)], leader=2))  # the same bytes as before the loss
    assert ends(layout, "t") == [5, 6, UNKNOWN, UNKNOWN]


def test_a_topic_made_anew_forgets_its_figures_and_keeps_those_of_others() -> None:
    layout = Layout()
    layout.take_metadata([topic("a", [1]), topic("b", [1])])
    layout.take_ends(told("a", [(0, 0, 5)]))
    layout.take_ends(told("b", [(0, 0, 7)]))
    assert layout.take_metadata([topic("a", [1], "other"), topic("b", [1])]) == frozenset()
    assert (ends(layout, "a"), ends(layout, "b")) == ([UNKNOWN], [7])
    assert layout.take_metadata([topic("b", [1])]) == {"a"}
    layout.drop(["a"])
    assert layout.slots([("a", 1), ("b", 2)], [0, 0, 9]) == [0, layout.topics["b"].base, 0]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20), st.data())
def test_closing_the_holes_moves_no_figure(counts: list[int], data: st.DataObject) -> None:
    layout = Layout()
    layout.take_metadata([topic(f"t{i}", [1] * count) for i, count in enumerate(counts)])
    for i, count in enumerate(counts):
        layout.take_ends(told(f"t{i}", [(p, 0, i * 1000 + p) for p in range(count)]))
    dropped = data.draw(st.sets(st.sampled_from(range(len(counts))), max_size=len(counts)))
    layout.drop(f"t{i}" for i in dropped)
    layout.compact()
    for i, count in enumerate(counts):
        if i not in dropped:
            assert ends(layout, f"t{i}") == [i * 1000 + p for p in range(count)]


ROW = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))


@given(st.lists(ROW, min_size=1, max_size=30))
def test_a_lag_is_end_minus_commit_but_for_what_is_lost_or_beyond(rows: list[tuple[int, int, int]]) -> None:
    layout = Layout()
    layout.take_metadata([topic("t", [1] * len(rows))])
    ordered = [(settled, min(start, end), end) for settled, start, end in rows]
    layout.take_ends(told("t", [(p, 0, end) for p, (_, _, end) in enumerate(ordered)]))
    layout.take_starts(told("t", [(p, 0, start) for p, (_, start, _) in enumerate(ordered)]))
    group = group_of(layout, {"t": [(p, settled) for p, (settled, _, _) in enumerate(ordered)]})
    expected = [UNKNOWN if settled > end else end - max(settled, start) for settled, start, end in ordered]
    assert list(group.positions.lag) == expected
    whys = [group.positions.row_why(row) for row in range(len(ordered))]
    assert whys == [Why.BEYOND_END if lag == UNKNOWN else Why.KNOWN for lag in expected]
    known = [lag for lag in expected if lag >= 0]
    assert group.lag == (sum(known) if known else None)
    assert group.lag_partial == (len(known) < len(expected))


def test_what_is_assigned_and_never_committed_has_a_row_and_no_lag() -> None:
    layout = Layout()
    layout.take_metadata([topic("t", [1, 1])])
    layout.take_ends(told("t", [(0, 0, 5), (1, 0, 9)]))
    held = Held(listed=Listed("g", "consumer", "Stable", "classic"), node=1, state="Stable")
    member = DescribedMember(id="m", client="c", host="/h", held={"t": (0, 1), "hidden": (3,)})
    held.describe(Described(group="g", error=0, message="", state="Stable", members=(member,)), 1.0)
    group = group_of(layout, {"t": [(0, 2)]}, held)
    assert group.positions.names == ("t", "hidden")
    assert list(group.positions.settled) == [2, UNKNOWN, UNKNOWN]
    assert list(group.positions.lag) == [3, UNKNOWN, UNKNOWN]
    assert group.positions.why == (Why.KNOWN, Why.NEVER_COMMITTED, Why.NOT_PERMITTED)
    assert (group.lag, group.lag_partial) == (3, True)


def test_an_unchanged_group_is_the_same_object_until_something_moves() -> None:
    layout = Layout()
    layout.take_metadata([topic("t", [1])])
    layout.take_ends(told("t", [(0, 0, 5)], 1))
    held = Held(listed=Listed("g", "consumer", "Stable", "classic"), node=1, state="Stable")
    first = group_of(layout, {"t": [(0, 2)]}, held)
    layout.take_ends(told("t", [(0, 0, 5)], 2))
    assert held.build(layout, lambda _: True) is first
    layout.take_ends(told("t", [(0, 0, 6)], 3))
    second = held.build(layout, lambda _: True)
    assert (second.lag, first.lag) == (4, 3)
    layout.take_settings([TopicSettings(topic="t", error=0, values={"cleanup.policy": "compact"})])
    assert any("at most" in note for note in held.build(layout, lambda _: True).notes)


def test_a_group_is_the_same_object_while_only_others_topics_move() -> None:
    layout = Layout()
    layout.take_metadata([topic("t", [1]), topic("u", [1])])
    layout.take_ends(told("t", [(0, 0, 5)], 1))
    layout.take_ends(told("u", [(0, 0, 5)], 1))
    held = Held(listed=Listed("g", "consumer", "Stable", "classic"), node=1, state="Stable")
    first = group_of(layout, {"t": [(0, 2)]}, held)
    layout.take_ends(told("u", [(0, 0, 9)], 2))
    assert held.build(layout, lambda _: True) is first
    layout.lose_leader(1, ["t"])
    assert held.build(layout, lambda _: True).lag is None


def test_an_end_told_after_its_leader_was_lost_is_unknown_again_with_the_next_metadata() -> None:
    layout = Layout()
    layout.take_metadata([topic("t", [-1])])
    layout.take_ends(told("t", [(0, 0, 5)], 1))
    held = Held(listed=Listed("g", "consumer", "Stable", "classic"), node=1, state="Stable")
    assert group_of(layout, {"t": [(0, 2)]}, held).lag == 3
    layout.take_metadata([topic("t", [-1])])
    lost = held.build(layout, lambda _: True)
    assert (lost.lag, lost.positions.why) == (None, (Why.NO_LEADER,))


def test_a_share_groups_unknowns_are_no_zeros() -> None:
    layout = Layout()
    layout.take_metadata([topic("t", [1, 1, 1])])
    layout.take_ends(told("t", [(0, 0, 50), (1, 0, 60), (2, 0, 70)]))
    held = Held(listed=Listed("s", "share", "Stable", "share"), node=1, state="Stable")
    rows = (ShareRow("t", 0, 40, 7, 0), ShareRow("t", 1, -1, -1, 0), ShareRow("t", 2, 3, -1, 0))
    held.take(ShareOffsets(group="s", error=0, rows=rows, told_lag=True), 1.0)
    group = held.build(layout, lambda _: True)
    assert list(group.positions.lag) == [7, UNKNOWN, UNKNOWN]
    assert group.positions.why == (Why.KNOWN, Why.NEVER_COMMITTED, Why.NOT_REPORTED)
    held.take(ShareOffsets(group="s", error=0, rows=rows[:1], told_lag=False), 2.0)
    older = held.build(layout, lambda _: True)
    assert (older.lag, older.approximate) == (10, True)


def test_a_destinations_unknown_parts_make_no_sum() -> None:
    layout = Layout()
    layout.take_metadata([topic("t", [1, -1])])
    layout.take_ends(told("t", [(0, 0, 5)]))
    layout.take_starts(told("t", [(0, 0, 2)]))
    found = Destinations().build(layout, "t")
    assert (found.messages, found.arrived, found.state, found.healthy) == (None, None, "no leader", False)
    assert found.partitions is not None
    assert found.partitions.why == (Why.KNOWN, Why.NO_LEADER)
