"""URL parameters of a list: every error names its parameter and what was expected."""

import pytest

from signalbox.monitoring.model import Status
from signalbox.web.lists import InvalidParameter, parse_int
from signalbox.web.monitoring.list_query import DESTINATION_SORTS, GROUP_SORTS, parse_list_query, parse_window


def test_without_parameters_the_defaults_apply() -> None:
    query = parse_list_query({}, GROUP_SORTS)
    assert (query.sort, query.descending, query.limit, query.is_filtered) == ("lag", True, 50, False)
    assert parse_list_query({}, DESTINATION_SORTS).sort == "in"


def test_text_columns_ascend_and_numbers_descend_by_default() -> None:
    assert parse_list_query({"sort": "name"}, GROUP_SORTS).descending is False
    assert parse_list_query({"sort": "out"}, GROUP_SORTS).descending is True
    assert parse_list_query({"sort": "out", "dir": "up"}, GROUP_SORTS).descending is False


def test_not_ok_accepts_all_but_ok() -> None:
    accepts = parse_list_query({"status": "not-ok"}, GROUP_SORTS).accepts
    assert {status for status in Status if not accepts(status)} == {Status.OK}


def test_a_status_accepts_only_itself() -> None:
    accepts = parse_list_query({"status": "will-lose-data"}, GROUP_SORTS).accepts
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
def test_an_error_names_its_parameter_and_what_was_expected(
    parameters: dict[str, str], key: str, expected: str
) -> None:
    with pytest.raises(InvalidParameter) as error:
        parse_list_query(parameters, GROUP_SORTS)
    assert error.value.key == key
    assert expected in error.value.expected
    assert len(str(error.value)) < 400


def test_a_window_is_one_of_four() -> None:
    assert parse_window({}) == "1h"
    assert parse_window({"window": "7d"}) == "7d"
    with pytest.raises(InvalidParameter, match="window: expected one of 1h, 6h, 24h, 7d"):
        parse_window({"window": "1y"})


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        parse_int({"first": "9" * 5000}, "first", default=0, minimum=0, maximum=10)
