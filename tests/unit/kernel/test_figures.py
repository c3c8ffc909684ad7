"""Formats of numbers, rates, durations and times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.kernel import figures

NOW = 1_794_885_160.0  # Tue 17 Nov 2026, 03:12:40 UTC


def with_spaces(text: str) -> str:
    return text.replace(figures.NBSP, " ")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1_204_113, "1,204,113"), (-2, "\u22122"), (None, "unknown"), (float("nan"), "unknown")],
)
def test_count_is_exact(number: float | None, text: str) -> None:
    assert figures.number(number) == text


def test_approximate_count_is_marked() -> None:
    assert with_spaces(figures.number(212, approximate=True)) == "\u2248 212"
    assert figures.number(None, approximate=True) == "unknown"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (7, "7"), (999, "999"), (1000, "1 k"), (400_000, "400 k"), (999_700, "1 M"), (1_204_113, "1.2 M")],
)
def test_short_count(number: float, text: str) -> None:
    assert with_spaces(figures.short_number(number)) == text


@pytest.mark.parametrize(
    ("per_s", "text"),
    [
        (None, "unknown"),
        (0.0, "0/s"),
        (0.002, "7/h"),
        (0.15, "9/min"),
        (1.0, "1.0/s"),
        (9.94, "9.9/s"),
        (9.96, "10/s"),
        (854.2, "854/s"),
    ],
)
def test_rate(per_s: float | None, text: str) -> None:
    assert with_spaces(figures.rate(per_s)) == text


def test_rate_for_a_column_can_keep_one_decimal() -> None:
    assert figures.rate_number(223.14, decimal=True) == "223.1"
    assert figures.rate_number(0.0, decimal=True) == "0.0"


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(112_400, "112,400 events/s"), (0.15, "9 events/min"), (0.002, "7 events/h"), (None, "unknown")],
)
def test_rate_with_a_noun(per_s: float | None, text: str) -> None:
    assert with_spaces(figures.rate(per_s, "events")) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unknown"),
        (0.0, "0 s"),
        (0.21, "210 ms"),
        (0.9999, "1 s"),
        (7.4, "7 s"),
        (59.6, "1 min"),
        (125, "2 min 05 s"),
        (2492, "41 min 32 s"),
        (12_000, "3 h 20 min"),
        (31_800, "8 h 50 min"),
        (43_200, "12 h"),
        (3 * 86_400 + 18 * 3600, "3 d 18 h"),
        (-5.0, "0 s"),
    ],
)
def test_duration_has_at_most_two_units(seconds: float | None, text: str) -> None:
    assert with_spaces(figures.duration(seconds)) == text


@pytest.mark.parametrize(("seconds", "text"), [(31_800, "8 h"), (0.21, "210 ms"), (7, "7 s"), (None, "unknown")])
def test_short_duration_has_one_unit(seconds: float | None, text: str) -> None:
    assert with_spaces(figures.short_duration(seconds)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "unknown"), (0.4, "now"), (4, "4 s ago"), (59.9, "59 s ago"), (2460, "41 min ago"), (90_000, "1 d ago")],
)
def test_age(seconds: float | None, text: str) -> None:
    assert with_spaces(figures.age(seconds)) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "unknown"),
        (1, "1 byte"),
        (612, "612 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (1_503_238_553, "1.4 GiB"),
        (409 * 1024**2, "409 MiB"),
    ],
)
def test_size(number: float | None, text: str) -> None:
    assert with_spaces(figures.size(number)) == text


def test_time_of_another_day_has_a_date() -> None:
    assert figures.utc_time(NOW - 2492, NOW) == "02:31:08"
    assert with_spaces(figures.utc_time(NOW - 4 * 3600, NOW)) == "16 Nov 23:12"
    assert with_spaces(figures.utc_time(NOW - 400 * 86_400, NOW)) == "13 Oct 2025"
    assert figures.utc_time(NOW + 12_000, NOW, seconds=False) == "06:32"
    assert figures.utc_time(1e300, NOW) == "unknown"
    assert with_spaces(figures.utc_timestamp(NOW)) == "Tue 17 Nov 03:12:40 UTC"


def test_difference_has_a_sign() -> None:
    assert with_spaces(figures.signed(37)) == "+ 37"
    assert with_spaces(figures.signed(-2)) == "\u2212 2"
    assert figures.signed(0) == "0"


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (26, 100, "26 %"),
        (1, 10_000, "under 1 %"),
        (9999, 10_000, "99 %"),
        (0, 7, "0 %"),
        (7, 7, "100 %"),
        (0, 0, "unknown"),
    ],
)
def test_percent_is_0_or_100_only_for_exactly_none_or_all(part: int, whole: int, text: str) -> None:
    assert with_spaces(figures.percent(part, whole)) == text


@given(st.one_of(st.none(), st.floats(), st.integers(-(2**70), 2**70)))
def test_no_format_fails_or_contains_a_breaking_space(number: float | None) -> None:
    for format_number in (
        figures.number,
        figures.short_number,
        figures.rate,
        figures.rate_number,
        figures.duration,
        figures.short_duration,
        figures.age,
        figures.size,
        figures.signed,
    ):
        text = format_number(number)
        assert text
        assert " " not in text
        assert (text == "unknown") or number is not None


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_duration_text_grows_with_the_duration(first: float, second: float) -> None:
    def seconds(text: str) -> float:
        size = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86_400}
        words = text.split(figures.NBSP)
        return sum(float(words[i]) * size[words[i + 1]] for i in range(0, len(words), 2))

    low, high = sorted((first, second))
    assert seconds(figures.duration(low)) <= seconds(figures.duration(high))


def test_a_count_that_may_be_too_low_or_too_high_says_so() -> None:
    bounds = [figures.bound(at_least=low, at_most=high) for low in (False, True) for high in (False, True)]
    assert bounds == ["", "at most", "at least", "about"]
