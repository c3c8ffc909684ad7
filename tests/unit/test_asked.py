"""What the address of a list asks for; every fault names its key and what was expected."""

import pytest

from signalbox.monitoring.model import Status
from signalbox.web.lists import InvalidParameter, parse_int
from signalbox.web.monitoring.asked import DESTINATION_SORTS, GROUP_SORTS, asked, window


def test_an_empty_address_asks_for_the_list_as_it_is_by_itself() -> None:
    plain = asked({}, GROUP_SORTS)
    assert (plain.sort, plain.down, plain.rows, plain.narrowed) == ("lag", True, 50, False)
    assert asked({}, DESTINATION_SORTS).sort == "in"


def test_a_text_rises_by_itself_and_a_figure_falls() -> None:
    assert asked({"sort": "name"}, GROUP_SORTS).down is False
    assert asked({"sort": "out"}, GROUP_SORTS).down is True
    assert asked({"sort": "out", "dir": "up"}, GROUP_SORTS).down is False


def test_not_ok_accepts_all_but_ok() -> None:
    accepts = asked({"status": "not-ok"}, GROUP_SORTS).accepts
    assert {status for status in Status if not accepts(status)} == {Status.OK}


def test_a_status_accepts_itself_alone() -> None:
    accepts = asked({"status": "will-lose-data"}, GROUP_SORTS).accepts
    assert [status for status in Status if accepts(status)] == [Status.WILL_LOSE_DATA]


@pytest.mark.parametrize(
    ("parameters", "key", "expected"),
    [
        ({"sort": "size; drop"}, "sort", "one of lag, time-lag"),
        ({"dir": "sideways"}, "dir", "one of down, up"),
        ({"status": "great"}, "status", "not-ok, will-lose-data"),
        ({"after": "???"}, "after", "a cursor"),
        ({"before": "W10"}, "before", "a cursor"),
        ({"limit": "0"}, "limit", "1 to 500"),
        ({"limit": "501"}, "limit", "1 to 500"),
        ({"limit": "٣"}, "limit", "a whole number"),
        ({"q": "x" * 301}, "q", "at most 300"),
        ({"connection": "x" * 301}, "connection", "at most 300"),
    ],
)
def test_a_fault_names_its_key_and_what_was_expected(parameters: dict[str, str], key: str, expected: str) -> None:
    with pytest.raises(InvalidParameter) as fault:
        asked(parameters, GROUP_SORTS)
    assert fault.value.key == key
    assert expected in fault.value.expected
    assert len(str(fault.value)) < 400


def test_a_window_is_one_of_four() -> None:
    assert window({}) == "1h"
    assert window({"window": "7d"}) == "7d"
    with pytest.raises(InvalidParameter, match="window: expected one of 1h, 6h, 24h, 7d"):
        window({"window": "1y"})


def test_a_number_of_a_billion_digits_is_not_read() -> None:
    with pytest.raises(InvalidParameter):
        parse_int({"first": "9" * 5000}, "first", default=0, minimum=0, maximum=10)
