"""OffsetTable and CachedGroup: which offsets are accepted, and how lag is computed."""

import struct
from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.brokers.kafka.cached_group import CachedGroup
from signalbox.brokers.kafka.destination_cache import DestinationCache
from signalbox.brokers.kafka.offset_table import OffsetRows, OffsetTable
from signalbox.brokers.kafka.protocol import groups as group_api
from signalbox.brokers.kafka.protocol.cluster import TopicConfig
from signalbox.brokers.kafka.protocol.metadata import TopicMetadata
from signalbox.brokers.kafka.protocol.offsets import CommittedOffsets
from signalbox.brokers.model import UNKNOWN, Group, Why

ROW_FORMAT = ">ihqqib"


def topic(name: str, leaders: list[int], topic_id: str = "id") -> TopicMetadata:
    replicas = tuple((max(leader, 1),) for leader in leaders)
    leader = array("i", leaders)
    return TopicMetadata(
        error=0, name=name, topic_id=topic_id, internal=False, leader=leader, replicas=replicas, in_sync=replicas
    )


def offset_rows(name: str, rows: list[tuple[int, int, int]], at: float = 0.0, leader: int = 1) -> OffsetRows:
    block = b"".join(struct.pack(ROW_FORMAT, p, error, -1, offset, 0, 0) for p, error, offset in rows)
    return OffsetRows(leader, name, block, ROW_FORMAT, at)


def create_table(topics: list[TopicMetadata]) -> OffsetTable:
    table = OffsetTable()
    table.update_metadata(topics)
    return table


def cached_group(name: str = "g", group_type: str = "classic") -> CachedGroup:
    protocol = "share" if group_type == "share" else "consumer"
    return CachedGroup(listing=group_api.GroupListing(name, protocol, "Stable", group_type), node=1, state="Stable")


def ends(table: OffsetTable, name: str) -> list[int]:
    first, count = table.topics[name].first_slot, table.topics[name].partition_count
    return list(table.ends[first : first + count])


def build_group(table: OffsetTable, rows: dict[str, list[tuple[int, int]]], cached: CachedGroup | None = None) -> Group:
    cached = cached or cached_group()
    flat = [row for topic_rows in rows.values() for row in topic_rows]
    topics = tuple((name, len(topic_rows)) for name, topic_rows in rows.items())
    partition, offset = array("i", [p for p, _ in flat]), array("q", [offset for _, offset in flat])
    offsets = CommittedOffsets("g", 0, topics, partition, offset, raw=repr(rows).encode())
    cached.update_offsets(offsets, 1.0)
    return cached.build(table, lambda _: True)


def test_a_lower_end_offset_is_accepted_when_it_is_reported_twice() -> None:
    table = create_table([topic("t", [1, 1])])
    table.update_ends(offset_rows("t", [(0, 0, 50), (1, 0, 60)], 1))
    table.update_ends(offset_rows("t", [(0, 0, 40), (1, 0, 61)], 2))
    assert ends(table, "t") == [UNKNOWN, 61]
    assert table.whys[table.topics["t"].first_slot] is Why.NO_ANSWER
    table.update_ends(offset_rows("t", [(0, 0, 40), (1, 0, 61)], 3))
    assert ends(table, "t") == [40, 61]
    table.update_ends(offset_rows("t", [(0, 0, 30), (1, 0, 61)], 4))
    table.update_ends(offset_rows("t", [(0, 0, 45), (1, 0, 61)], 5))  # higher again: the broker reported an old offset
    table.update_ends(offset_rows("t", [(0, 0, 44), (1, 0, 61)], 6))
    assert ends(table, "t") == [UNKNOWN, 61]


def test_a_response_to_an_earlier_request_changes_nothing() -> None:
    table = create_table([topic("t", [1])])
    table.update_ends(offset_rows("t", [(0, 0, 50)], at=5))
    table.update_ends(offset_rows("t", [(0, 0, 48)], at=4))
    assert ends(table, "t") == [50]


def test_the_same_last_stable_offset_counts_again_when_the_end_has_moved() -> None:
    table = create_table([topic("orders", [1])])
    stable, start = offset_rows("orders", [(0, 0, 5)]), offset_rows("orders", [(0, 0, 3)])
    table.update_ends(offset_rows("orders", [(0, 0, 5)]))
    for _ in range(2):
        table.update_starts(start)
        table.update_stables(stable)
        assert (table.stables[1], table.starts[1]) == (UNKNOWN, 3)
    table.update_ends(offset_rows("orders", [(0, 0, 9)]))
    table.update_stables(stable)
    assert table.stables[1] == 5
    table.mark_leader_unavailable(1, ["orders"])
    table.update_stables(stable)
    assert table.stables[1] == UNKNOWN
    table.update_metadata([topic("orders", [1], "recreated")])
    table.update_starts(start)
    assert table.starts[table.topics["orders"].first_slot] == 3


def test_end_offsets_are_unknown_with_a_reason_after_an_error_or_without_a_leader() -> None:
    table = create_table([topic("t", [1, 2, -1, 1])])
    table.update_ends(offset_rows("t", [(0, 0, 5), (3, 29, -1)]))
    table.update_ends(offset_rows("t", [(1, 0, 6)], leader=2))
    first = table.topics["t"].first_slot
    assert ends(table, "t") == [5, 6, UNKNOWN, UNKNOWN]
    whys = {slot - first: why for slot, why in table.whys.items() if slot >= first}
    assert whys == {2: Why.NO_LEADER, 3: Why.NOT_PERMITTED}
    table.mark_leader_unavailable(2, ["t"])
    assert ends(table, "t") == [5, UNKNOWN, UNKNOWN, UNKNOWN]
    table.update_ends(offset_rows("t", [(1, 0, 6)], leader=2))  # the same bytes as before
    assert ends(table, "t") == [5, 6, UNKNOWN, UNKNOWN]


def test_a_recreated_topic_loses_its_offsets_and_other_topics_keep_theirs() -> None:
    table = create_table([topic("a", [1]), topic("b", [1])])
    table.update_ends(offset_rows("a", [(0, 0, 5)]))
    table.update_ends(offset_rows("b", [(0, 0, 7)]))
    assert table.update_metadata([topic("a", [1], "other"), topic("b", [1])]) == frozenset()
    assert (ends(table, "a"), ends(table, "b")) == ([UNKNOWN], [7])
    assert table.update_metadata([topic("b", [1])]) == {"a"}
    table.drop(["a"])
    assert (table.slots("a", [0]), table.slots("b", [0, 9])) == ([0], [table.topics["b"].first_slot, 0])


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.integers(1, 400), min_size=1, max_size=20), st.data())
def test_compact_keeps_the_offsets_of_remaining_topics(counts: list[int], data: st.DataObject) -> None:
    table = create_table([topic(f"t{i}", [1] * count) for i, count in enumerate(counts)])
    for i, count in enumerate(counts):
        table.update_ends(offset_rows(f"t{i}", [(p, 0, i * 1000 + p) for p in range(count)]))
    dropped = data.draw(st.sets(st.sampled_from(range(len(counts))), max_size=len(counts)))
    table.drop(f"t{i}" for i in dropped)
    table.compact()
    for i, count in enumerate(counts):
        if i not in dropped:
            assert ends(table, f"t{i}") == [i * 1000 + p for p in range(count)]


ROW = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))


@settings(deadline=None)  # the machine may be busy
@given(st.lists(ROW, min_size=1, max_size=30))
def test_lag_excludes_deleted_messages_and_offsets_past_the_end(rows: list[tuple[int, int, int]]) -> None:
    table = create_table([topic("t", [1] * len(rows))])
    ordered = [(settled, min(start, end), end) for settled, start, end in rows]
    table.update_ends(offset_rows("t", [(p, 0, end) for p, (_, _, end) in enumerate(ordered)]))
    table.update_starts(offset_rows("t", [(p, 0, start) for p, (_, start, _) in enumerate(ordered)]))
    group = build_group(table, {"t": [(p, settled) for p, (settled, _, _) in enumerate(ordered)]})
    expected = [UNKNOWN if settled > end else end - max(settled, start) for settled, start, end in ordered]
    assert list(group.positions.lag) == expected
    whys = [group.positions.row_why(row) for row in range(len(ordered))]
    assert whys == [Why.BEYOND_END if lag == UNKNOWN else Why.KNOWN for lag in expected]
    known = [lag for lag in expected if lag >= 0]
    assert group.lag == (sum(known) if known else None)
    assert group.lag_partial == (len(known) < len(expected))


def test_an_assigned_partition_without_a_committed_offset_has_a_row_and_no_lag() -> None:
    table = create_table([topic("t", [1, 1])])
    table.update_ends(offset_rows("t", [(0, 0, 5), (1, 0, 9)]))
    cached = cached_group()
    member = group_api.MemberDescription(id="m", client="c", host="/h", assigned={"t": (0, 1), "hidden": (3,)})
    cached.update_members(group_api.GroupDescription(group="g", error=0, state="Stable", members=(member,)), 1.0)
    group = build_group(table, {"t": [(0, 2)]}, cached)
    assert group.positions.names == ("t", "hidden")
    assert list(group.positions.settled) == [2, UNKNOWN, UNKNOWN]
    assert list(group.positions.lag) == [3, UNKNOWN, UNKNOWN]
    assert group.positions.why == (Why.KNOWN, Why.NEVER_COMMITTED, Why.NOT_PERMITTED)
    assert (group.lag, group.lag_partial) == (3, True)


def test_nothing_is_unread_on_an_empty_partition_without_a_committed_offset() -> None:
    table = create_table([topic("t", [1] * 4)])
    table.update_ends(offset_rows("t", [(0, 0, 20), (1, 0, 0), (2, 0, 30), (3, 0, 7)]))
    table.update_starts(offset_rows("t", [(0, 0, 0), (1, 0, 0), (2, 0, 30), (3, 0, 0)]))
    cached = cached_group()
    member = group_api.MemberDescription(id="m", client="c", host="/h", assigned={"t": (0, 1, 2, 3)})
    cached.update_members(group_api.GroupDescription(group="g", error=0, state="Stable", members=(member,)), 1.0)
    group = build_group(table, {"t": [(0, 20)]}, cached)
    assert list(group.positions.lag) == [0, 0, 0, UNKNOWN]
    assert group.positions.why == (Why.KNOWN, Why.KNOWN, Why.KNOWN, Why.NEVER_COMMITTED)
    table.add_empty("t", 3, 0, 7)  # only aborted messages
    group = cached.build(table, lambda _: True)
    assert (group.lag, group.lag_partial) == (0, False)


def test_a_share_group_has_read_all_of_an_empty_partition_before_its_first_read() -> None:
    table = create_table([topic("t", [1, 1, 1])])
    table.update_ends(offset_rows("t", [(0, 0, 0), (1, 0, 9), (2, 0, 20)]))
    table.update_starts(offset_rows("t", [(0, 0, 0), (1, 0, 0), (2, 0, 20)]))
    cached = cached_group("s", "share")
    member = group_api.MemberDescription(id="m", client="c", host="/h", assigned={"t": (0, 1, 2)})
    cached.update_members(group_api.GroupDescription(group="s", error=0, state="Stable", members=(member,)), 1.0)
    rows = (group_api.SharePartition("t", 2, 10, 10, 0),)  # the others are not initialized, and this one is deleted
    cached.update_offsets(group_api.ShareOffsets(group="s", error=0, partitions=rows, has_lag=True), 1.0)
    group = cached.build(table, lambda _: True)
    lags = dict(zip(group.positions.partition, group.positions.lag, strict=True))
    assert lags == {2: 0, 0: 0, 1: UNKNOWN}
    assert dict(zip(group.positions.partition, group.positions.deleted or (), strict=True)) == {2: 10, 0: 0, 1: 0}


def test_offsets_without_messages_are_neither_lag_nor_lost() -> None:
    table = create_table([topic("t", [1, 1])])
    table.update_ends(offset_rows("t", [(0, 0, 9), (1, 0, 9)]))
    cached = cached_group()
    assert build_group(table, {"t": [(0, 4), (1, 4)]}, cached).lag == 10
    table.add_empty("t", 0, 4, 9)
    table.add_empty("t", 1, 4, 6)
    group = cached.build(table, lambda _: True)
    assert (list(group.positions.lag), list(group.positions.first_unread or ())) == ([0, 3], [9, 6])
    table.update_starts(offset_rows("t", [(0, 0, 9), (1, 0, 8)]))
    group = cached.build(table, lambda _: True)
    assert (list(group.positions.lag), list(group.positions.deleted or ())) == ([0, 1], [0, 2])
    table.update_ends(offset_rows("t", [(0, 0, 3), (1, 0, 9)]))
    table.update_ends(offset_rows("t", [(0, 0, 3), (1, 0, 9)]))
    table.update_ends(offset_rows("t", [(0, 0, 9), (1, 0, 9)]))  # the log was truncated and written anew
    table.update_starts(offset_rows("t", [(0, 0, 0), (1, 0, 8)]))
    assert list(cached.build(table, lambda _: True).positions.lag) == [5, 1]


def test_one_deleted_offset_of_a_topic_with_transactions_is_its_marker() -> None:
    table = create_table([topic("t", [1, 1])])
    table.update_ends(offset_rows("t", [(0, 0, 9), (1, 0, 9)]))
    table.update_starts(offset_rows("t", [(0, 0, 5), (1, 0, 6)]))
    cached = cached_group()
    assert list(build_group(table, {"t": [(0, 4), (1, 4)]}, cached).positions.deleted or ()) == [1, 2]
    table.mark_may_hold_markers("t")
    group = cached.build(table, lambda _: True)
    assert (list(group.positions.deleted or ()), group.lag_at_most) == ([0, 2], True)


def test_other_groups_stay_the_same_object_while_more_is_known_about_a_log() -> None:
    table = create_table([topic("t", [1]), topic("u", [1])])
    table.update_ends(offset_rows("t", [(0, 0, 5)], 1))
    table.update_ends(offset_rows("u", [(0, 0, 5)], 1))
    cached = cached_group()
    first = build_group(table, {"t": [(0, 2)]}, cached)
    table.add_empty("u", 0, 2, 5)
    assert cached.build(table, lambda _: True) is first
    table.add_empty("t", 0, 2, 5)
    assert cached.build(table, lambda _: True).lag == 0


def test_an_unchanged_group_stays_the_same_object() -> None:
    table = create_table([topic("t", [1])])
    table.update_ends(offset_rows("t", [(0, 0, 5)], 1))
    cached = cached_group()
    first = build_group(table, {"t": [(0, 2)]}, cached)
    table.update_ends(offset_rows("t", [(0, 0, 5)], 2))
    assert cached.build(table, lambda _: True) is first
    table.update_ends(offset_rows("t", [(0, 0, 6)], 3))
    second = cached.build(table, lambda _: True)
    assert (second.lag, first.lag) == (4, 3)
    table.update_configs([TopicConfig(topic="t", error=0, values={"cleanup.policy": "compact"})])
    assert any("at most" in note for note in cached.build(table, lambda _: True).notes)


def test_a_group_stays_the_same_object_while_other_topics_change() -> None:
    table = create_table([topic("t", [1]), topic("u", [1])])
    table.update_ends(offset_rows("t", [(0, 0, 5)], 1))
    table.update_ends(offset_rows("u", [(0, 0, 5)], 1))
    cached = cached_group()
    first = build_group(table, {"t": [(0, 2)]}, cached)
    table.update_ends(offset_rows("u", [(0, 0, 9)], 2))
    assert cached.build(table, lambda _: True) is first
    table.mark_leader_unavailable(1, ["t"])
    assert cached.build(table, lambda _: True).lag is None


def test_metadata_without_a_leader_makes_the_end_offset_unknown_again() -> None:
    table = create_table([topic("t", [-1])])
    table.update_ends(offset_rows("t", [(0, 0, 5)], 1))
    cached = cached_group()
    assert build_group(table, {"t": [(0, 2)]}, cached).lag == 3
    table.update_metadata([topic("t", [-1])])
    group = cached.build(table, lambda _: True)
    assert (group.lag, group.positions.why) == (None, (Why.NO_LEADER,))


def test_unknown_offsets_of_a_share_group_are_not_zeros() -> None:
    table = create_table([topic("t", [1, 1, 1])])
    table.update_ends(offset_rows("t", [(0, 0, 50), (1, 0, 60), (2, 0, 70)]))
    cached = cached_group("s", "share")
    rows = (
        group_api.SharePartition("t", 0, 40, 7, 0),
        group_api.SharePartition("t", 1, -1, -1, 0),
        group_api.SharePartition("t", 2, 3, -1, 0),
    )
    cached.update_offsets(group_api.ShareOffsets(group="s", error=0, partitions=rows, has_lag=True), 1.0)
    group = cached.build(table, lambda _: True)
    assert list(group.positions.lag) == [7, UNKNOWN, UNKNOWN]
    assert group.positions.why == (Why.KNOWN, Why.NEVER_COMMITTED, Why.NOT_REPORTED)
    cached.update_offsets(group_api.ShareOffsets(group="s", error=0, partitions=rows[:1], has_lag=False), 2.0)
    without_lag = cached.build(table, lambda _: True)
    assert (without_lag.lag, without_lag.approximate) == (10, True)


def test_a_destination_with_unknown_partitions_has_no_totals() -> None:
    table = create_table([topic("t", [1, -1])])
    table.update_ends(offset_rows("t", [(0, 0, 5)]))
    table.update_starts(offset_rows("t", [(0, 0, 2)]))
    destination = DestinationCache().build(table, "t")
    assert (destination.messages, destination.arrived) == (None, None)
    assert (destination.state, destination.healthy) == ("no leader", False)
    assert destination.partitions is not None
    assert destination.partitions.why == (Why.KNOWN, Why.NO_LEADER)
