"""Bodies, names and texts made to be slow or to break: a rule that were not linear would run into the suite's timeout here."""

import pytest

from signalbox.security.masking import tree
from signalbox.security.masking.engine import HiddenBody, JsonBody
from signalbox.security.masking.model import Rule
from signalbox.security.masking.quotes import WORK_MAX, MaskedValues
from tests.unit.security.masking.bodies import message, rule, view

SIZE = 1024**2 - 16
RULES = (
    rule("card numbers", how="keep last 4"),
    rule("$..a..b..c", "$..['x y']", "$.*.*", "header h", "key", how="hash"),
)


@pytest.mark.parametrize(
    "body",
    [
        "1 " * (SIZE // 2),
        "4-" * (SIZE // 2),
        "1   " * (SIZE // 4),
        "9" * SIZE,
        " " * (SIZE - 1) + "x",
        '"' + '\\"' * (SIZE // 2),
        '["' + '\\"' * (SIZE // 2 - 2) + '"]',
        "[" * SIZE,
        "{" * 600 + '"' * (SIZE - 600),
        '{"a":' * (SIZE // 5),
        "[" + "1," * (SIZE // 2 - 2) + "1]",
        '["' + "4 2 " * (SIZE // 4 - 4) + '"]',
        "[" + "4242424242424242," * (SIZE // 17 - 2) + "1]",
        "[" + "-1e99999999999999999999," * (SIZE // 25) + "1]",
        "9" * (SIZE - 20) + "e5",
        '{"a":{"b":' + '{"c":[' * 200 + "1" + "]}" * 200 + "}}",
        "{" + ",".join(f'"a":{{"b":{n}}}' for n in range(SIZE // 20)) + "}",
        "[" + ",".join(f'{{"a{n}":0}}' for n in range(SIZE // 20)) + "]",
    ],
    ids=range(18),
)
@pytest.mark.parametrize("rules", [RULES, RULES[:1]], ids=["paths and cards", "cards alone"])
def test_a_hostile_body_is_masked_in_fair_time(body: str, rules: tuple[Rule, ...]) -> None:
    data = body.encode()
    assert len(data) <= tree.BYTES_MAX
    shown = view(message(data, key=data[:5000], headers=[("e", body[:60_000])], texts=[body[:60_000]]), *rules)
    assert shown.body is not None
    if isinstance(shown.body, JsonBody):
        assert len(shown.body.encoded()) < 3 * len(data)


def test_a_body_of_which_everything_is_masked_does_not_make_its_texts_slow() -> None:
    """100,000 clear values to look for in a long text are too many: it is hidden instead."""
    body = "[" + ",".join(f'"value {n:06}"' for n in range(60_000)) + "]"
    shown = view(message(body, texts=["short", "at value 000007 " * 4000]), rule("$[*]"))
    assert 60_000 * len("short") < WORK_MAX
    assert [text.text for text in shown.texts] == ["short", "masked"]
    assert shown.texts[1].rule == 1


def test_a_large_hidden_body_does_not_make_its_texts_slow() -> None:
    body = b'{"a": "\xff' + b"word " * 200_000
    shown = view(message(body, texts=[" ".join(f"word{n}" for n in range(2000)), "some word"]), rule("$.a"))
    assert isinstance(shown.body, HiddenBody)
    assert [text.text for text in shown.texts] == ["masked", "some masked"]


def test_a_value_that_is_masked_late_is_looked_for_too() -> None:
    quotes = MaskedValues()
    quotes.add("first", "masked", 1)
    assert quotes.find("first second") == [((0, 5), "masked", 1)]
    quotes.add("second", "h:00000000", 2)
    assert quotes.find("first second") == [((0, 5), "masked", 1), ((6, 12), "h:00000000", 2)]
