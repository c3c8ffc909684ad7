"""Rules, what they are asked to mask, and what is left to see. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final

from signalbox.security.masking.errors import InvalidRule
from signalbox.security.masking.path import UNPRINTABLE, JsonPath, parse

NAME_LENGTH_MAX: Final = 60
PATTERN_LENGTH_MAX: Final = 256
PATTERNS_MAX: Final = 50
KEEP_MAX: Final = 16
ALL: Final = ("*",)

_HEADER: Final = re.compile(r"header ([^\s,](?:.{0,198}[^\s,])?)", re.ASCII)
_KEEP: Final = re.compile(r"keep last ([1-9][0-9]?)")


class SpecialTarget(Enum):
    """What a rule may name besides paths and headers, as it is written."""

    KEY = "key"  # of the message
    CARDS = "card numbers"  # 13 to 19 digits that pass the Luhn check sum, in any text


@dataclass(frozen=True, slots=True)
class HeaderTarget:
    """The header of this name. Names of headers are the same in capitals and small letters."""

    name: str


Target = JsonPath | HeaderTarget | SpecialTarget


class MethodKind(StrEnum):
    """How a value is masked."""

    HIDE = "hide"
    HASH = "hash"  # with the installation's key: the same value has the same hash everywhere
    KEEP = "keep last"


@dataclass(frozen=True, slots=True)
class Method:
    """The way, and with KEEP how many characters stay: at most a quarter of the value's, else it is hidden."""

    kind: MethodKind
    keep: int = 0

    @property
    def text(self) -> str:
        return f"{self.kind} {self.keep}" if self.kind is MethodKind.KEEP else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is masked where, and how."""

    name: str
    destinations: tuple[str, ...] = ALL  # shell patterns over "connection/destination"
    types: tuple[str, ...] = ALL  # shell patterns over the message's type; one whose type is unknown fits all of them
    what: tuple[Target, ...]
    how: Method


def parse_rule(*, name: str, destinations: Sequence[str], types: Sequence[str], what: Sequence[str], how: str) -> Rule:
    """Read a rule from its texts.

    Raises:
        InvalidRule: the first part that cannot be read.
    """
    if not 1 <= len(what) <= PATTERNS_MAX:
        raise InvalidRule("what", f"1 to {PATTERNS_MAX} things to mask", "$..email", f"{len(what)} of them")
    for part, patterns in (("destinations", destinations), ("types", types)):
        if not 1 <= len(patterns) <= PATTERNS_MAX:
            raise InvalidRule(part, f"1 to {PATTERNS_MAX} shell patterns", "*", f"{len(patterns)} of them")
    return Rule(
        name=validated_name(name),
        destinations=tuple(map(validated_destination, destinations)),
        types=tuple(map(validated_type, types)),
        what=tuple(map(parse_target, what)),
        how=parse_method(how),
    )


def validated_name(text: str) -> str:
    if not text.strip() or len(text) > NAME_LENGTH_MAX or UNPRINTABLE.search(text):
        raise InvalidRule("name", f"a name of 1 to {NAME_LENGTH_MAX} letters", "names in addresses", text)
    return text


def validated_destination(text: str) -> str:
    """Return a pattern that can fit: without a slash none does but the one for everything."""
    if text != "*" and ("/" not in text or len(text) > PATTERN_LENGTH_MAX or UNPRINTABLE.search(text)):
        raise InvalidRule("destinations", "* or a shell pattern over connection/destination", "*/orders.*", text)
    return text


def validated_type(text: str) -> str:
    if not text or len(text) > PATTERN_LENGTH_MAX or UNPRINTABLE.search(text):
        raise InvalidRule("types", "a shell pattern over the type of a message", "Order*", text)
    return text


def parse_target(text: str) -> Target:
    if text.startswith("$"):
        return parse(text)
    if (header := _HEADER.fullmatch(text)) and not UNPRINTABLE.search(text):
        return HeaderTarget(header[1].lower())
    special = next((one for one in SpecialTarget if one.value == text), None)
    if special is None:
        expected = "a JSON path, a header's name after the word header, key, or card numbers"
        raise InvalidRule("what", expected, "$..email or header reply-to", text)
    return special


def target_text(what: Target) -> str:
    """Return the text that `what_of` reads."""
    if isinstance(what, JsonPath):
        return what.text
    return f"header {what.name}" if isinstance(what, HeaderTarget) else str(what.value)


def parse_method(text: str) -> Method:
    if text in (MethodKind.HIDE, MethodKind.HASH):
        return Method(MethodKind(text))
    kept = _KEEP.fullmatch(text)
    if kept is None or int(kept[1]) > KEEP_MAX:
        raise InvalidRule("how", f"hide, hash, or keep last N with N from 1 to {KEEP_MAX}", "keep last 4", text)
    return Method(MethodKind.KEEP, int(kept[1]))


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
    def source(self) -> str:
        return f"{self.connection}/{self.destination}"


class UnreadableReason(StrEnum):
    """Why a body cannot be looked into."""

    TOO_LARGE = "it is larger than 1 MiB"
    NO_TEXT = "it is no UTF-8 text"
    TOO_DEEP = "it is nested deeper than 512"
    NO_JSON = "it cannot be read as JSON"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A stretch of text, and the number of the rule that put it there in place of the clear one; None: it is the clear one."""

    text: str
    rule: int | None = None


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text of which parts may be masked."""

    parts: tuple[TextPart, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)

    @property
    def rule(self) -> int | None:
        """The number of the first rule that changed it."""
        return min((part.rule for part in self.parts if part.rule is not None), default=None)


Hits = Mapping[int, int]
"""How often each rule, by its number, masked something."""
