"""Kafka's answers, read from bytes written by hand; cut short, hostile or newer than we know."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.brokers.kafka.protocol.cluster import ask_cluster, ask_coordinators, ask_quorum, ask_settings, ask_sizes
from signalbox.brokers.kafka.protocol.fetch import Wanted, ask_batches
from signalbox.brokers.kafka.protocol.frames import Question
from signalbox.brokers.kafka.protocol.groups import ask_described, ask_groups, ask_share_offsets
from signalbox.brokers.kafka.protocol.metadata import Metadata, ask_metadata
from signalbox.brokers.kafka.protocol.offsets import Commits, ask_commits, ask_commits_of_one, ask_ends, end_rows
from signalbox.brokers.kafka.protocol.provision import ask_commit, ask_create
from signalbox.brokers.kafka.protocol.wire import Body, Cursor, Malformed, decoded
from tests.unit.brokers.kafka import encoded_responses as responses

ORDERS: responses.Rows = {
    "orders": [(0, 5, "", 0), (1, 2**40, "note é", 0), (7, -1, None, 0)],
    "letters": [(3, 9, "m" * 300, 29)],
}
LEADERS: responses.Leaders = {"orders": [(0, 1, (1, 2), (1, 2)), (5, -1, (2,), ())], "größe": [(0, 2, (2, 1), (2,))]}


def read(question: Question[object], data: bytes, version: int) -> object:
    found = decoded(question.api.name, lambda: question.decode(data, version))
    return list(found.topics) if isinstance(found, Metadata) else found


def test_commits_of_many_groups() -> None:
    data = responses.offset_fetch_8({"a": (ORDERS, 0), "ü" * 90: ({}, 0), "closed": ({}, 30)}, tags=responses.ODD_TAGS)
    first, second, third = ask_commits(["a", "ü" * 90, "closed"]).decode(data, 8)
    assert isinstance(first, Commits)
    assert first.topics == (("orders", 3), ("letters", 1))
    assert list(first.partition) == [0, 1, 7, 3]
    assert list(first.offset) == [5, 2**40, -1, 9]
    assert first.errors == {3: 29}
    assert isinstance(second, Commits)
    assert (second.group, second.topics, second.error) == ("ü" * 90, (), 0)
    assert isinstance(third, Commits)
    assert third.error == 30


Rows = list[tuple[int, int, str | None, int]]

ROWS = st.lists(
    st.tuples(
        st.integers(0, 2**31 - 1),
        st.integers(-1, 2**63 - 1),
        st.sampled_from([None, "", "", "m", "m" * 300]),
        st.sampled_from([0, 0, 0, 29, 256]),
    ),
    max_size=6,
)


@given(ROWS, ROWS, st.sampled_from([responses.TAGS, responses.TAGS, responses.ODD_TAGS]))
def test_rows_with_and_without_metadata_are_read_alike(first: Rows, second: Rows, tags: bytes) -> None:
    data = responses.offset_fetch_8({"a": ({"orders": first, "letters": second}, 0), "b": (ORDERS, 0)}, tags=tags)
    found, after = ask_commits(["a", "b"]).decode(data, 8)
    assert isinstance(found, Commits)
    assert found.topics == (("orders", len(first)), ("letters", len(second)))
    rows = [*first, *second]
    assert list(zip(found.partition, found.offset, strict=True)) == [(partition, at) for partition, at, _, _ in rows]
    assert found.errors == {number: error for number, (_, _, _, error) in enumerate(rows) if error}
    assert isinstance(after, Commits)
    assert list(after.offset) == [5, 2**40, -1, 9]


def test_a_group_whose_bytes_are_the_same_is_not_read_again() -> None:
    before = {name: ({"orders": [(0, 5, "", 0)]}, 0) for name in ("a", "b", "c")}
    known = [
        c.raw for c in ask_commits(list(before)).decode(responses.offset_fetch_8(before), 8) if isinstance(c, Commits)
    ]
    after = {**before, "b": ({"orders": [(0, 6, "", 0)]}, 0)}
    first, second, third = ask_commits(list(after), known).decode(responses.offset_fetch_8(after), 8)
    assert (first, third) == (0, 2)
    assert isinstance(second, Commits)
    assert list(second.offset) == [6]
    swapped = responses.offset_fetch_8({name: before[name] for name in ("c", "a", "b")})
    assert [c.group for c in ask_commits(list(after), known).decode(swapped, 8) if isinstance(c, Commits)] == [
        "c",
        "a",
        "b",
    ]


def test_commits_as_older_brokers_answer() -> None:
    data = responses.offset_fetch_2(ORDERS, 0)
    (found,) = ask_commits_of_one("a").decode(data, 2)
    assert isinstance(found, Commits)
    assert (list(found.offset), found.errors, found.group) == ([5, 2**40, -1, 9], {3: 29}, "a")
    assert ask_commits_of_one("a", data).decode(data, 2) == [0]


@pytest.mark.parametrize(("version", "write"), [(7, responses.list_offsets_7), (2, responses.list_offsets_2)])
def test_ends(version: int, write: Callable[[dict[str, list[tuple[int, int, int]]]], bytes]) -> None:
    rows = {"orders": [(0, 0, 7), (4, 6, -1)], "letters": [(1, 0, 2**50)]}
    answers = ask_ends({}).decode(write(rows), version)
    assert {topic: list(end_rows(block, form)) for topic, block, form in answers} == rows


def test_metadata_in_any_order() -> None:
    data = responses.metadata_12(LEADERS)
    found = ask_metadata().decode(data, 12)
    assert [(b.id, b.host, b.port) for b in found.brokers] == [(1, "kafka-1", 9092)]
    orders, other = found.topics
    assert (orders.name, list(orders.leader), list(orders.errors)) == ("orders", [1, -1], [0, 5])
    assert (orders.replicas, orders.in_sync) == (((1, 2), (2,)), ((1, 2), ()))
    assert (other.name, other.topic_id) == ("größe", bytes(range(16)).hex())


def test_groups_and_members() -> None:
    listing = ask_groups().decode(responses.list_groups_5(0, [("a", "consumer", "Stable", "Classic")]), 5)
    assert [(row.group, row.state, row.type) for row in listing.rows] == [("a", "Stable", "classic")]
    assert ask_groups(listing).decode(listing.raw, 5) is listing
    data = responses.describe_groups_5("a", "Stable", {"m1": {"orders": (0, 3)}, "m2": {}})
    (described,) = ask_described("classic", ["a"]).decode(data, 5)
    assert [(m.id, m.host, dict(m.held)) for m in described.members] == [
        ("m1", "/10.0.0.7", {"orders": (0, 3)}),
        ("m2", "/10.0.0.7", {}),
    ]


def test_an_assignment_that_its_leader_wrote_wrong_is_malformed_and_hangs_nothing() -> None:
    good = responses.describe_groups_5("a", "Stable", {"m1": {"orders": (0, 3)}})
    at = good.index(responses.assignment({"orders": (0, 3)}))
    bad = good[: at + 2] + b"\x7f\xff\xff\xff" + good[at + 6 :]
    with pytest.raises(Malformed):
        read(ask_described("classic", ["a"]), bad, 5)


def test_share_offsets() -> None:
    (found,) = ask_share_offsets(["s"]).decode(
        responses.share_offsets_1("s", [("orders", 2, 40, 7), ("new", 0, -1, -1)]), 1
    )
    assert [(row.topic, row.partition, row.start, row.lag) for row in found.rows] == [
        ("orders", 2, 40, 7),
        ("new", 0, -1, -1),
    ]
    assert found.told_lag


def test_the_batch_at_a_position() -> None:
    records = (
        responses.batch(10, 4, 1_000, 1_400)
        + responses.batch(15, 0, 9, 9, control=True)
        + responses.batch(16, 9, 2_000, 2_900)
    )
    for offset, first in ((10, 1_000), (14, 1_000), (15, 2_000), (20, 2_000)):
        question = ask_batches({"orders": [Wanted(0, offset)]}, each_bytes=4096)
        (fetched,) = question.decode(responses.fetch_12("orders", 0, records), 12)
        assert fetched.oldest is not None
        assert fetched.oldest.first_ms == first
    question = ask_batches({"orders": [Wanted(0, 0)]}, each_bytes=4096)
    (cut,) = question.decode(responses.fetch_12("orders", 0, records[:30]), 12)
    assert cut.oldest is None
    (endless,) = question.decode(responses.fetch_12("orders", 0, responses.i64(0) + responses.i32(-12) + bytes(40)), 12)
    assert endless.oldest is None


def test_only_markers_of_transactions_up_to_the_end_are_told_as_such() -> None:
    messages, marker, another = (
        responses.batch(90, 6, 1, 2),
        *(responses.batch(n, 0, 3, 3, control=True) for n in (97, 98)),
    )

    def read_from(offset: int, records: bytes) -> bool:
        question = ask_batches({"orders": [Wanted(0, offset)]}, each_bytes=4096)
        (fetched,) = question.decode(responses.fetch_12("orders", 0, records), 12)
        assert fetched.end == 99
        return fetched.only_markers

    assert read_from(97, messages + marker + another)
    assert read_from(98, another)
    assert not read_from(96, messages + marker + another)
    assert not read_from(97, marker)  # the end is not reached: what follows did not come along
    assert not read_from(97, b"")


ANSWERS: list[tuple[str, Question[object], bytes, int]] = [
    ("OffsetFetch 8", ask_commits(["a"]), responses.offset_fetch_8({"a": (ORDERS, 0)}), 8),
    ("OffsetFetch 2", ask_commits_of_one("a"), responses.offset_fetch_2(ORDERS, 0), 2),
    ("ListOffsets", ask_ends({}), responses.list_offsets_7({"orders": [(0, 0, 7), (4, 6, -1)]}), 7),
    ("Metadata", ask_metadata(), responses.metadata_12(LEADERS), 12),
    ("ListGroups", ask_groups(), responses.list_groups_5(0, [("a", "consumer", "Stable", "classic")]), 5),
    (
        "DescribeGroups",
        ask_described("classic", ["a"]),
        responses.describe_groups_5("a", "Stable", {"m": {"o": (1,)}}),
        5,
    ),
    ("ShareOffsets", ask_share_offsets(["s"]), responses.share_offsets_1("s", [("orders", 2, 40, 7)]), 1),
    ("Fetch", ask_batches({}, each_bytes=1), responses.fetch_12("o", 0, responses.batch(0, 1, 2, 3)), 12),
]


@pytest.mark.parametrize(("question", "data", "version"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS])
def test_every_cut_of_an_answer_is_malformed(question: Question[object], data: bytes, version: int) -> None:
    assert read(question, data, version)
    for end in range(
        len(data) - question.api.flexible(version)
    ):  # the last byte is the empty tail of tagged fields, which nobody needs
        with pytest.raises(Malformed):
            read(question, data[:end], version)


HOSTILE: list[tuple[Question[object], int]] = [
    *((question, version) for _, question, _, version in ANSWERS),
    *((ask_described(kind, ["a"]), version) for kind, version in (("consumer", 1), ("share", 1), ("streams", 0))),
    *((ask_cluster(), v) for v in (0, 2)),
    *((ask_quorum(), v) for v in (0, 2)),
    (ask_settings(["a"], ["b"]), 4),
    (ask_sizes(), 4),
    *((ask_coordinators(["a"]), v) for v in (4, 2)),
    (ask_create([]), 4),
    (ask_commit("a", {}), 8),
]


@pytest.mark.parametrize(("question", "version"), HOSTILE, ids=[f"{q.api.name} {v}" for q, v in HOSTILE])
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_malformed(question: Question[object], version: int, data: bytes) -> None:
    with contextlib.suppress(Malformed):
        read(question, data, version)


@given(
    st.text(max_size=400), st.integers(-(2**63), 2**63 - 1), st.lists(st.integers(-(2**31), 2**31 - 1)), st.booleans()
)
def test_what_is_written_is_read(word: str, number: int, numbers: list[int], flexible: bool) -> None:
    body = Body(flexible=flexible)
    body.text(word)
    body.text(None)
    body.i64(number)
    body.ints(numbers)
    body.texts([word, word])
    cursor = Cursor(body.done(), flexible=flexible)
    assert (cursor.text(), cursor.text_or_none(), cursor.i64(), list(cursor.ints())) == (word, None, number, numbers)
    assert [cursor.text() for _ in range(cursor.count())] == [word, word]
