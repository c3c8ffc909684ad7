"""Testing a rule on a sample: the masked result, the rule of each value, and the counts."""

import pytest

from signalbox.security.errors import RequestRejected
from signalbox.security.masking.engine import HiddenBody
from signalbox.security.masking.model import Rule
from signalbox.security.masking.trial import Trial, try_rules
from tests.unit.security.masking.bodies import KEY, rule

SAMPLE = """{
  "order_id": "7f3a91c2",
  "customer_id": "c-204417",
  "address": { "name": "A Sample Name", "country": "NO" },
  "email": "someone@mail.example",
  "note": "card 4242 4242 4242 4242",
  "lines": [ { "sku": "b<i>x</i>", "count": 2 } ]
}"""
RULES = (
    rule("card numbers", how="keep last 4"),
    rule("$.address.name", where="*/orders.*"),
    rule("$..email", how="hash"),
)
CANDIDATE = rule("$.customer_id", how="hash")


def tried(
    sample: str = SAMPLE, where: str = "orders.placed", *rules: Rule, candidate: Rule | None = CANDIDATE
) -> Trial:
    return try_rules(sample, where, rules, candidate, kind=None, key=KEY)


@pytest.mark.parametrize("where", ["orders.placed", "kafka-prod/orders.placed"])
def test_sample_shows_all_rules_and_the_new_one(where: str) -> None:
    found = tried(SAMPLE, where, *RULES)
    assert (found.masked, found.fields, found.candidate) == (4, 8, 4)
    by_name = {line.name.text: line.rule for line in found.lines if line.name}
    assert by_name == {
        "order_id": None,
        "customer_id": 4,
        "address": None,
        "name": 2,
        "country": None,
        "email": 3,
        "note": 1,
        "lines": None,
        "sku": None,
        "count": None,
    }
    assert found.took_ms > 0


def test_trial_without_a_new_rule() -> None:
    found = tried(SAMPLE, "prod/other", *RULES, candidate=None)
    assert (found.masked, found.fields, found.candidate) == (2, 8, None)


def test_masked_object_counts_all_its_fields() -> None:
    found = tried(candidate=rule("$.lines", "$.address"))
    assert (found.masked, found.fields) == (4, 8)


def test_sample_that_is_not_json_is_hidden_and_not_counted() -> None:
    found = tried("email: x", candidate=rule("$.email"))
    assert isinstance(found.body, HiddenBody)
    assert (found.masked, found.fields, found.lines) == (None, None, ())
    text = tried("card 4242424242424242", "x", candidate=RULES[0])
    assert (text.masked, text.fields) == (1, 1)


def test_sample_is_limited_to_64_kib() -> None:
    assert tried("é" * 32 * 1024).fields is None
    with pytest.raises(RequestRejected, match=r"65,538 bytes, over 65,536\. Paste a shorter one"):
        tried("é" * (32 * 1024 + 1))
    assert tried("\ud800").body is not None
