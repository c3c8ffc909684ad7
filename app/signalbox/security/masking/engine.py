"""Masks a message. Pure, and safe for any bytes: a body that a rule would have to parse and cannot is hidden whole.

The first matching rule wins, except that a card rule masks only the digits: a later rule can still mask the whole text.
Values masked in the body are also masked in headers, key and texts. Paths do not look into JSON inside strings.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from signalbox.security.masking import cards, tree
from signalbox.security.masking.automaton import NOWHERE, State
from signalbox.security.masking.marks import MASKED, mark
from signalbox.security.masking.model import ClearMessage, Hits, MaskedText, TextPart, UnreadableReason
from signalbox.security.masking.quotes import MarkedSpan, MaskedValues
from signalbox.security.masking.rules import ApplicableRules, Ruleset
from signalbox.security.masking.tree import JsonObject, Node, Number, UnreadableBody

_WHITE: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class HiddenBody:
    """A body that is hidden whole, because it cannot be parsed."""

    why: UnreadableReason
    rule: int


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A masked JSON body."""

    root: Node
    original: bytes | None  # as received, if nothing was masked

    def encoded(self) -> bytes:
        """Return the body as JSON. Masked values are strings."""
        return tree.encode(self.root) if self.original is None else self.original


@dataclass(frozen=True, slots=True)
class BinaryBody:
    """A body that is not text, if no rule has to parse it."""

    data: bytes


Body = HiddenBody | JsonBody | MaskedText | BinaryBody


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedMessage:
    """A message as users without the payloads permission see it."""

    body: Body | None
    key: MaskedText | None
    headers: tuple[tuple[MaskedText, MaskedText], ...]
    texts: tuple[MaskedText, ...]
    hits: Hits


def mask(message: ClearMessage, rules: Ruleset, key: bytes) -> MaskedMessage:
    """Mask a message; `key` is the installation's key for hashes. Never raises."""
    work = _MessageMasker(rules.for_message(message), key)
    body = None if message.body is None else work.body(message.body)
    masked_key = None if message.key is None else work.whole_key(message.key)
    masked_headers = [work.whole_header(name, value) for name, value in message.headers]
    # From here on all masked values are known, so quotes of them are found.
    return MaskedMessage(
        body=body,
        key=work.text_key(message.key) if masked_key is None and message.key is not None else masked_key,
        headers=tuple(
            (work.name(name), masked or work.text(value))
            for (name, value), masked in zip(message.headers, masked_headers, strict=True)
        ),
        texts=tuple(map(work.text, message.texts)),
        hits=work.hits,
    )


class _MessageMasker:
    """Masks one message."""

    def __init__(self, covering: ApplicableRules, key: bytes) -> None:
        self._rules = covering
        self._key = key
        self._values = MaskedValues()
        self.hits: Counter[int] = Counter()

    def body(self, data: bytes) -> Body:
        if not data.strip(_WHITE):
            return MaskedText((TextPart(data.decode()),))
        within = self._rules.first_body_rule
        try:
            text = tree.decode(data)
            root = tree.parse(text)
        except UnreadableBody as unreadable:
            number = self._hiding_rule(unreadable.why)
            return self._plain(data) if number is None else self._hidden(data, unreadable.why, number)
        if within is None:
            return JsonBody(root, data)
        before = self.hits.total()
        root = self._masked(root, has_cards=self._rules.cards is not None and cards.may_hold(text))
        return JsonBody(root, data if self.hits.total() == before else None)

    def whole_key(self, data: bytes) -> MaskedText | None:
        """Return the masked key if a rule names the key, or None."""
        number = self._rules.key
        if number is None:
            return None
        try:
            return self._whole(data.decode(), number)
        except UnicodeDecodeError:
            self._values.add_unreadable(data, number)
            self.hits[number] += 1
            return MaskedText((TextPart(mark(self._rules.methods[number], data, self._key), number),))

    def text_key(self, data: bytes) -> MaskedText:
        """Mask a key that no rule names, as JSON or text."""
        within = self._rules.first_body_rule
        try:
            text = data.decode()
        except UnicodeDecodeError:
            if within is None:
                return self.text(data.decode("utf-8", "backslashreplace"))
            self.hits[within] += 1
            return MaskedText((TextPart(MASKED, within),))
        if within is not None and data.lstrip(_WHITE)[:1] in (b"{", b"["):
            return self._json_key(data, within)
        return self.text(text)

    def name(self, name: str) -> MaskedText:
        return self._replace(name, self._card_marks(name))

    def whole_header(self, name: str, value: str) -> MaskedText | None:
        """Return the masked value if a rule names the header, or None."""
        number = self._rules.headers.get(name.lower())
        return None if number is None else self._whole(value, number)

    def text(self, text: str) -> MaskedText:
        """Mask card numbers, and values that were masked elsewhere in the message."""
        return self._replace(text, [*self._values.find(text), *self._card_marks(text)])

    def _json_key(self, data: bytes, within: int) -> MaskedText:
        before = self.hits.copy()
        body = self.body(data)
        if isinstance(body, JsonBody):
            shown = self.text(body.encoded().decode())
            rule = min(self.hits - before, default=None)
            return shown if body.original is not None else MaskedText((TextPart(shown.text, rule),))
        return body if isinstance(body, MaskedText) else MaskedText((TextPart(MASKED, within),))

    def _hiding_rule(self, why: UnreadableReason) -> int | None:
        """Return the rule that hides an unreadable body. Card rules work on any text, so they hide no text that is not JSON."""
        return self._rules.paths.first if why is UnreadableReason.NO_JSON else self._rules.first_body_rule

    def _hidden(self, data: bytes, why: UnreadableReason, number: int) -> HiddenBody:
        self._values.add_unreadable(data, number)
        self.hits[number] += 1
        return HiddenBody(why, number)

    def _plain(self, data: bytes) -> MaskedText | BinaryBody:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return BinaryBody(data)
        return self._replace(text, self._card_marks(text))

    def _masked(self, root: Node, *, has_cards: bool) -> Node:
        """Mask the tree in place, without recursion, so that depth does not matter."""
        child = self._rules.paths.child
        state, number = self._rules.paths.root
        root = self._value(root, number, has_cards=has_cards)
        todo: list[tuple[Node, State | None]] = [(root, state)]
        while todo:
            node, state = todo.pop()
            if state is None and not has_cards:
                continue
            if isinstance(node, list):
                for at, value in enumerate(node):
                    after, number = NOWHERE if state is None else child(state, at)
                    shown = node[at] = self._value(value, number, has_cards=has_cards)
                    if isinstance(shown, JsonObject | list):
                        todo.append((shown, after))
            elif isinstance(node, JsonObject):
                todo += self._members(node, state, has_cards=has_cards)
        return root

    def _members(self, node: JsonObject, state: State | None, *, has_cards: bool) -> list[tuple[Node, State | None]]:
        """Mask an object's members; return nested objects and arrays with their states."""
        child = self._rules.paths.child
        deeper: list[tuple[Node, State | None]] = []
        for at, (name, value) in enumerate(node.pairs):
            if isinstance(name, MaskedText):  # never: names are masked only here, once each
                continue
            after, number = NOWHERE if state is None else child(state, name)
            shown = self._value(value, number, has_cards=has_cards)
            new_name = (has_cards and self._card_value(name)) or name
            if shown is not value or new_name is not name:
                node.pairs[at] = (new_name, shown)
            if isinstance(shown, JsonObject | list):
                deeper.append((shown, after))
        return deeper

    def _value(self, value: Node, number: int | None, *, has_cards: bool) -> Node:
        """Return the masked value, or the same object if no rule matches."""
        by_cards = self._rules.cards
        if has_cards and isinstance(value, str) and (number is None or (by_cards or 0) < number):
            shown = self._card_value(value, alone=number is not None)
            if shown is not None:
                return shown
        if number is None:
            return value
        if isinstance(value, str):
            return self._whole(value, number)
        self.hits[number] += 1
        for leaf in tree.leaves(value, names=True):
            if isinstance(leaf, str):
                self._remember(leaf, MASKED, number)
        return MaskedText((TextPart(MASKED, number),))

    def _whole(self, value: str, number: int) -> MaskedText:
        self.hits[number] += 1
        text = value.plain if isinstance(value, Number) else value
        marked = mark(self._rules.methods[number], text, self._key)
        self._remember(value, marked, number)
        return MaskedText((TextPart(marked, number),))

    def _remember(self, value: str, marked: str, number: int) -> None:
        self._values.add(str(value), marked, number)
        if isinstance(value, Number):
            self._values.add(value.plain, marked, number)

    def _card_value(self, value: str, *, alone: bool = False) -> MaskedText | None:
        """Mask card numbers in a text or number. None if there are none, or with `alone` if there is more than a card number."""
        if isinstance(value, Number):
            return self._card_number(value)
        marks = self._card_marks(value) if len(value) >= cards.DIGITS_MIN else []
        if not marks:
            return None
        shown = _replace_spans(value, marks)
        return self._count_hits(shown) if len(shown.parts) == 1 or not alone else None

    def _card_number(self, value: Number) -> MaskedText | None:
        marks = self._card_marks(value.plain)
        if not marks:
            return None
        _, marked, number = marks[0]
        self._remember(value, marked, number)
        return self._count_hits(MaskedText((TextPart(marked, number),)))

    def _count_hits(self, shown: MaskedText) -> MaskedText:
        for part in shown.parts:
            if part.rule is not None:
                self.hits[part.rule] += 1
        return shown

    def _card_marks(self, text: str) -> list[MarkedSpan]:
        number = self._rules.cards
        if number is None:
            return []
        how = self._rules.methods[number]
        return [(span, mark(how, cards.digits(text[slice(*span)]), self._key), number) for span in cards.find(text)]

    def _replace(self, text: str, marks: list[MarkedSpan]) -> MaskedText:
        return self._count_hits(_replace_spans(text, marks))


def _replace_spans(text: str, marks: list[MarkedSpan]) -> MaskedText:
    """Replace each span with its mark. Overlapping spans, none of which covers the others, get one plain mark."""
    merged: list[MarkedSpan] = []
    for (start, end), words, rule in sorted(marks, key=lambda one: (one[0][0], -one[0][1], one[2])):
        if merged and start < merged[-1][0][1]:
            (first, last), _, other = merged[-1]
            if end > last:
                merged[-1] = ((first, end), MASKED, min(rule, other))
        else:
            merged.append(((start, end), words, rule))
    parts: list[TextPart] = []
    at = 0
    for (start, end), words, rule in merged:
        if start > at:
            parts.append(TextPart(text[at:start]))
        parts.append(TextPart(words, rule))
        at = end
    if at < len(text) or not parts:
        parts.append(TextPart(text[at:]))
    return MaskedText(tuple(parts))
