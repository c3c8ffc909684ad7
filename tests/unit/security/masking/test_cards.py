"""Card numbers are found in any notation, and other numbers of that length are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalbox.security.masking.cards import DIGITS_MAX, DIGITS_MIN, digits, find


def luhn(number: str) -> bool:
    """The checksum as in its standard: from the right, every second digit doubled."""
    total = 0
    for at, figure in enumerate(reversed(number)):
        value = int(figure) * (2 if at % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def checked(number: str) -> str:
    return next(number + figure for figure in "0123456789" if luhn(number + figure))


NUMBERS = st.text("0123456789", min_size=DIGITS_MIN - 2, max_size=DIGITS_MAX - 2).flatmap(
    lambda tail: st.sampled_from("23456789").map(lambda head: checked(head + tail))
)
BETWEEN = st.sampled_from(["", " ", "-", "\xa0", " - ", "\u2011", "\u200b", "\0"])


@given(
    NUMBERS, st.lists(BETWEEN, min_size=DIGITS_MAX, max_size=DIGITS_MAX), st.sampled_from(["", "card ", "x", "(", "9,"])
)
def test_card_number_is_found_with_any_separator(number: str, between: list[str], before: str) -> None:
    spaced = "".join(figure + space for figure, space in zip(number, between, strict=False)).rstrip("".join(between))
    text = f"{before}{spaced}. "
    (start, end) = (len(before), len(before) + len(spaced))
    assert any(first <= start and end <= last for first, last in find(text))
    assert digits(spaced) == number


@given(st.text("0123456789 -x", max_size=60))
def test_all_valid_numbers_and_only_those_are_found(text: str) -> None:
    covered = {at for start, end in find(text) for at in range(start, end)}
    places = [at for at, letter in enumerate(text) if letter.isdigit()]
    for first in places:
        for last in places:
            inside = text[first : last + 1]
            number = inside.replace(" ", "").replace("-", "")
            borders = text[first - 1 : first] if first else ""
            if (
                number.isdigit()
                and DIGITS_MIN <= len(number) <= DIGITS_MAX
                and luhn(number)
                and number[0] in "23456789"
                and not (borders.isdigit() or text[last + 1 : last + 2].isdigit())
                and not any(space * 4 in inside.replace("-", " ") for space in " ")
            ):
                assert covered >= set(range(first, last + 1)), number
    for start, end in find(text):
        assert len(digits(text[start:end])) >= DIGITS_MIN


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",  # the sum is wrong
        "1763349160004 1763349160012",  # milliseconds
        "1763349160004000",  # microseconds
        "1763349160004000009",  # nanoseconds
        "0000000000000000",
        "42424242424242424242424242424242",  # longer than any
        "4242 4242 4242",
        "4242/4242/4242/4242",
        "4242\n4242\n4242\n4242",
        "",
    ],
)
def test_not_a_card_number(text: str) -> None:
    assert find(text) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4242 4242 4242 4242 2026", "4242424242424242"),
        ("1 4242424242424242 12/30", "4242424242424242"),
        ("378282246310005".translate({ord("0") + n: 0xFF10 + n for n in range(10)}), "378282246310005"),
        ("paid by 122000000000003 today", "122000000000003"),
    ],
)
def test_adjacent_digit_groups_do_not_hide_a_card_number(text: str, number: str) -> None:
    assert any(digits(text[start:end]) == number for start, end in find(text))
