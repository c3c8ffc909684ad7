"""LogContents: which offsets are known to hold no messages."""

from hypothesis import given
from hypothesis import strategies as st

from signalbox.brokers.kafka.log_contents import RANGES_MAX, LogContents

RANGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12)


@given(RANGES)
def test_only_offsets_that_were_added_are_skipped(ranges: list[tuple[int, int]]) -> None:
    contents, empty = LogContents(), set[int]()
    for first, until in ranges:
        contents.add_empty(5, first, until)
        empty |= set(range(first, until))
    for position in range(32):
        first_unread = contents.first_unread(5, position)
        assert set(range(position, first_unread)) <= empty
        assert contents.first_unread(6, position) == position


def test_ranges_that_touch_are_joined_and_the_newest_remain() -> None:
    contents = LogContents()
    assert contents.add_empty(1, 4, 6)
    assert contents.add_empty(1, 6, 9)
    assert not contents.add_empty(1, 5, 8)
    assert contents.add_empty(1, 0, 2)
    assert [contents.first_unread(1, position) for position in (1, 3, 4, 8, 9)] == [2, 3, 9, 9, 9]
    for first in range(20, 20 + 2 * RANGES_MAX, 2):
        assert contents.add_empty(1, first, first + 1)
    assert [contents.first_unread(1, position) for position in (4, 20)] == [4, 21]
    assert contents.add_empty(1, 21, 30)
    assert contents.first_unread(1, 20) == 31


def test_a_position_is_decided_by_a_message_after_it_or_by_an_empty_end() -> None:
    contents = LogContents()
    assert not contents.is_decided(1, 4, 9)
    contents.add_message(1, 6)
    contents.add_message(1, 5)
    assert contents.is_decided(1, 6, 9)
    assert not contents.is_decided(1, 7, 9)
    contents.add_empty(1, 7, 9)
    assert contents.is_decided(1, 7, 9)
    assert not contents.is_decided(1, 7, 10)
    contents.forget(1)
    assert not contents.is_decided(1, 6, 9)
