"""Hostile names and samples on the masking page are escaped, bounded or refused with a reason."""

import json
import time
from collections.abc import AsyncIterator
from urllib.parse import quote_plus

import pytest

from signalbox.security.masking.trial import SAMPLE_BYTES_MAX
from signalbox.web.security import urls
from signalbox.web.security.masking.forms import REQUEST_BYTES_MAX
from signalbox.web.security.masking.masked_sample import LINES_MAX, NESTED_MAX
from tests.web.hostile_names import HOSTILE
from tests.web.security.masking_site import CARDS
from tests.web.security.user_site import Browser, user_site_in, visible_text
from tests.web.sites import Elements

TRIAL = urls.masking("trial")
ASKED = {"source": "kafka-prod/orders", "what": "$.secret", "how": "hide"}
INVALID_NAMES = {
    name: text for name, text in HOSTILE.items() if len(text) > 60 or not text.strip() or name == "controls"
}
VALID_NAMES = {name: text for name, text in HOSTILE.items() if name not in INVALID_NAMES}
SAMPLES = {
    "markup": json.dumps({"</textarea><script>alert(1)</script>": "<img src=x onerror=alert(1)>", "secret": "</pre>"}),
    "bidi": json.dumps({"safe\u202efdp.exe\u2066": "\u202eevil", "secret": 1}, ensure_ascii=False),
    "half a character": '{"a": "\\ud800", "\\udfff": 1, "secret": "x"}',
    "nul": '{"a": "\\u0000\\u001b[31m"}',
    "binary": "\x00\x01\x02\ufffd\x7f\x80PNG\r\n\x1a",
    "combining": json.dumps({"z" + "\u0301" * 500: "z" + "\u0301" * 500}, ensure_ascii=False),
    "doubles": '{"secret": 1, "secret": {"secret": 2}, "a": 1e400, "a": -0.0}',
    "deep": '{"a":' * 500 + "1" + "}" * 500,
    "deep arrays": "[" * 512 + "]" * 512,
    "scalar": '"alone"',
    "null": "null",
    "template": '{"a": "{{ 7*7 }}{% raw %}"}',
    "64 KiB of values": "[" + ",".join("0" for _ in range(SAMPLE_BYTES_MAX // 2 - 1)) + "]",
    "64 KiB in one": json.dumps({"a": "\u0301" * ((SAMPLE_BYTES_MAX - 20) // 2)}, ensure_ascii=False),
}


@pytest.fixture(scope="module")
async def ada(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with user_site_in(tmp_path_factory.mktemp("hostile"), rules=[CARDS]) as site:
        yield await site.first_admin()


@pytest.mark.parametrize("name", VALID_NAMES)
async def test_a_rule_can_have_a_hostile_name(ada: Browser, name: str) -> None:
    rule_name = VALID_NAMES[name]
    leads = await ada.submit(urls.masking("rules"), 303, **ASKED, name=rule_name, reason=HOSTILE["markup"])
    for address in (leads, urls.masking(), urls.masking("rules", rule_name, "remove")):
        answer = await ada.client.get(address)
        assert answer.status_code == 200
        assert "img" not in Elements(answer.text).names
        assert "<script>alert" not in answer.text
        assert "\u202e" not in answer.text
        assert Elements(answer.text).handlers == set()
    await ada.submit(urls.masking("rules", rule_name, "move"), 409, number="1", reason="x")
    await ada.submit(urls.masking("rules", rule_name, "remove"), 303, reason="done with it")


@pytest.mark.parametrize("name", INVALID_NAMES)
async def test_an_invalid_name_is_refused_with_a_reason(ada: Browser, name: str) -> None:
    page = await ada.submit(urls.masking("rules"), 400, **ASKED, name=INVALID_NAMES[name], reason="x")
    assert "Expected a name of 1 to 60 characters" in page


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_hostile_sample_is_shown_or_hidden(ada: Browser, name: str) -> None:
    sample = SAMPLES[name]
    assert len(sample.encode("utf-8", "replace")) <= SAMPLE_BYTES_MAX
    started = time.process_time()
    answer = await ada.client.post(TRIAL, data={**ASKED, "sample": sample})
    took_s = time.process_time() - started
    assert answer.status_code == 200, answer.text[:500]
    section = answer.text[answer.text.index('id="masked"') : answer.text.index('id="views"')]
    elements = Elements(answer.text)
    assert elements.handlers == set()
    assert "img" not in elements.names
    assert "\u202e" not in section.partition('<input type="hidden"')[0]
    assert "49" not in visible_text(section.partition("<form")[0]) or name != "template"
    assert section.count("<li") == section.count("</li>")
    assert section.count("<ul>") == section.count("</ul>") <= LINES_MAX + 1
    assert section.count("<details") == section.count("</details>")
    assert len(answer.content) < 2_500_000
    assert took_s < 3


async def test_a_long_sample_is_shown_in_part_and_counted_in_full(ada: Browser) -> None:
    page = visible_text(await ada.submit(TRIAL, 200, **ASKED, sample=SAMPLES["64 KiB of values"]))
    values = SAMPLE_BYTES_MAX // 2 - 1
    assert f"0 of {values:,} fields masked" in page
    assert f"{values - LINES_MAX:,} more values, counted but not shown." in page


async def test_a_deep_sample_is_nested_to_a_limit(ada: Browser) -> None:
    page = await ada.submit(TRIAL, 200, **ASKED, sample=SAMPLES["deep"])
    assert page.count("<details open>") == NESTED_MAX - 1
    assert "1 field, at depth 499" in page


async def test_a_sample_over_64_kib_is_refused_at_its_field(ada: Browser) -> None:
    largest = '"' + "x" * (SAMPLE_BYTES_MAX - 2) + '"'
    assert "0 of 1 field masked" in visible_text(await ada.submit(TRIAL, 200, **ASKED, sample=largest))
    newlines = "\n" * (SAMPLE_BYTES_MAX - 1) + "1"
    wire = "&".join(f"{key}={quote_plus(text)}" for key, text in ASKED.items())
    wire += "&sample=" + quote_plus(newlines.replace("\n", "\r\n"))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await ada.client.post(TRIAL, content=wire, headers=kind)
    assert answer.status_code == 200, "as a browser sends newlines it is six times as long"
    page = await ada.submit(TRIAL, 400, **ASKED, sample=largest + " ")
    assert "The sample has 65,537 bytes, over 65,536. Paste a shorter one." in visible_text(page)
    assert largest in page
    too_large = await ada.client.post(TRIAL, data={**ASKED, "sample": "x" * REQUEST_BYTES_MAX})
    assert too_large.status_code == 413
    assert "The request is too large. Send less at once." in visible_text(too_large.text).replace("once.S", "once. S")


@pytest.mark.parametrize(
    "body",
    [b"source=a/b&source=c/d&x=1", b"\xff\xfe\x00", b"a=" + b"&a=".join([b"1"] * 50), b"sample=%ff%fe&source=%00/"],
)
async def test_a_malformed_form_is_refused_or_accepted(ada: Browser, body: bytes) -> None:
    answer = await ada.client.post(TRIAL, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code in {200, 400}
    assert "Fault" not in answer.text
