"""Compiled rules: those that apply to a destination and type, with the first rule for each target."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from signalbox.security.masking.automaton import Automaton
from signalbox.security.masking.model import ALL, ClearMessage, HeaderTarget, Method, Rule, SpecialTarget
from signalbox.security.masking.path import JsonPath

REMEMBERED_MAX: Final = 2000  # destinations and types


@dataclass(frozen=True, slots=True)
class ApplicableRules:
    """The rules for one destination and type, by number, from 1; the lowest number wins."""

    methods: dict[int, Method]
    paths: Automaton
    headers: dict[str, int]
    key: int | None
    cards: int | None

    @property
    def first_body_rule(self) -> int | None:
        """The first rule that has to parse the body; it hides a body that cannot be parsed."""
        return min((number for number in (self.paths.first, self.cards) if number is not None), default=None)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules in order, with a bounded cache of compiled ones."""

    rules: tuple[Rule, ...]
    _compiled: dict[tuple[int, ...], ApplicableRules] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _by_source: dict[tuple[str, str | None], ApplicableRules] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def for_message(self, message: ClearMessage) -> ApplicableRules:
        """Return the rules that apply to a message."""
        key = (message.source, message.type)
        applicable = self._by_source.get(key)
        if applicable is None:
            if len(self._by_source) >= REMEMBERED_MAX:
                self._by_source.clear()
                self._compiled.clear()
            numbers = tuple(number for number, rule in enumerate(self.rules, start=1) if _applies(rule, *key))
            if numbers not in self._compiled:
                self._compiled[numbers] = _compile([(number, self.rules[number - 1]) for number in numbers])
            applicable = self._by_source[key] = self._compiled[numbers]
        return applicable


def _applies(rule: Rule, where: str, kind: str | None) -> bool:
    """Return whether a rule applies. An unknown type could be any, so it matches."""
    if not any(fnmatchcase(where, pattern) for pattern in rule.destinations):
        return False
    return kind is None or rule.types == ALL or any(fnmatchcase(kind, pattern) for pattern in rule.types)


def _compile(rules: Sequence[tuple[int, Rule]]) -> ApplicableRules:
    headers: dict[str, int] = {}
    for number, what in _targets(rules):
        if isinstance(what, HeaderTarget):
            headers.setdefault(what.name, number)
    return ApplicableRules(
        methods={number: rule.how for number, rule in rules},
        paths=Automaton([(number, what) for number, what in _targets(rules) if isinstance(what, JsonPath)]),
        headers=headers,
        key=next((number for number, what in _targets(rules) if what is SpecialTarget.KEY), None),
        cards=next((number for number, what in _targets(rules) if what is SpecialTarget.CARDS), None),
    )


def _targets(rules: Sequence[tuple[int, Rule]]) -> Iterator[tuple[int, object]]:
    return ((number, what) for number, rule in rules for what in rule.what)
