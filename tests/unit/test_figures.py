"""How figures are written: every form, and what holds for any number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.kernel import figures

NOW = 1_794_885_160.0  # Tue 17 Nov 2026, 03:12:40 UTC


def spaced(text: str) -> str:
    return text.replace(figures.NBSP, " ")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1_204_113, "1,204,113"), (-2, "\u22122"), (None, "unknown"), (float("nan"), "unknown")],
)
def test_a_count_is_never_rounded(number: float | None, text: str) -> None:
    assert figures.count(number) == text


def test_an_approximate_count_says_so() -> None:
    assert spaced(figures.count(212, approximate=True)) == "\u2248 212"
    assert figures.count(None, approximate=True) == "unknown"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (7, "7"), (999, "999"), (1000, "1 k"), (400_000, "400 k"), (999_700, "1 M"), (1_204_113, "1.2 M")],
)
def test_a_short_count(number: float, text: str) -> None:
    assert spaced(figures.short_count(number)) == text


@pytest.mark.parametrize(
    ("per_s", "text"),
    [
        (None, "unknown"),
        (0.0, "0 /s"),
        (0.002, "7 an hour"),
        (0.15, "9 a minute"),
        (1.0, "1.0 /s"),
        (9.94, "9.9 /s"),
        (9.96, "10 /s"),
        (854.2, "854 /s"),
    ],
)
def test_a_rate(per_s: float | None, text: str) -> None:
    assert spaced(figures.rate(per_s)) == text


def test_a_rate_in_a_column_keeps_one_decimal_beside_others() -> None:
    assert figures.rate_number(223.14, decimal=True) == "223.1"
    assert figures.rate_number(0.0, decimal=True) == "0.0"
    assert spaced(figures.rate(112_400, "events")) == "112,400 events/s"


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
def test_a_duration_has_two_units_at_most(seconds: float | None, text: str) -> None:
    assert spaced(figures.duration(seconds)) == text


@pytest.mark.parametrize(("seconds", "text"), [(31_800, "8 h"), (0.21, "210 ms"), (7, "7 s"), (None, "unknown")])
def test_a_duration_on_an_axis_has_one(seconds: float | None, text: str) -> None:
    assert spaced(figures.short_duration(seconds)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "unknown"), (0.4, "now"), (4, "4 s ago"), (59.9, "59 s ago"), (2460, "41 min ago"), (90_000, "1 d ago")],
)
def test_an_age(seconds: float | None, text: str) -> None:
    assert spaced(figures.age(seconds)) == text


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
def test_bytes(number: float | None, text: str) -> None:
    assert spaced(figures.size(number)) == text


def test_a_clock_of_another_day_has_its_date() -> None:
    assert figures.clock(NOW - 2492, NOW) == "02:31:08"
    assert spaced(figures.clock(NOW - 4 * 3600, NOW)) == "16 Nov 23:12"
    assert spaced(figures.clock(NOW - 400 * 86_400, NOW)) == "13 Oct 2025"
    assert figures.clock(NOW + 12_000, NOW, seconds=False) == "06:32"
    assert figures.clock(1e300, NOW) == "unknown"
    assert spaced(figures.moment(NOW)) == "Tue 17 Nov 03:12:40 UTC"


def test_a_difference_has_its_sign() -> None:
    assert spaced(figures.signed(37)) == "+ 37"
    assert spaced(figures.signed(-2)) == "\u2212 2"
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
def test_a_share_is_all_or_nothing_only_when_it_is(part: int, whole: int, text: str) -> None:
    assert spaced(figures.share(part, whole)) == text


@given(st.one_of(st.none(), st.floats(), st.integers(-(2**70), 2**70)))
def test_any_number_is_written_and_holds_no_breaking_space(number: float | None) -> None:
    for write in (
        figures.count,
        figures.short_count,
        figures.rate,
        figures.rate_number,
        figures.duration,
        figures.short_duration,
        figures.age,
        figures.size,
        figures.signed,
    ):
        text = write(number)
        assert text
        assert " " not in text
        assert (text == "unknown") or number is not None


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_longer_time_is_never_written_as_a_shorter_one(one: float, other: float) -> None:
    def seconds(text: str) -> float:
        size = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86_400}
        words = text.split(figures.NBSP)
        return sum(float(words[i]) * size[words[i + 1]] for i in range(0, len(words), 2))

    low, high = sorted((one, other))
    assert seconds(figures.duration(low)) <= seconds(figures.duration(high))
