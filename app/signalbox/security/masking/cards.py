"""Finds card numbers in text: 13 to 19 digits with a valid Luhn checksum, optionally separated by spaces or hyphens.

A number starts and ends with a group of digits. No issued number starts with 0, or with 1 except for 15 digits (air travel):
so timestamps in milliseconds, microseconds and nanoseconds do not match.
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

DIGITS_MIN: Final = 13
DIGITS_MAX: Final = 19

# Includes invisible characters, all kinds of spaces and hyphens, and the zero bytes of UTF-16.
_BETWEEN: Final = "[ \\t\\0\\xa0\\xad\\u2000-\\u200d\\u2010-\\u2015\\u202f\\u2060\\u2212\\ufeff-]{0,3}+"
_RUN: Final = re.compile(rf"\d(?:{_BETWEEN}\d){{{DIGITS_MIN - 1},}}+")
_EXPONENT: Final = re.compile(r"(?:^|[\s:,\[])-?\d[\d.]*+[eE]")
_GROUP: Final = re.compile(r"\d+")

Span = tuple[int, int]


def find(text: str) -> list[Span]:
    """Return the spans of card numbers in order. Overlapping spans are merged."""
    return merge_spans(_each(text)) if len(text) >= DIGITS_MIN else []


def may_hold(text: str) -> bool:
    """Return whether this JSON may contain a card number, as a cheap first test. Escapes and exponents may hide one."""
    return "\\" in text or _EXPONENT.search(text) is not None or any(_each(text))


def digits(text: str) -> str:
    """Return only the digits: the hash of a card number does not depend on its separators."""
    return "".join(str(int(letter)) for letter in text if letter.isdecimal())


def merge_spans(spans: Iterator[Span]) -> list[Span]:
    """Return the spans in order, with overlapping ones merged."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _each(text: str) -> Iterator[Span]:
    return (span for run in _RUN.finditer(text) for span in _cards(run))


def _cards(run: re.Match[str]) -> Iterator[Span]:
    groups = [match.span() for match in _GROUP.finditer(run.string, *run.span())]
    figures = [int(run.string[at]) for start, end in groups for at in range(start, end)]
    sums = _sums(figures)
    borders = [0, *accumulate(end - start for start, end in groups)]
    ends = dict(zip(borders[1:], (end for _, end in groups), strict=True))
    for first, (start, _) in zip(borders, groups, strict=False):  # the last border is the end
        for last in range(first + DIGITS_MIN, first + DIGITS_MAX + 1):
            if last in ends and _issued(figures[first], last - first):
                checked = sums[last % 2]  # every second figure from the right is doubled
                if (checked[last] - checked[first]) % 10 == 0:
                    yield start, ends[last]


def _issued(first: int, count: int) -> bool:
    return first >= 2 or (first == 1 and count == 15)


def _sums(figures: list[int]) -> tuple[list[int], list[int]]:
    """Return the running checksums, for numbers that end at an even and at an odd place."""
    doubled = [2 * figure - 9 if figure > 4 else 2 * figure for figure in figures]
    even = (doubled[at] if at % 2 == 0 else figure for at, figure in enumerate(figures))
    odd = (doubled[at] if at % 2 == 1 else figure for at, figure in enumerate(figures))
    return [0, *accumulate(even)], [0, *accumulate(odd)]
