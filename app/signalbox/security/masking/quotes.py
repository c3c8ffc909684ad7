"""Clear values that were masked, found again where something quotes them: in error texts, headers and keys."""

import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from signalbox.security.masking.cards import Span
from signalbox.security.masking.marks import MASKED

SHORT: Final = 4  # characters; a shorter value is one only where no letter or digit stands beside it
WORK_MAX: Final = 32 * 1024**2  # characters looked at for one text; beyond that it is hidden whole

_WORD: Final = re.compile(rf"\w{{{SHORT},}}")

MarkedSpan = tuple[Span, str, int]
"""A stretch of a text, what stands in its place, and the number of the rule."""


class MaskedValues:
    """Collects what was masked in one message, each value with its mark and the number of its rule."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[str, int]] = {}
        self._unreadable: list[tuple[str, int]] = []
        self._spelled: list[tuple[str, str, int]] | None = None  # as they may be written, once somebody looks for them

    def add(self, value: str, mark: str, rule: int) -> None:
        if value and mark != value:
            self._values.setdefault(value, (mark, rule))
            self._spelled = None

    def add_unreadable(self, data: bytes, rule: int) -> None:
        """Take what was hidden whole since it could not be looked into: each of its words is a clear value then."""
        self._unreadable.append((data.decode("utf-8", "replace"), rule))

    def find(self, text: str) -> list[MarkedSpan]:
        """Return where values stand in a text, each with the mark for its place; where it is too much to look for, all of it."""
        words = set(_WORD.findall(text)) if self._unreadable else set()
        work = len(self._values) * len(text) + len(words) * sum(len(unread) for unread, _ in self._unreadable)
        if work > WORK_MAX:
            first = min(rule for _, rule in (*self._values.values(), *self._unreadable))
            return [((0, len(text)), MASKED, first)]
        if self._spelled is None:
            self._spelled = [(form, *told) for value, told in self._values.items() for form in _spellings(value)]
        found = [
            (span, mark, rule)
            for form, mark, rule in self._spelled
            if form in text
            for span in _occurrences(text, form)
        ]
        for unread, rule in self._unreadable:
            quoted = {word for word in words if word in unread}
            found += [(word.span(), MASKED, rule) for word in _WORD.finditer(text) if word[0] in quoted]
        return found


def _spellings(value: str) -> set[str]:
    """Return how a value may be written where it is quoted: as it is, in JSON, in an address."""
    if value.isalnum() and value.isascii():
        return {value}
    in_json = {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return {value, *in_json, quote(value, safe="", errors="replace")}


def _occurrences(text: str, form: str) -> Iterator[Span]:
    at = text.find(form)
    while at >= 0:
        end = at + len(form)
        if len(form) >= SHORT or not (text[max(at - 1, 0) : at].isalnum() or text[end : end + 1].isalnum()):
            yield at, end
        at = text.find(form, end)
