"""For any JSON and rules: matching values are masked, others unchanged, and the first matching rule wins."""

import json

from hypothesis import given
from hypothesis import strategies as st

from signalbox.security.masking.engine import JsonBody
from signalbox.security.masking.marks import mark
from signalbox.security.masking.model import Rule
from signalbox.security.masking.path import JsonPath
from signalbox.security.masking.tree import Number
from tests.unit.security.masking.bodies import (
    KEY,
    PATHS,
    VALUES,
    Literal,
    Object,
    Value,
    first_fit,
    masked,
    message,
    read,
    replaced,
    rule,
    view,
    written,
)

HOWS = st.sampled_from(["hide", "hash", "keep last 2"])
RULES = st.lists(st.builds(lambda path, how: rule(path, how=how), PATHS, HOWS), max_size=5)


def first_rule(rules: list[Rule], place: tuple[str | int, ...]) -> int | None:
    paths = [one.what[0] for one in rules]
    return first_fit([path for path in paths if isinstance(path, JsonPath)], place)


def marked(value: Value, one: Rule) -> str:
    """The mark of a value, implemented independently: containers, true, false and null are hidden."""
    if isinstance(value, list) or (isinstance(value, Literal) and value in ("true", "false", "null")):
        return "masked"
    return mark(one.how, Number(value).plain if isinstance(value, Literal) else value, KEY)


@given(VALUES, RULES)
def test_matching_values_are_masked_and_others_unchanged(body: Value, rules: list[Rule]) -> None:
    text = written(body)
    expected = replaced(body, lambda place: first_rule(rules, place), lambda value, n: marked(value, rules[n - 1]))
    assert read(masked(text, *rules).encode()) == read(written(expected).encode())


def strings(value: Value) -> list[str]:
    if isinstance(value, Object):
        return [text for _, inner in value for text in strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [] if isinstance(value, Literal) else [value]


def with_canaries(value: Value) -> Value:
    """Give every string a unique word, to find where one leaked."""
    count = iter(range(1_000_000))

    def told(inner: Value) -> Value:
        if isinstance(inner, Object):
            return Object((name, told(one)) for name, one in inner)
        if isinstance(inner, list):
            return [told(one) for one in inner]
        return inner if isinstance(inner, Literal) else f"{inner}\"canary<{next(count):06}>'{inner}"

    return told(value)


@given(VALUES.map(with_canaries), RULES, st.sampled_from([(" at ", "\n"), ("'", "'"), ("", "")]))
def test_no_clear_value_survives_anywhere(body: Value, rules: list[Rule], around: tuple[str, str]) -> None:
    """Neither in the body nor in a key, header or error text that quotes it, plain, as JSON or percent-encoded."""
    gone: list[str] = []

    def take(value: Value, _: int) -> str:
        gone.extend(strings(value))
        return ""

    replaced(body, lambda place: first_rule(rules, place), take)
    quoted = [f"failed{around[0]}{form}{around[1]}" for text in gone for form in (text, json.dumps(text))]
    shown = view(
        message(
            written(body),
            key=" ".join(gone).encode("utf-8", "replace"),
            headers=[("x-exception", text) for text in quoted],
            texts=quoted,
        ),
        *rules,
    )
    assert isinstance(shown.body, JsonBody)
    assert shown.key is not None
    kept = [text for text in strings(read(shown.body.encoded())) if "canary" in text]
    said = [shown.body.encoded().decode(), shown.key.text, *(text.text for text in shown.texts)]
    said += [part.text for header in shown.headers for part in header]
    for text in gone:
        canary = text[text.index("canary") : text.index("canary") + 14]
        assert not any(canary in one for one in said), (canary, said)
    assert len(kept) == len(strings(body)) - len(gone)


@given(VALUES, st.lists(PATHS.map(rule), max_size=4))
def test_masking_is_idempotent_for_hide(body: Value, rules: list[Rule]) -> None:
    once = masked(written(body), *rules)
    assert masked(once, *rules) == once


@given(VALUES.map(with_canaries), RULES)
def test_masking_twice_reveals_nothing(body: Value, rules: list[Rule]) -> None:
    once = masked(written(body), *rules)
    twice = masked(once, *rules)
    assert set(strings(read(twice.encode()))) <= {*strings(read(once.encode())), "masked"} | {
        text for text in strings(read(twice.encode())) if text.startswith("h:")
    }


@given(st.binary(max_size=300), RULES, st.booleans())
def test_no_body_raises(body: bytes, rules: list[Rule], has_cards: bool) -> None:
    every = [*rules, rule("card numbers")] if has_cards else rules
    shown = view(message(body, key=body, headers=[("a", "b")], texts=[body.decode("utf-8", "replace")]), *every)
    assert shown.body is not None
