"""What every list shares: how its address is read, fault by fault, and what it can be narrowed to. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TEXT_LENGTH_MAX = 300  # a name has at most 249 characters


class AddressFault(ValueError):
    """One key of an address that cannot be understood."""

    def __init__(self, key: str, expected: str, got: str) -> None:
        super().__init__(f"{key}: expected {expected}, got {got[:80]!r}")
        self.key = key
        self.expected = expected
        self.got = got[:80]


def whole(parameters: Mapping[str, str], key: str, *, default: int, most: int, least: int = 1) -> int:
    """Read a whole number from `least` to `most`.

    Raises:
        AddressFault: anything else.
    """
    text = parameters.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise AddressFault(key, f"a whole number from {least} to {most:,}", text)
    return int(text)


def one_of(parameters: Mapping[str, str], key: str, known: Sequence[str] | Mapping[str, object], default: str) -> str:
    """Read a word that is one of those known.

    Raises:
        AddressFault: another one.
    """
    text = parameters.get(key, default)
    if text not in known:
        raise AddressFault(key, "one of " + ", ".join(word for word in known if word), text)
    return text


def exact(parameters: Mapping[str, str], key: str) -> str:
    """Read a text as it is: a name may end in a space.

    Raises:
        AddressFault: it is too long.
    """
    text = parameters.get(key, "")
    if len(text) > TEXT_LENGTH_MAX:
        raise AddressFault(key, f"at most {TEXT_LENGTH_MAX} characters", text)
    return text


def text_of(parameters: Mapping[str, str], key: str) -> str:
    """Read a text without the spaces around it. Raises AddressFault as `exact` does."""
    return exact(parameters, key).strip()


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    words: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values that a list may be narrowed to."""

    name: str  # the parameter of the address
    label: str
    any: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """A narrowing that may be pressed."""

    href: str
    label: str
    count: int | None
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pager:
    """What stands below a list. `before` and `after` are addresses, "" where there is none."""

    words: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Near:
    name: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Why a list has no rows, and the one thing to do."""

    words: str
    text: str  # what was searched for; "" if nothing
    near: tuple[Near, ...]
    clear: str  # "" where no filter is to blame
    why: str
    do: str
