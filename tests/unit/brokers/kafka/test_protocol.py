"""Decode responses from hand-written bytes: valid, truncated, hostile, or from newer brokers."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalbox.brokers.kafka.protocol import cluster as cluster_api
from signalbox.brokers.kafka.protocol import offsets as offset_api
from signalbox.brokers.kafka.protocol.changes import commit_offsets_request, create_topics_request
from signalbox.brokers.kafka.protocol.connection import Request
from signalbox.brokers.kafka.protocol.fetch import fetch_batches_request
from signalbox.brokers.kafka.protocol.groups import describe_groups_request, list_groups_request, share_offsets_request
from signalbox.brokers.kafka.protocol.metadata import INCONSISTENT, BrokerAddress, Metadata, metadata_request
from signalbox.brokers.kafka.protocol.offsets import CommittedOffsets, committed_offsets_request
from signalbox.brokers.kafka.protocol.producers import transactional_partitions_request
from signalbox.brokers.kafka.protocol.wire import Cursor, MalformedResponse, RequestBody, decode_checked
from tests.unit.brokers.kafka import encoded_responses as encoded

ORDERS: encoded.Rows = {
    "orders": [(0, 5, "", 0), (1, 2**40, "note é", 0), (7, -1, None, 0)],
    "letters": [(3, 9, "m" * 300, 29)],
}
LEADERS: encoded.Leaders = {"orders": [(0, 1, (1, 2), (1, 2)), (5, -1, (2,), ())], "größe": [(0, 2, (2, 1), (2,))]}


def decode_response(api_request: Request[object], data: bytes, version: int) -> object:
    decoded = decode_checked(api_request.api.name, lambda: api_request.decode(data, version))
    return list(decoded.topics) if isinstance(decoded, Metadata) else decoded


def test_decode_committed_offsets_of_many_groups() -> None:
    data = encoded.offset_fetch_8({"a": (ORDERS, 0), "ü" * 90: ({}, 0), "closed": ({}, 30)}, tags=encoded.UNKNOWN_TAGS)
    first, second, third = committed_offsets_request(["a", "ü" * 90, "closed"]).decode(data, 8)
    assert isinstance(first, CommittedOffsets)
    assert first.topics == (("orders", 3), ("letters", 1))
    assert list(first.partition) == [0, 1, 7, 3]
    assert list(first.offset) == [5, 2**40, -1, 9]
    assert first.errors == {3: 29}
    assert isinstance(second, CommittedOffsets)
    assert (second.group, second.topics, second.error) == ("ü" * 90, (), 0)
    assert isinstance(third, CommittedOffsets)
    assert third.error == 30


Rows = list[tuple[int, int, str | None, int]]

METADATA, ERRORS = (
    st.sampled_from([None, "", "", "m", "m" * 126, "m" * 127, "m" * 128, "m" * 4000, "m" * 16_383]),
    st.sampled_from([0, 0, 0, 29, 256]),
)
ROWS = st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(-1, 2**63 - 1), METADATA, ERRORS), max_size=6)


@settings(deadline=None)  # the machine may be busy
@given(ROWS, ROWS, st.sampled_from([encoded.TAGS, encoded.TAGS, encoded.UNKNOWN_TAGS]))
def test_rows_with_and_without_metadata_decode_the_same(first: Rows, second: Rows, tags: bytes) -> None:
    data = encoded.offset_fetch_8({"a": ({"orders": first, "letters": second}, 0), "b": (ORDERS, 0)}, tags=tags)
    decoded, after = committed_offsets_request(["a", "b"]).decode(data, 8)
    assert isinstance(decoded, CommittedOffsets)
    assert decoded.topics == (("orders", len(first)), ("letters", len(second)))
    rows = [*first, *second]
    assert list(zip(decoded.partition, decoded.offset, strict=True)) == [row[:2] for row in rows]
    assert decoded.errors == {number: error for number, (_, _, _, error) in enumerate(rows) if error}
    assert isinstance(after, CommittedOffsets)
    assert list(after.offset) == [5, 2**40, -1, 9]


def test_a_group_with_unchanged_bytes_is_not_decoded_again() -> None:
    before = {name: ({"orders": [(0, 5, "", 0)]}, 0) for name in ("a", "b", "c")}
    decoded = committed_offsets_request(list(before)).decode(encoded.offset_fetch_8(before), 8)
    known = [offsets.raw for offsets in decoded if isinstance(offsets, CommittedOffsets)]
    after = {**before, "b": ({"orders": [(0, 6, "", 0)]}, 0)}
    first, second, third = committed_offsets_request(list(after), known).decode(encoded.offset_fetch_8(after), 8)
    assert (first, third) == (0, 2)
    assert isinstance(second, CommittedOffsets)
    assert list(second.offset) == [6]
    swapped = encoded.offset_fetch_8({name: before[name] for name in ("c", "a", "b")})
    decoded = committed_offsets_request(list(after), known).decode(swapped, 8)
    assert [offsets.group for offsets in decoded if isinstance(offsets, CommittedOffsets)] == ["c", "a", "b"]


def test_decode_committed_offsets_of_older_brokers() -> None:
    data = encoded.offset_fetch_2(ORDERS, 0)
    (decoded,) = offset_api.single_group_offsets_request("a").decode(data, 2)
    assert isinstance(decoded, CommittedOffsets)
    assert (list(decoded.offset), decoded.errors, decoded.group) == ([5, 2**40, -1, 9], {3: 29}, "a")
    assert offset_api.single_group_offsets_request("a", data).decode(data, 2) == [0]


@pytest.mark.parametrize(("version", "write"), [(7, encoded.list_offsets_7), (2, encoded.list_offsets_2)])
def test_decode_end_offsets(version: int, write: Callable[[dict[str, list[tuple[int, int, int]]]], bytes]) -> None:
    rows = {"orders": [(0, 0, 7), (4, 6, -1)], "letters": [(1, 0, 2**50)]}
    answers = offset_api.list_offsets_request({}).decode(write(rows), version)
    assert {topic: list(offset_api.decode_offset_rows(block, form)) for topic, block, form in answers} == rows


def test_decode_metadata_in_any_order() -> None:
    data = encoded.metadata_12(LEADERS)
    decoded = metadata_request().decode(data, 12)
    assert decoded.brokers == {1: BrokerAddress("kafka-1", 9092)}
    orders, other = decoded.topics
    assert (orders.name, list(orders.leader)) == ("orders", [1, -1])
    assert (orders.replicas, orders.in_sync) == (((1, 2), (2,)), ((1, 2), ()))
    assert (other.name, other.topic_id) == ("größe", bytes(range(16)).hex())


@pytest.mark.parametrize("number", [5, -1, 0])
def test_a_topic_with_wrong_partition_numbers_costs_only_that_topic(number: int) -> None:
    data = encoded.metadata_12(LEADERS).replace(encoded.i32(1, -1, 5), encoded.i32(number, -1, 5))
    orders, other = metadata_request().decode(data, 12).topics
    assert (orders.name, orders.error, list(orders.leader)) == ("orders", INCONSISTENT, [])
    assert (other.name, other.error, list(other.leader)) == ("größe", 0, [2])


def test_a_failed_log_directory_costs_only_that_directory() -> None:
    data = encoded.log_dirs_4({"/data1": (0, {"orders": [(0, 700), (1, 30)]}), "/data2": (56, {})})
    answer = cluster_api.log_dirs_request().decode(data, 4)
    assert (answer.error, answer.failed) == (0, {"/data2": 56})
    assert answer.sizes == [("orders", [(0, 700), (1, 30)])]


def test_decode_groups_and_members() -> None:
    listing = list_groups_request().decode(encoded.list_groups_5(0, [("a", "consumer", "Stable", "Classic")]), 5)
    assert [(row.group, row.state, row.type) for row in listing.rows] == [("a", "Stable", "classic")]
    assert list_groups_request(listing).decode(listing.raw, 5) is listing
    data = encoded.describe_groups_5("a", "Stable", {"m1": {"orders": (0, 3)}, "m2": {}})
    (described,) = describe_groups_request("classic", ["a"]).decode(data, 5)
    members = {member.id: (member.host, dict(member.assigned or {})) for member in described.members}
    assert members == {"m1": ("/10.0.0.7", {"orders": (0, 3)}), "m2": ("/10.0.0.7", {})}


@pytest.mark.parametrize(
    "bad",
    [
        b'{"assigned":{"good":[0,1]}}',
        b"\xff\xff\xff",
        b"\x00",
        encoded.assignment({"orders": (0, 3)})[:-8],
        encoded.assignment({"orders": (0, -3)}),
        b"\x00\x01\x7f\xff\xff\xff" + bytes(30),
    ],
)
def test_an_undecodable_assignment_costs_only_that_assignment(bad: bytes) -> None:
    good = encoded.assignment({"orders": (0, 3)})
    groups = {"bad": {"m1": bad, "m2": good}, "good": {"m3": good}}
    described = describe_groups_request("classic", list(groups)).decode(encoded.classic_groups_5(groups), 5)
    assigned = {member.id: member.assigned for group in described for member in group.members}
    assert assigned == {"m1": None, "m2": {"orders": (0, 3)}, "m3": {"orders": (0, 3)}}


def test_a_name_that_is_no_utf8_costs_no_other_row() -> None:
    rows = [("broken-\ufffd", "consumer", "Stable", "Classic"), ("whole", "consumer", "Stable", "Classic")]
    data = encoded.list_groups_5(0, rows).replace("\ufffd".encode(), b"\xff\xfe\xfd")
    assert [row.group for row in list_groups_request().decode(data, 5).rows][-1] == "whole"


def test_decode_share_offsets() -> None:
    rows = [("orders", 2, 40, 7), ("new", 0, -1, -1)]
    (decoded,) = share_offsets_request(["s"]).decode(encoded.share_offsets_1("s", rows), 1)
    assert [(row.topic, row.partition, row.start_offset, row.lag) for row in decoded.partitions] == rows
    assert decoded.has_lag


DESCRIBED = encoded.describe_groups_5("a", "Stable", {"m": {"o": (1,)}})
RESPONSES: list[tuple[str, Request[object], bytes, int]] = [
    ("OffsetFetch 8", committed_offsets_request(["a"]), encoded.offset_fetch_8({"a": (ORDERS, 0)}), 8),
    ("OffsetFetch 2", offset_api.single_group_offsets_request("a"), encoded.offset_fetch_2(ORDERS, 0), 2),
    (
        "ListOffsets",
        offset_api.list_offsets_request({}),
        encoded.list_offsets_7({"orders": [(0, 0, 7), (4, 6, -1)]}),
        7,
    ),
    ("Metadata", metadata_request(), encoded.metadata_12(LEADERS), 12),
    ("ListGroups", list_groups_request(), encoded.list_groups_5(0, [("a", "consumer", "Stable", "classic")]), 5),
    ("DescribeGroups", describe_groups_request("classic", ["a"]), DESCRIBED, 5),
    ("ShareOffsets", share_offsets_request(["s"]), encoded.share_offsets_1("s", [("orders", 2, 40, 7)]), 1),
    ("Fetch", fetch_batches_request({}, partition_bytes=1), encoded.fetch_12("o", 0, encoded.batch(0, 1, 2, 3)), 12),
    (
        "DescribeProducers",
        transactional_partitions_request({}),
        encoded.describe_producers_0("orders", {0: [(7, -1), (8, 0)], 1: [(7, -1)], 2: []}),
        0,
    ),
]


@pytest.mark.parametrize(("api_request", "data", "version"), [a[1:] for a in RESPONSES], ids=[a[0] for a in RESPONSES])
def test_every_truncated_response_is_malformed(api_request: Request[object], data: bytes, version: int) -> None:
    assert decode_response(api_request, data, version)
    last_byte_optional = api_request.api.is_flexible(version)  # it contains the empty tagged fields
    for end in range(len(data) - last_byte_optional):
        with pytest.raises(MalformedResponse):
            decode_response(api_request, data[:end], version)


HOSTILE: list[tuple[Request[object], int]] = [
    *((api_request, version) for _, api_request, _, version in RESPONSES),
    *((describe_groups_request(kind, ["a"]), v) for kind, v in (("consumer", 1), ("share", 1), ("streams", 0))),
    *((cluster_api.describe_cluster_request(), v) for v in (0, 2)),
    *((cluster_api.describe_quorum_request(), v) for v in (0, 2)),
    (cluster_api.topic_configs_request(["a"], ["b"]), 4),
    (cluster_api.log_dirs_request(), 4),
    *((cluster_api.find_coordinators_request(["a"]), v) for v in (4, 2)),
    (create_topics_request([]), 4),
    (commit_offsets_request("a", {}), 8),
]


@pytest.mark.parametrize(("api_request", "version"), HOSTILE, ids=[f"{r.api.name} {v}" for r, v in HOSTILE])
@settings(deadline=None)  # the machine may be busy
@given(data=st.binary(max_size=300))
def test_any_bytes_decode_or_are_malformed(api_request: Request[object], version: int, data: bytes) -> None:
    with contextlib.suppress(MalformedResponse):
        decode_response(api_request, data, version)


@settings(deadline=None)  # the machine may be busy
@given(
    st.text(max_size=400), st.integers(-(2**63), 2**63 - 1), st.lists(st.integers(-(2**31), 2**31 - 1)), st.booleans()
)
def test_a_request_body_decodes_to_the_same_values(word: str, number: int, numbers: list[int], flexible: bool) -> None:
    body = RequestBody(flexible=flexible)
    body.text(word)
    body.text(None)
    body.i64(number)
    body.ints(numbers)
    body.texts([word, word])
    cursor = Cursor(body.to_bytes(), flexible=flexible)
    assert (cursor.text(), cursor.text_or_none(), cursor.i64(), list(cursor.ints())) == (word, None, number, numbers)
    assert [cursor.text() for _ in range(cursor.count())] == [word, word]
