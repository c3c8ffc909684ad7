"""Shared parts of every list: URL parameters, filters, paging, status labels and the empty state. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TEXT_LENGTH_MAX = 300  # a Kafka topic name has at most 249 characters


class InvalidParameter(ValueError):
    """A URL parameter has an invalid value."""

    def __init__(self, key: str, expected: str, got: str) -> None:
        super().__init__(f"{key}: expected {expected}, got {got[:80]!r}")
        self.key = key
        self.expected = expected
        self.got = got[:80]


def parse_int(parameters: Mapping[str, str], key: str, *, default: int, maximum: int, minimum: int = 1) -> int:
    """Parse a whole number between `minimum` and `maximum`.

    Raises:
        InvalidParameter: the value is anything else.
    """
    text = parameters.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and minimum <= int(text) <= maximum):
        raise InvalidParameter(key, f"a whole number from {minimum} to {maximum:,}", text)
    return int(text)


def parse_choice(
    parameters: Mapping[str, str], key: str, allowed: Sequence[str] | Mapping[str, object], default: str
) -> str:
    """Parse one of the allowed words.

    Raises:
        InvalidParameter: the word is not allowed.
    """
    text = parameters.get(key, default)
    if text not in allowed:
        raise InvalidParameter(key, "one of " + ", ".join(word for word in allowed if word), text)
    return text


def parse_exact(parameters: Mapping[str, str], key: str) -> str:
    """Return a text unchanged: a name may end in a space.

    Raises:
        InvalidParameter: the text is too long.
    """
    text = parameters.get(key, "")
    if len(text) > TEXT_LENGTH_MAX:
        raise InvalidParameter(key, f"at most {TEXT_LENGTH_MAX} characters", text)
    return text


def parse_text(parameters: Mapping[str, str], key: str) -> str:
    """Return a text without surrounding spaces. Raises InvalidParameter as `parse_exact` does."""
    return parse_exact(parameters, key).strip()


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """A status as a row or a page shows it."""

    tone: str
    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    selected: bool


@dataclass(frozen=True, slots=True)
class Dropdown:
    """A filter with several values."""

    name: str  # the URL parameter
    label: str
    any_label: str  # the option that does not filter
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter button."""

    href: str
    label: str
    count: int | None
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pager:
    """The line below a list. An address is "" where that page does not exist."""

    text: str
    previous_href: str
    next_href: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    name: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyState:
    """Why a list has no rows, and what to do about it."""

    title: str
    search: str  # "" without a search
    suggestions: tuple[Suggestion, ...]
    clear_href: str  # "" without a filter
    filters: str  # the active filters in words
    hint: str
