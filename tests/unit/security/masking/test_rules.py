"""Parsing rules, and where they apply."""

from typing import Any

import pytest

from signalbox.security.masking.errors import InvalidRule
from signalbox.security.masking.model import (
    HeaderTarget,
    Method,
    MethodKind,
    Rule,
    SpecialTarget,
    parse_method,
    parse_rule,
    parse_target,
    target_text,
)
from signalbox.security.masking.rules import REMEMBERED_MAX, Ruleset
from tests.unit.security.masking.bodies import masked, message, rule, view


@pytest.mark.parametrize("text", ["$..email", "header reply-to", "header X Trace", "key", "card numbers"])
def test_json_round_trips(text: str) -> None:
    assert target_text(parse_target(text)) == (text.lower() if text.startswith("header") else text)


def test_rule_targets() -> None:
    assert parse_target("header Authorization") == HeaderTarget("authorization")
    assert parse_target("key") is SpecialTarget.KEY
    assert parse_target("card numbers") is SpecialTarget.CARDS
    assert parse_method("hash") == Method(MethodKind.HASH)
    assert parse_method("keep last 4") == Method(MethodKind.KEEP, 4)
    assert parse_method("keep last 4").text == "keep last 4"
    assert parse_method("hide").text == "hide"


@pytest.mark.parametrize(
    ("part", "text", "says"),
    [
        ("what", "email", "such as $..email or header reply-to, got 'email'"),
        ("what", "header", "header NAME"),
        ("what", "header a\r\nb", "got 'header a\\\\r\\\\nb'"),
        ("what", "header a\0b", "header NAME"),
        ("what", "header \ud800", "header NAME"),
        ("how", "blur", "hide, hash, or keep last N with N from 1 to 16, such as keep last 4, got 'blur'"),
        ("how", "keep last 0", "got 'keep last 0'"),
        ("how", "keep last 17", "from 1 to 16"),
        ("name", " ", "a name of 1 to 60 characters"),
        ("name", "a\x1b[31m", "a name of 1 to 60 characters"),
        ("name", "n" * 61, "a name of 1 to 60 characters"),
        ("destinations", "orders.*", r"\* or a shell pattern over connection/destination, such as \*/orders"),
        ("types", "", "a shell pattern over the type"),
    ],
)
def test_malformed_rule_names_what_was_expected(part: str, text: str, says: str) -> None:
    given: dict[str, Any] = {"name": "n", "destinations": ["*"], "types": ["*"], "what": ["key"], "how": "hide"}
    given[part] = [text] if isinstance(given[part], list) else text
    expected = says.replace("$", "[$]").replace("..", "[.][.]")
    with pytest.raises(InvalidRule, match=f"^{part}: expected .*{expected}") as refused:
        parse_rule(**given)
    assert refused.value.part == part
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("part", ["destinations", "types", "what"])
@pytest.mark.parametrize("count", [0, 51])
def test_lists_have_1_to_50_items(part: str, count: int) -> None:
    texts = {"destinations": ["*"], "types": ["*"], "what": ["key"], part: ["$.a" if part == "what" else "*"] * count}
    with pytest.raises(InvalidRule, match=f"{part}: expected 1 to 50 .*got '{count} of them'"):
        parse_rule(name="n", how="hide", **texts)


@pytest.mark.parametrize(
    ("pattern", "where", "covers"),
    [
        ("*", "prod/orders", True),
        ("*/orders.*", "prod/orders.placed", True),
        ("*/orders.*", "prod/ORDERS.placed", False),
        ("prod/*", "test/orders", False),
        ("prod/*", "prod/vhost/queue", True),
        ("prod/[ab]", "prod/b", True),
    ],
)
def test_rule_applies_to_destinations_that_match(pattern: str, where: str, covers: bool) -> None:
    shown = view(message('{"a": 1}', where=where), rule("$.a", where=pattern))
    assert shown.hits == ({1: 1} if covers else {})


@pytest.mark.parametrize(("kind", "covers"), [("OrderPlaced", True), ("Payment", False), (None, True)])
def test_unknown_message_type_matches_rules_of_every_type(kind: str | None, covers: bool) -> None:
    shown = view(message('{"a": 1}', kind=kind), rule("$.a", types=["Order*"]))
    assert bool(shown.hits) is covers


def test_rule_can_have_several_targets() -> None:
    shown = view(
        message('{"a": {"email": "x@y.example"}}', headers=[("Reply-To", "p@q.example")], key=b"7"),
        rule("$..email", "header reply-to", "key"),
    )
    assert shown.hits == {1: 3}
    assert [value.text for _, value in shown.headers] == ["masked"]


def test_rule_of_two_destinations_does_not_apply_to_a_third() -> None:
    one = parse_rule(name="n", destinations=["a/x", "b/y"], types=["*"], what=["key"], how="hide")
    for where, gone in (("a/x", True), ("b/y", True), ("a/y", False)):
        shown = view(message(where=where, key=b"k"), one).key
        assert shown is not None
        assert (shown.text == "masked") is gone


def test_compiled_rules_cache_is_bounded() -> None:
    rules = Ruleset((rule("$.a"), rule("$.b", where="prod/1*")))
    for number in range(3 * REMEMBERED_MAX):
        rules.for_message(message(where=f"prod/{number}"))
    assert len(rules._by_source) <= REMEMBERED_MAX
    assert len(rules._compiled) <= 2


def test_first_matching_rule_wins() -> None:
    body = '{"a": "12345678"}'
    keep, hide = rule("$.a", how="keep last 2"), rule("$..a")
    assert masked(body, keep, hide) == '{"a":"•••• 78"}'
    assert masked(body, hide, keep) == '{"a":"masked"}'
    cards: Rule = rule("card numbers", how="keep last 4")
    card, note = '{"a":"4242 4242 4242 4242"}', '{"a":"card 4242 4242 4242 4242"}'
    assert masked(card, cards, hide) == '{"a":"•••• 4242"}'
    assert masked(card, hide, cards) == '{"a":"masked"}'
    assert masked(note, cards) == '{"a":"card •••• 4242"}'
    assert masked(note, cards, hide) == '{"a":"masked"}'  # of the rest nothing may stay


@pytest.mark.parametrize("target", ["header x-card", "key"])
def test_first_rule_of_a_header_or_the_key_wins(target: str) -> None:
    keep, hide = rule(target, how="keep last 2"), rule("$.a", target)
    sent = message(headers=[("X-Card", "12345678")]) if target != "key" else message(key=b"12345678")
    for first, second, text in ((keep, hide, "•••• 78"), (hide, keep, "masked")):
        shown = view(sent, first, second)
        place = shown.key if target == "key" else shown.headers[0][1]
        assert place is not None
        assert (place.text, place.rule, shown.hits) == (text, 1, {1: 1})
