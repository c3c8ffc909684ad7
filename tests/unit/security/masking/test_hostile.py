"""Bodies made to slow down or break masking: anything not linear takes too much CPU time here."""

import time
from collections.abc import Callable

import pytest

from signalbox.security.masking import tree
from signalbox.security.masking.engine import HiddenBody, JsonBody
from signalbox.security.masking.model import Rule
from signalbox.security.masking.quotes import WORK_MAX, MaskedValues
from tests.unit.security.masking.bodies import message, rule, view

SIZES = (2**17 - 16, pytest.param(2**20 - 16, marks=pytest.mark.soak))
CPU_S = 6.0  # a quadratic rule takes longer even for the smaller size
RULES = (
    rule("card numbers", how="keep last 4"),
    rule("$..a..b..c", "$..['x y']", "$.*.*", "header h", "key", how="hash"),
)
BODIES: list[Callable[[int], str]] = [
    lambda size: "1 " * (size // 2),
    lambda size: "4-" * (size // 2),
    lambda size: "1   " * (size // 4),
    lambda size: "9" * size,
    lambda size: " " * (size - 1) + "x",
    lambda size: '"' + '\\"' * (size // 2),
    lambda size: '["' + '\\"' * (size // 2 - 2) + '"]',
    lambda size: "[" * size,
    lambda size: "{" * 600 + '"' * (size - 600),
    lambda size: '{"a":' * (size // 5),
    lambda size: "[" + "1," * (size // 2 - 2) + "1]",
    lambda size: '["' + "4 2 " * (size // 4 - 4) + '"]',
    lambda size: "[" + "4242424242424242," * (size // 17 - 2) + "1]",
    lambda size: "[" + "-1e99999999999999999999," * (size // 25) + "1]",
    lambda size: "9" * (size - 20) + "e5",
    lambda _: '{"a":{"b":' + '{"c":[' * 200 + "1" + "]}" * 200 + "}}",
    lambda size: "{" + ",".join(f'"a":{{"b":{n}}}' for n in range(size // 20)) + "}",
    lambda size: "[" + ",".join(f'{{"a{n}":0}}' for n in range(size // 20)) + "]",
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("rules", [RULES, RULES[:1]], ids=["paths and cards", "cards alone"])
@pytest.mark.parametrize("size", SIZES)
def test_hostile_body_is_masked_fast_enough(body: Callable[[int], str], rules: tuple[Rule, ...], size: int) -> None:
    text = body(size)
    data = text.encode()
    assert len(data) <= tree.BYTES_MAX
    started = time.process_time()
    shown = view(message(data, key=data[:5000], headers=[("e", text[:60_000])], texts=[text[:60_000]]), *rules)
    assert time.process_time() - started < CPU_S
    assert shown.body is not None
    if isinstance(shown.body, JsonBody):
        assert len(shown.body.encoded()) < 3 * len(data)


def test_fully_masked_body_does_not_slow_down_texts() -> None:
    """Searching a long text for 100,000 values would take too long: it is hidden instead."""
    body = "[" + ",".join(f'"value {n:06}"' for n in range(60_000)) + "]"
    shown = view(message(body, texts=["short", "at value 000007 " * 4000]), rule("$[*]"))
    assert 60_000 * len("short") < WORK_MAX
    assert [text.text for text in shown.texts] == ["short", "masked"]
    assert shown.texts[1].rule == 1


def test_large_hidden_body_does_not_slow_down_texts() -> None:
    body = b'{"a": "\xff' + b"word " * 200_000
    shown = view(message(body, texts=[" ".join(f"word{n}" for n in range(2000)), "some word"]), rule("$.a"))
    assert isinstance(shown.body, HiddenBody)
    assert [text.text for text in shown.texts] == ["masked", "some masked"]


def test_values_masked_later_are_found_in_texts() -> None:
    quotes = MaskedValues()
    quotes.add("first", "masked", 1)
    assert quotes.find("first second") == [((0, 5), "masked", 1)]
    quotes.add("second", "h:00000000", 2)
    assert quotes.find("first second") == [((0, 5), "masked", 1), ((6, 12), "h:00000000", 2)]
