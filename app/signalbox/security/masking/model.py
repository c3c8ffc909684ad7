"""Rules, what they are asked to mask, and what is left to see. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final

from signalbox.security.masking.faults import RuleFault
from signalbox.security.masking.path import UNPRINTABLE, JsonPath, parse

NAME_LENGTH_MAX: Final = 60
PATTERN_LENGTH_MAX: Final = 256
PATTERNS_MAX: Final = 50
KEEP_MAX: Final = 16
ALL: Final = ("*",)

_HEADER: Final = re.compile(r"header ([^\s,](?:.{0,198}[^\s,])?)", re.ASCII)
_KEEP: Final = re.compile(r"keep last ([1-9][0-9]?)")


class Special(Enum):
    """What a rule may name besides paths and headers, as it is written."""

    KEY = "key"  # of the message
    CARDS = "card numbers"  # 13 to 19 digits that pass the Luhn check sum, in any text


@dataclass(frozen=True, slots=True)
class Header:
    """The header of this name. Names of headers are the same in capitals and small letters."""

    name: str


What = JsonPath | Header | Special


class Way(StrEnum):
    """How a value is masked."""

    HIDE = "hide"
    HASH = "hash"  # with the installation's key: the same value has the same hash everywhere
    KEEP = "keep last"


@dataclass(frozen=True, slots=True)
class How:
    """The way, and with KEEP how many characters stay: at most a quarter of the value's, else it is hidden."""

    way: Way
    keep: int = 0

    @property
    def text(self) -> str:
        return f"{self.way} {self.keep}" if self.way is Way.KEEP else self.way


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is masked where, and how."""

    name: str
    destinations: tuple[str, ...] = ALL  # shell patterns over "connection/destination"
    types: tuple[str, ...] = ALL  # shell patterns over the message's type; one whose type is unknown fits all of them
    what: tuple[What, ...]
    how: How


def rule_of(*, name: str, destinations: Sequence[str], types: Sequence[str], what: Sequence[str], how: str) -> Rule:
    """Read a rule from its texts.

    Raises:
        RuleFault: the first part that cannot be read.
    """
    if not 1 <= len(what) <= PATTERNS_MAX:
        raise RuleFault("what", f"1 to {PATTERNS_MAX} things to mask", "$..email", f"{len(what)} of them")
    for part, patterns in (("destinations", destinations), ("types", types)):
        if not 1 <= len(patterns) <= PATTERNS_MAX:
            raise RuleFault(part, f"1 to {PATTERNS_MAX} shell patterns", "*", f"{len(patterns)} of them")
    return Rule(
        name=name_of(name),
        destinations=tuple(map(destination_of, destinations)),
        types=tuple(map(type_of, types)),
        what=tuple(map(what_of, what)),
        how=how_of(how),
    )


def name_of(text: str) -> str:
    if not text.strip() or len(text) > NAME_LENGTH_MAX or UNPRINTABLE.search(text):
        raise RuleFault("name", f"a name of 1 to {NAME_LENGTH_MAX} letters", "names in addresses", text)
    return text


def destination_of(text: str) -> str:
    """Return a pattern that can fit: without a slash none does but the one for everything."""
    if text != "*" and ("/" not in text or len(text) > PATTERN_LENGTH_MAX or UNPRINTABLE.search(text)):
        raise RuleFault("destinations", "* or a shell pattern over connection/destination", "*/orders.*", text)
    return text


def type_of(text: str) -> str:
    if not text or len(text) > PATTERN_LENGTH_MAX or UNPRINTABLE.search(text):
        raise RuleFault("types", "a shell pattern over the type of a message", "Order*", text)
    return text


def what_of(text: str) -> What:
    if text.startswith("$"):
        return parse(text)
    if (header := _HEADER.fullmatch(text)) and not UNPRINTABLE.search(text):
        return Header(header[1].lower())
    special = next((one for one in Special if one.value == text), None)
    if special is None:
        expected = "a JSON path, a header's name after the word header, key, or card numbers"
        raise RuleFault("what", expected, "$..email or header reply-to", text)
    return special


def written(what: What) -> str:
    """Return the text that `what_of` reads."""
    if isinstance(what, JsonPath):
        return what.text
    return f"header {what.name}" if isinstance(what, Header) else str(what.value)


def how_of(text: str) -> How:
    if text in (Way.HIDE, Way.HASH):
        return How(Way(text))
    kept = _KEEP.fullmatch(text)
    if kept is None or int(kept[1]) > KEEP_MAX:
        raise RuleFault("how", f"hide, hash, or keep last N with N from 1 to {KEEP_MAX}", "keep last 4", text)
    return How(Way.KEEP, int(kept[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is about to be shown. Its clear values stand in no repr."""

    connection: str
    destination: str
    name: str = ""  # which of the destination's messages, for the audit log: "partition 0, offset 17"
    type: str | None = None  # None: unknown
    key: bytes | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    texts: tuple[str, ...] = field(default=(), repr=False)  # such as errors, which may quote the body

    @property
    def where(self) -> str:
        return f"{self.connection}/{self.destination}"


class Why(StrEnum):
    """Why a body cannot be looked into."""

    TOO_LARGE = "it is larger than 1 MiB"
    NO_TEXT = "it is no UTF-8 text"
    TOO_DEEP = "it is nested deeper than 512"
    NO_JSON = "it cannot be read as JSON"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text, and the number of the rule that put it there in place of the clear one; None: it is the clear one."""

    text: str
    rule: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A text of which parts may be masked."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)

    @property
    def rule(self) -> int | None:
        """The number of the first rule that changed it."""
        return min((part.rule for part in self.parts if part.rule is not None), default=None)


Hits = Mapping[int, int]
"""How often each rule, by its number, masked something."""
