"""Key paging: every row appears once and in order for any values; an invalid cursor is rejected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.web.monitoring.paging import CursorRefused, Place, cut, from_cursor, to_cursor

NAMES = st.text(max_size=20)
PLACES = st.builds(Place, st.integers(0, 1), st.none() | st.integers(0, 2**63 - 1), NAMES, NAMES)
TEXT_PLACES = st.builds(Place, st.just(0), NAMES, NAMES, NAMES)


def same(place: Place) -> Place:
    return place


@given(st.lists(PLACES, unique=True, max_size=30), st.booleans(), st.integers(1, 7))
def test_paging_forward_returns_every_row_once_and_in_order(places: list[Place], down: bool, size: int) -> None:
    whole = list(cut(places, same, down=down, size=100).rows)
    seen: list[Place] = []
    after = None
    while True:
        part = cut(places, same, down=down, size=size, after=after)
        assert part.first == len(seen) + 1
        seen += part.rows
        if part.after is None:
            break
        after = from_cursor(part.after, of_text=False)
    assert seen == whole
    assert sorted(map(repr, whole)) == sorted(map(repr, places))


@given(st.lists(PLACES, unique=True, min_size=5, max_size=30), st.booleans())
def test_paging_back_returns_the_previous_page(places: list[Place], down: bool) -> None:
    first = cut(places, same, down=down, size=2)
    assert first.after is not None
    second = cut(places, same, down=down, size=2, after=from_cursor(first.after, of_text=False))
    assert second.before is not None
    assert cut(places, same, down=down, size=2, before=from_cursor(second.before, of_text=False)).rows == first.rows


@given(st.lists(TEXT_PLACES, unique_by=lambda p: (p.value, p.connection, p.name), max_size=20))
def test_texts_sort_in_both_directions(places: list[Place]) -> None:
    up = [p.value for p in cut(places, same, down=False, size=50).rows]
    down = [p.value for p in cut(places, same, down=True, size=50).rows]
    assert up == sorted(str(v) for v in up)
    assert down == sorted((str(v) for v in down), reverse=True)


def test_unknown_values_come_last_in_both_directions() -> None:
    places = [Place(0, None, "c", "a"), Place(0, 0, "c", "b"), Place(0, 9, "c", "d")]
    assert [p.value for p in cut(places, same, down=True, size=9).rows] == [9, 0, None]
    assert [p.value for p in cut(places, same, down=False, size=9).rows] == [0, 9, None]


@given(PLACES)
def test_cursor_round_trip(place: Place) -> None:
    assert from_cursor(to_cursor(place), of_text=False) == place


@given(st.text(max_size=60))
def test_an_invalid_cursor_raises_only_cursor_refused(text: str) -> None:
    try:
        from_cursor(text, of_text=False)
    except CursorRefused:
        return
    assert to_cursor(from_cursor(text, of_text=False))  # the text happened to be a valid cursor


@pytest.mark.parametrize("text", ["", "!!!", "bm9wZQ", "W10", to_cursor(Place(0, "a", "c", "n")), "A" * 5000])
def test_a_cursor_of_another_order_is_rejected(text: str) -> None:
    with pytest.raises(CursorRefused):
        from_cursor(text, of_text=False)
