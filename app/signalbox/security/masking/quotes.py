"""Finds masked values where other text quotes them: in error texts, headers and keys."""

import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from signalbox.security.masking.cards import Span
from signalbox.security.masking.marks import MASKED

SHORT: Final = 4  # characters; a shorter value only counts with no letter or digit beside it
WORK_MAX: Final = 32 * 1024**2  # characters compared for one text; beyond that it is hidden whole

_WORD: Final = re.compile(rf"\w{{{SHORT},}}")

MarkedSpan = tuple[Span, str, int]
"""A span of a text, the mark that replaces it, and the rule number."""


class MaskedValues:
    """Collects the values masked in one message, each with its mark and rule number."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[str, int]] = {}
        self._unreadable: list[tuple[str, int]] = []
        self._spelled: list[tuple[str, str, int]] | None = None  # built on the first search

    def add(self, value: str, mark: str, rule: int) -> None:
        if value and mark != value:
            self._values.setdefault(value, (mark, rule))
            self._spelled = None

    def add_unreadable(self, data: bytes, rule: int) -> None:
        """Add a body that was hidden whole: each of its words counts as a masked value."""
        self._unreadable.append((data.decode("utf-8", "replace"), rule))

    def find(self, text: str) -> list[MarkedSpan]:
        """Return the spans of masked values in a text; the whole text if searching would take too long."""
        words = set(_WORD.findall(text)) if self._unreadable else set()
        work = len(self._values) * len(text) + len(words) * sum(len(unread) for unread, _ in self._unreadable)
        if work > WORK_MAX:
            first = min(rule for _, rule in (*self._values.values(), *self._unreadable))
            return [((0, len(text)), MASKED, first)]
        if self._spelled is None:
            self._spelled = [
                (form, *mark_and_rule) for value, mark_and_rule in self._values.items() for form in _spellings(value)
            ]
        spans = [
            (span, mark, rule)
            for form, mark, rule in self._spelled
            if form in text
            for span in _occurrences(text, form)
        ]
        for unread, rule in self._unreadable:
            quoted = {word for word in words if word in unread}
            spans += [(word.span(), MASKED, rule) for word in _WORD.finditer(text) if word[0] in quoted]
        return spans


def _spellings(value: str) -> set[str]:
    """Return how a quoted value may be written: plain, in JSON, percent-encoded."""
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
