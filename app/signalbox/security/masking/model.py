"""Masking rules, messages, and masked text. Pure."""

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
    """Targets of a rule besides paths and headers, as written in the configuration."""

    KEY = "key"  # of the message
    CARDS = "card numbers"  # 13 to 19 digits with a valid Luhn checksum, in any text


@dataclass(frozen=True, slots=True)
class HeaderTarget:
    """A header. Names ignore case."""

    name: str


Target = JsonPath | HeaderTarget | SpecialTarget


class MethodKind(StrEnum):
    """How a value is masked."""

    HIDE = "hide"
    HASH = "hash"  # with the installation's key: equal values have equal hashes everywhere
    KEEP = "keep last"


@dataclass(frozen=True, slots=True)
class Method:
    """How values are masked; `keep` characters stay with KEEP, unless that is more than a quarter of the value."""

    kind: MethodKind
    keep: int = 0

    @property
    def text(self) -> str:
        return f"{self.kind} {self.keep}" if self.kind is MethodKind.KEEP else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A masking rule."""

    name: str
    destinations: tuple[str, ...] = ALL  # shell patterns over "connection/destination"
    types: tuple[str, ...] = ALL  # shell patterns over the message type; an unknown type matches all of them
    what: tuple[Target, ...]
    how: Method


def parse_rule(*, name: str, destinations: Sequence[str], types: Sequence[str], what: Sequence[str], how: str) -> Rule:
    """Parse a rule.

    Raises:
        InvalidRule: names the first malformed part.
    """
    if not 1 <= len(what) <= PATTERNS_MAX:
        raise InvalidRule("what", f"1 to {PATTERNS_MAX} targets", "$..email", f"{len(what)} of them")
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
        raise InvalidRule("name", f"a name of 1 to {NAME_LENGTH_MAX} characters", "names in addresses", text)
    return text


def validated_destination(text: str) -> str:
    """Return the pattern if it can match: "*", or a pattern with a slash."""
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
    special = next((target for target in SpecialTarget if target.value == text), None)
    if special is None:
        expected = "one of: a JSON path ($.email), header NAME, key, card numbers"
        raise InvalidRule("what", expected, "$..email or header reply-to", text)
    return special


def target_text(what: Target) -> str:
    """Return the text that `parse_target` parses."""
    if isinstance(what, JsonPath):
        return what.text
    return f"header {what.name}" if isinstance(what, HeaderTarget) else str(what.value)


def parse_method(text: str) -> Method:
    if text in (MethodKind.HIDE, MethodKind.HASH):
        return Method(MethodKind(text))
    match = _KEEP.fullmatch(text)
    if match is None or int(match[1]) > KEEP_MAX:
        raise InvalidRule("how", f"hide, hash, or keep last N with N from 1 to {KEEP_MAX}", "keep last 4", text)
    return Method(MethodKind.KEEP, int(match[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearMessage:
    """A message to be shown. Its repr contains no clear values."""

    connection: str
    destination: str
    name: str = ""  # for the audit log: "partition 0, offset 17"
    type: str | None = None  # None: unknown
    key: bytes | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    texts: tuple[str, ...] = field(default=(), repr=False)  # such as error texts, which may quote the body

    @property
    def source(self) -> str:
        return f"{self.connection}/{self.destination}"


class UnreadableReason(StrEnum):
    """Why a body cannot be parsed."""

    TOO_LARGE = "it is larger than 1 MiB"
    NO_TEXT = "it is not UTF-8 text"
    TOO_DEEP = "it is nested deeper than 512 levels"
    NO_JSON = "it is not valid JSON"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text, and the number of the rule that masked it; None: clear text."""

    text: str
    rule: int | None = None


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text with masked parts."""

    parts: tuple[TextPart, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)

    @property
    def rule(self) -> int | None:
        """The number of the first rule that masked a part."""
        return min((part.rule for part in self.parts if part.rule is not None), default=None)


Hits = Mapping[int, int]
"""How often each rule masked something, by rule number."""
