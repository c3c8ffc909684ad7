"""Rules made ready: which of them cover a destination and a type, with the first that fits each thing already chosen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from signalbox.security.masking.automaton import Automaton
from signalbox.security.masking.model import ALL, Header, How, Message, Rule, Special
from signalbox.security.masking.path import JsonPath

REMEMBERED_MAX: Final = 2000  # destinations and types


@dataclass(frozen=True, slots=True)
class Covering:
    """What holds for one destination and type. Rules go by their numbers, from 1, in the order in which they win."""

    hows: dict[int, How]
    paths: Automaton
    headers: dict[str, int]
    key: int | None
    cards: int | None

    @property
    def within(self) -> int | None:
        """The first rule that must look into a body: where that cannot be done, the body is hidden whole."""
        return min((number for number in (self.paths.first, self.cards) if number is not None), default=None)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules, in order. Whatever messages it has seen, it stays small."""

    rules: tuple[Rule, ...]
    _covering: dict[tuple[int, ...], Covering] = field(default_factory=dict, init=False, repr=False, compare=False)
    _seen: dict[tuple[str, str | None], Covering] = field(default_factory=dict, init=False, repr=False, compare=False)

    def covering(self, message: Message) -> Covering:
        """Return what holds for a message."""
        asked = (message.where, message.type)
        found = self._seen.get(asked)
        if found is None:
            if len(self._seen) >= REMEMBERED_MAX:
                self._seen.clear()
                self._covering.clear()
            numbers = tuple(number for number, rule in enumerate(self.rules, start=1) if _covers(rule, *asked))
            if numbers not in self._covering:
                self._covering[numbers] = _made_ready([(number, self.rules[number - 1]) for number in numbers])
            found = self._seen[asked] = self._covering[numbers]
        return found


def _covers(rule: Rule, where: str, kind: str | None) -> bool:
    """Say whether a rule holds. A type that is not known could be any, so it is taken to be one of the rule's."""
    if not any(fnmatchcase(where, pattern) for pattern in rule.destinations):
        return False
    return kind is None or rule.types == ALL or any(fnmatchcase(kind, pattern) for pattern in rule.types)


def _made_ready(rules: Sequence[tuple[int, Rule]]) -> Covering:
    headers: dict[str, int] = {}
    for number, what in _each(rules):
        if isinstance(what, Header):
            headers.setdefault(what.name, number)
    return Covering(
        hows={number: rule.how for number, rule in rules},
        paths=Automaton([(number, what) for number, what in _each(rules) if isinstance(what, JsonPath)]),
        headers=headers,
        key=next((number for number, what in _each(rules) if what is Special.KEY), None),
        cards=next((number for number, what in _each(rules) if what is Special.CARDS), None),
    )


def _each(rules: Sequence[tuple[int, Rule]]) -> Iterator[tuple[int, object]]:
    return ((number, what) for number, rule in rules for what in rule.what)
