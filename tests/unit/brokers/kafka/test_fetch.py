"""Find the first message and its time in the headers of record batches: transactions, append times, delete horizons."""

from collections.abc import Iterable

import pytest

from signalbox.brokers.kafka.protocol.fetch import BatchTimes, FetchedPartition, fetch_batches_request
from signalbox.brokers.kafka.protocol.producers import transactional_partitions_request
from tests.unit.brokers.kafka import encoded_responses as encoded

APPEND_TIME, TRANSACTIONAL, CONTROL, DELETE_HORIZON = 8, 16, 48, 64  # a marker is in a transaction too
A, B = 7, 8  # producers


def fetch(
    offset: int, records: bytes, *, stable: int = 99, aborted: Iterable[tuple[int, int]] = ()
) -> FetchedPartition:
    api_request = fetch_batches_request({"orders": [(0, offset)]}, partition_bytes=4096)
    (fetched,) = api_request.decode(encoded.fetch_12("orders", 0, records, stable=stable, aborted=aborted), 12)
    assert (fetched.end, fetched.stable) == (99, stable)
    return fetched


def first_offset(fetched: FetchedPartition) -> int | None:
    return None if fetched.batch is None else fetched.batch.base_offset


def marker(offset: int, producer: int = A) -> bytes:
    return encoded.batch(offset, 0, 9, 9, attributes=CONTROL, producer=producer)


def in_transaction(offset: int, delta: int = 0, producer: int = A) -> bytes:
    return encoded.batch(offset, delta, 5, 6, attributes=TRANSACTIONAL, producer=producer)


def test_the_batch_at_a_position_is_found() -> None:
    records = encoded.batch(10, 4, 1_000, 1_400) + marker(15) + encoded.batch(16, 9, 2_000, 2_900)
    for offset, first in ((10, 1_000), (14, 1_000), (15, 2_000), (20, 2_000)):
        batch = fetch(offset, records).batch
        assert batch is not None
        assert batch.first_ms == first
    assert fetch(0, records[:30]).batch is None
    negative_length = encoded.i64(0) + encoded.i32(-12) + bytes(60)
    assert fetch(0, negative_length).batch is None


def test_offsets_with_only_transaction_markers_hold_no_messages() -> None:
    messages = encoded.batch(90, 6, 1, 2)
    fetched = fetch(97, messages + marker(97) + marker(98))
    assert (fetched.batch, fetched.empty_until, fetched.transactional) == (None, 99, True)
    assert fetch(98, marker(98)).empty_until == 99
    assert fetch(97, marker(97)).empty_until == 98  # the response stops before the end
    assert fetch(97, b"").empty_until == 97
    before = fetch(96, messages + marker(97))
    assert (first_offset(before), before.empty_until, before.transactional) == (90, 96, False)


def test_messages_of_aborted_transactions_are_no_messages() -> None:
    records = in_transaction(10, 4) + in_transaction(15, producer=B) + marker(16) + in_transaction(17) + marker(18)
    assert first_offset(fetch(10, records)) == 10
    aborted = fetch(10, records, aborted=[(A, 10)])
    assert (first_offset(aborted), aborted.empty_until) == (15, 15)  # the other producer's message
    both = fetch(10, records, aborted=[(B, 15), (A, 10)])
    assert (first_offset(both), both.empty_until) == (17, 17)  # the producer's next transaction was committed
    twice = fetch(10, records, aborted=[(A, 10), (B, 15), (A, 17)])
    assert (twice.batch, twice.empty_until) == (None, 19)
    assert first_offset(fetch(12, encoded.batch(10, 4, 1, 2, producer=A), aborted=[(A, 3)])) == 10, "in no transaction"


def test_an_aborted_transaction_that_began_before_the_position_counts() -> None:
    assert fetch(12, in_transaction(10, 4) + marker(15), aborted=[(A, 2)]).empty_until == 16


def test_a_batch_that_the_cleaner_emptied_holds_no_messages() -> None:
    fetched = fetch(10, encoded.batch(10, 4, 1, 2, records=0) + encoded.batch(15, 0, 3, 3))
    assert (first_offset(fetched), fetched.empty_until) == (15, 15)


@pytest.mark.parametrize(
    ("attributes", "first_ms"), [(0, 1_000), (APPEND_TIME, 9_000), (DELETE_HORIZON, None), (72, 9_000)]
)
def test_the_first_time_of_a_batch_depends_on_its_attributes(attributes: int, first_ms: int | None) -> None:
    batch = fetch(10, encoded.batch(10, 4, 1_000, 9_000, attributes=attributes)).batch
    assert batch == BatchTimes(base_offset=10, last_offset=14, first_ms=first_ms, max_ms=9_000)


def test_impossible_offsets_end_the_reading() -> None:
    for records in (encoded.batch(10, -5, 1, 1, records=1), encoded.batch(2**63 - 1, 2**31 - 1, 1, 1, records=0)):
        fetched = fetch(10, records)
        assert (fetched.batch, fetched.empty_until) == (None, 10)


def test_a_producer_with_a_marker_makes_its_partition_transactional() -> None:
    data = encoded.describe_producers_0("orders", {0: [(7, -1), (8, 0)], 1: [(7, -1)], 2: [], 3: [(9, 4)]})
    assert transactional_partitions_request({}).decode(data, 0) == [("orders", 0), ("orders", 3)]
