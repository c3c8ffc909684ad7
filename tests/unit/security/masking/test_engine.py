"""Masked messages, case by case."""

import pytest

from signalbox.security.masking.body_lines import LineKind, body_lines
from signalbox.security.masking.engine import BinaryBody, HiddenBody, JsonBody
from signalbox.security.masking.model import MaskedText, UnreadableReason
from tests.unit.security.masking.bodies import masked, message, rule, view

CARDS = rule("card numbers", how="keep last 4")


@pytest.mark.parametrize(
    ("how", "value", "shown"),
    [
        ("hide", '"abc"', '"masked"'),
        ("hide", '""', '"masked"'),
        ("hide", "{}", '"masked"'),
        ("hide", "null", '"masked"'),
        ("keep last 2", '"+47 900 12 317"', '"•••• 17"'),
        ("keep last 2", '"1234567"', '"masked"'),  # two of seven are more than a quarter
        ("keep last 2", "12345678", '"•••• 78"'),
        ("keep last 2", "true", '"masked"'),
        ("hash", "false", '"masked"'),
        ("hash", '[1, {"b": 2}]', '"masked"'),
    ],
)
def test_how_values_are_masked(how: str, value: str, shown: str) -> None:
    assert masked(f'{{"a":{value}}}', rule("$.a", how=how)) == f'{{"a":{shown}}}'


def test_equal_values_have_equal_hashes_everywhere() -> None:
    by_hash = rule("$..id", "header id", "key", how="hash")
    shown = view(
        message('{"id":204417,"b":{"id":"204417"},"c":{"id":204417.0}}', key=b"204417", headers=[("ID", "204417")]),
        by_hash,
    )
    assert isinstance(shown.body, JsonBody)
    assert shown.key is not None
    one = shown.key.text
    assert len(one) == 10
    assert one.startswith("h:")
    assert shown.body.encoded().decode() == f'{{"id":"{one}","b":{{"id":"{one}"}},"c":{{"id":"{one}"}}}}'
    assert shown.headers[0][1].text == one
    other = view(message('{"id":204418}'), by_hash).body
    assert isinstance(other, JsonBody)
    assert one not in other.encoded().decode()


def test_unmasked_values_stay_byte_for_byte() -> None:
    body = '\ufeff { "a" : 1.00, "a" : 1e400, "b":"\\u00e9" }\r\n'
    assert masked(body, rule("$.c")) == body
    assert masked(body, rule("$.b")) == '{"a":1.00,"a":1e400,"b":"masked"}'


def test_duplicate_members_are_masked_in_any_escaping() -> None:
    assert masked(r'{"a":1,"\u0061":2,"A":3}', rule("$.a")) == '{"a":"masked","a":"masked","A":3}'


def test_lone_surrogate_stays_an_escape() -> None:
    assert masked(r'{"a":1,"b":"x\ud800"}', rule("$.a")) == r'{"a":"masked","b":"x\ud800"}'


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"not json", UnreadableReason.NO_JSON),
        (b'{"email":"x@y.example"', UnreadableReason.NO_JSON),
        (b'{"email":NaN}', UnreadableReason.NO_JSON),
        (b'{"a":1} {"email":1}', UnreadableReason.NO_JSON),
        (b"\xff\xfe{\0}\0", UnreadableReason.NO_TEXT),
        (b'{"email":"\xff"}', UnreadableReason.NO_TEXT),
        (b'{"a":' * 513 + b"1" + b"}" * 513, UnreadableReason.TOO_DEEP),
        (b'"' + b"a" * 1024**2 + b'"', UnreadableReason.TOO_LARGE),
    ],
)
def test_unreadable_body_is_hidden_whole_with_the_reason(body: bytes, why: UnreadableReason) -> None:
    shown = view(message(body), CARDS, rule("$..email"))
    number = 2 if why is UnreadableReason.NO_JSON else 1  # in text that is no JSON card numbers could still be found
    assert shown.body == HiddenBody(why, number)
    assert shown.hits == {number: 1}
    assert view(message(body), rule("$.email", where="other/*")).hits == {}


def test_body_at_the_depth_limit_is_masked() -> None:
    deep = '{"a":' * 511 + '{"email":"x"}' + "}" * 511
    assert "masked" in masked(deep, rule("$..email"))
    assert masked("[" * 512 + "]" * 512, rule("$..email")).startswith("[[[[")
    brackets = '{"a":"' + "[" * 2000 + '","email":1}'
    assert masked(brackets, rule("$.email")).endswith('"email":"masked"}')


def test_only_card_numbers_are_masked_in_plain_text() -> None:
    shown = view(message(b"paid by 4242-4242-4242-4242, thanks\n"), CARDS).body
    assert isinstance(shown, MaskedText)
    assert shown.text == "paid by •••• 4242, thanks\n"
    assert [part.rule for part in shown.parts] == [None, 1, None]


def test_binary_body_is_hidden_if_a_rule_has_to_parse_it() -> None:
    assert view(message(b"\x00\xff")).body == BinaryBody(b"\x00\xff")
    assert view(message(b"\x00\xff"), rule("key")).body == BinaryBody(b"\x00\xff")
    assert view(message(b"\x00\xff"), CARDS).body == HiddenBody(UnreadableReason.NO_TEXT, 1)


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_empty_body_is_not_hidden(body: bytes) -> None:
    shown = view(message(body), rule("$.a"))
    assert isinstance(shown.body, MaskedText)
    assert not shown.hits
    assert view(message(None), rule("$.a")).body is None


def test_card_numbers_are_masked_in_strings_numbers_names_keys_and_headers() -> None:
    card = "4242424242424242"
    body = (
        f'{{"{card}":1,"b":{card},"c":{card}.0,"d":4.242424242424242E15,"e":"x {card} y","f":["\\u0034{card[1:]}"],'
        f'"at":1763349160004}}'
    )
    shown = view(message(body, key=f"k-{card}".encode(), headers=[("h", card), (card, "v")]), CARDS)
    assert isinstance(shown.body, JsonBody)
    assert shown.body.encoded().decode() == (
        '{"•••• 4242":1,"b":"•••• 4242","c":"•••• 4242","d":"•••• 4242","e":"x •••• 4242 y","f":["•••• 4242"],'
        '"at":1763349160004}'
    )
    assert shown.key is not None
    assert shown.key.text == "k-•••• 4242"
    assert [(name.text, value.text) for name, value in shown.headers] == [("h", "•••• 4242"), ("•••• 4242", "v")]
    assert shown.hits == {1: 9}


@pytest.mark.parametrize(
    "value", ['"\\u0034242424242424242"', "4.242424242424242E15", "[4242424242424242]", '"a\\n4242-4242-4242-4242"']
)
def test_card_number_alone_in_a_body_is_found_in_any_notation(value: str) -> None:
    shown = masked(f'{{"a":{value}}}', CARDS)
    assert "•••• 4242" in shown
    assert "242424" not in shown


def test_masked_number_is_found_in_the_notation_of_a_text() -> None:
    shown = view(
        message('{"a":1234.50,"b":1.2345678E4}', texts=["1234.5 > 12345.678, 1234.50"]), rule("$.*", how="hash")
    )
    first, _, third = shown.texts[0].text.replace(",", "").split(" ")[0:3]
    assert first.startswith("h:")
    assert "1234" not in shown.texts[0].text
    assert third.startswith("h:")
    assert first != third


def test_masked_values_are_masked_in_texts_headers_and_key_too() -> None:
    shown = view(
        message(
            '{"email":"someone@mail.example","name":"O\'Neil \\"x\\"","n":7,"hidden":{"street":"Long Lane"}}',
            key=b"someone@mail.example",
            headers=[("authorization", "Bearer abcdef"), ("error", "no user someone@mail.example")],
            texts=[
                'duplicate someone@mail.example, {"name": "O\'Neil \\"x\\""}, GET /u/someone%40mail.example',
                "7 of 17 at Long Lane, token Bearer abcdef",
            ],
        ),
        rule("$.email", how="hash"),
        rule("$.name", "$.n", "$.hidden", "header authorization"),
    )
    assert shown.key is not None
    hashed = shown.key.text
    assert hashed.startswith("h:")
    assert [value.text for _, value in shown.headers] == ["masked", f"no user {hashed}"]
    assert shown.texts[0].text == f'duplicate {hashed}, {{"name": "masked"}}, GET /u/{hashed}'
    assert shown.texts[1].text == "masked of 17 at masked, token masked"
    assert shown.texts[0].rule == 1


def test_text_that_quotes_an_unreadable_body_is_masked() -> None:
    shown = view(
        message(b'{"email": someone@mail.example}', texts=["unexpected 'someone@mail.ex' in line 1"]), rule("$.email")
    )
    assert shown.texts[0].text == "unexpected 'masked@masked.ex' in line 1"
    avro = view(message(b"\x02Fsomeone\xff", texts=["bad value someone"]), rule("$.email"))
    assert avro.texts[0].text == "bad value masked"


def test_json_key_is_parsed_and_binary_key_is_hidden() -> None:
    by_path = rule("$..email")
    for key, text in (
        (b'{"email": "x", "id": 1}', '{"email":"masked","id":1}'),
        (b'{"id": 1}', '{"id": 1}'),
        (b'{"email": ', "masked"),
        (b"plain", "plain"),
        (b"\xff\x01", "masked"),
    ):
        shown = view(message(key=key), by_path).key
        assert shown is not None
        assert shown.text == text
        assert (shown.rule == 1) is ("masked" in text)
    uncovered = view(message(key=b"\xff\x01")).key
    assert uncovered is not None
    assert uncovered.text == "\\xff\x01"


def test_binary_key_is_hashed() -> None:
    keys = [view(message(key=key), rule("key", how="hash")).key for key in (b"\xff\x01", b"\xff\x01", b"\xff\x02")]
    assert keys[0] == keys[1] != keys[2]


def test_repr_contains_no_clear_values() -> None:
    shown = message('{"email":"canary"}', key=b"canary", headers=[("a", "canary")], texts=["canary"])
    assert "canary" not in repr(shown)
    assert "canary" not in repr(view(shown, rule("$.email", "key", "header a")))


def test_lines_name_the_rule_and_are_flat() -> None:
    body = '{"a":{"name":"x","n":[1,true]},"note":"card 4242 4242 4242 4242","e":{}}'
    shown = view(message(body), rule("$..name"), CARDS).body
    assert isinstance(shown, JsonBody)
    found = [
        (line.depth, line.name.text if line.name else line.index, line.kind, line.value and line.value.text, line.rule)
        for line in body_lines(shown.root)
    ]
    assert found == [
        (0, None, LineKind.OBJECT, None, None),
        (1, "a", LineKind.OBJECT, None, None),
        (2, "name", LineKind.MASKED, "masked", 1),
        (2, "n", LineKind.ARRAY, None, None),
        (3, 0, LineKind.NUMBER, "1", None),
        (3, 1, LineKind.LITERAL, "true", None),
        (1, "note", LineKind.STRING, "card •••• 4242", 2),
        (1, "e", LineKind.OBJECT, None, None),
    ]
    assert [line.items for line in body_lines(shown.root)] == [3, 2, 0, 2, 0, 0, 0, 0]
