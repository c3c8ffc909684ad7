"""Masking in a real browser: an admin tests a rule on a pasted sample, adds it, moves it and removes it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from signalbox.security.masking.trial import SAMPLE_BYTES_MAX
from signalbox.web.security import urls
from tests.browser.accessible import serious
from tests.browser.conftest import Watched
from tests.browser.security.first_admin import AdminSite, admin_site

RULES = """
    [[masking]]
    name = "card numbers"
    what = ["card numbers"]
    how = "keep last 4"
"""
ORDER = {
    "order_id": "7f3a91c2",
    "customer_id": "c-204417",
    "address": {"name": "A Sample Name", "country": "NO"},
    "note": "card 4242 4242 4242 4242",
    "lines": [{"sku": "b<i>x</i>", "count": 2}],
}
HOSTILE = {
    "</textarea><script>window.planted = true</script>": "<img src=x onerror='window.planted = true'>",
    "safe\u202efdp.exe": "\u202eevil\u2066",
    "deep": json.loads("[" * 300 + "]" * 300),
    "customer_id": "\u0000\u001b[31m",
}


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[AdminSite]:
    async with admin_site(browser, tmp_path_factory.mktemp("masking"), RULES) as made:
        yield made


@pytest.fixture
async def page(site: AdminSite, watched: Watched) -> Page:
    """The masking page, open for an admin."""
    await site.open(watched.page, urls.masking())
    return watched.page


async def run_trial(page: Page, sample: str, what: str = "$.customer_id") -> None:
    await page.get_by_label("Destination of the sample").fill("kafka-prod/orders.placed")
    await page.get_by_label("Fields to mask").fill(what)
    await page.get_by_label("Method").select_option("hash")
    await page.get_by_label("Sample JSON").fill(sample)
    await page.get_by_role("button", name="Test on sample").click()


async def test_an_admin_tests_adds_and_removes_a_rule(site: AdminSite, watched: Watched, page: Page) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_text(
        "1 rule masks payloads before data leaves the server."
    )
    await run_trial(page, json.dumps(ORDER, indent=2))
    result = page.get_by_role("region", name="Masked result").first
    await expect(result).to_contain_text("customer_id: h:")
    await expect(result).to_contain_text('note: "card •••• 4242" rule 1')
    await expect(result).to_contain_text('sku: "b<i>x</i>"')
    await expect(result).not_to_contain_text("c-204417")
    await expect(page.get_by_role("heading", name="Masked result")).to_be_in_viewport()
    await result.get_by_text("address:").click()
    await expect(result.get_by_text("country:")).to_be_hidden()
    await page.get_by_label("Name of the rule").fill("customer key")
    await page.get_by_label("Reason").fill("ticket 12")
    await page.get_by_role("button", name="Add rule 2: hash $.customer_id").click()
    await expect(page.get_by_role("status").filter(has_text="Rule added.")).to_be_visible()
    await expect(page.get_by_label("Sample JSON")).to_have_value("")
    row = page.get_by_role("row", name="customer key")
    await expect(row).to_have_attribute("aria-selected", "true")
    await expect(row).to_contain_text("$.customer_id")
    await page.get_by_role("link", name="Remove rule…").click()
    await expect(page.get_by_role("link", name="Cancel")).to_be_focused()
    await page.get_by_label("Reason").fill("nobody needs it")
    await page.get_by_role("button", name="Remove rule").click()
    await expect(page.get_by_text("Rule removed.")).to_be_visible()
    await expect(row).to_have_count(0)
    assert "7f3a91c2" not in site.served.process.log.read_text()
    await watched.assert_clean()


async def test_rules_are_moved(browser: Browser, tmp_path: Path, watched: Watched) -> None:
    async with admin_site(browser, tmp_path, RULES) as own:
        await own.open(watched.page, urls.masking())
        await _move_rules(watched.page)
        await watched.assert_clean()


async def _move_rules(page: Page) -> None:
    for name in ("first", "second"):
        await run_trial(page, "")
        await page.get_by_label("Name of the rule").fill(name)
        await page.get_by_label("Reason").fill("asked for")
        await page.get_by_role("button", name="Add rule").click()
    await page.get_by_label("Reason for the move").fill("it is wider")
    await page.get_by_role("button", name="Move up to 2").click()
    await expect(page.get_by_text("Rule moved.")).to_be_visible()
    names = page.get_by_role("table").locator("td.name a")
    await expect(names).to_have_text(["card numbers", "second", "first"])


async def test_faults_are_shown_at_their_fields_and_typed_text_is_kept(watched: Watched, page: Page) -> None:
    watched.expected = ("400 (Bad Request)", "413 (Request Entity Too Large)")
    too_large = '"' + "x" * SAMPLE_BYTES_MAX + '"'
    await run_trial(page, too_large)
    await expect(page.get_by_text("The sample has 65,538 bytes, over 65,536. Paste a shorter one.")).to_be_visible()
    await expect(page.get_by_label("Sample JSON")).to_have_value(too_large)
    await run_trial(page, '{"a": 1}\n', "$..email\nemail")
    await expect(page.get_by_text("1 field has an error.")).to_be_in_viewport()
    what = page.get_by_label("Fields to mask")
    await expect(what).to_have_value("$..email\nemail")
    await expect(what).to_have_accessible_description(
        "Expected one of: a JSON path ($.email), header NAME, key, "
        "card numbers, such as $..email or header reply-to. Got 'email'."
    )
    await expect(page.get_by_label("Sample JSON")).to_have_value('{"a": 1}\n')
    assert await serious(page) == []
    await watched.assert_clean()


async def test_hostile_samples_are_shown_as_text(watched: Watched, page: Page) -> None:
    sample = json.dumps(HOSTILE, ensure_ascii=False)
    await run_trial(page, sample)
    await expect(page.get_by_label("Sample JSON")).to_have_value(sample)
    await expect(page.get_by_text("at depth 299")).to_have_count(1)
    assert await page.evaluate("window.planted") is None
    largest = "[" + ",".join("0" for _ in range(SAMPLE_BYTES_MAX // 2 - 1)) + "]"
    await run_trial(page, largest)
    await expect(page.get_by_text("more values, counted but not shown.")).to_be_visible()
    await run_trial(page, "\ufffd\u0001\u0002 no text")
    await expect(page.get_by_text("The whole sample is hidden: it is not valid JSON.")).to_be_visible()
    await watched.assert_clean()


async def test_the_page_is_accessible_and_fits_a_phone(site: AdminSite, watched: Watched, page: Page) -> None:
    watched.expected = ("400 (Bad Request)",)
    for scheme, width in (("light", 1440), ("dark", 1440), ("light", 360), ("dark", 360)):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.set_viewport_size({"width": width, "height": 800})
        for address in (urls.masking(), urls.masking("rules", "card numbers")):
            await page.goto(site.served.url + address)
            await _assert_fits(page, width)
        await run_trial(page, json.dumps(ORDER | {"hostile": HOSTILE}))
        await expect(page.get_by_role("button", name="Add rule 2")).to_be_visible()
        await _assert_fits(page, width)
        await run_trial(page, "x", "email")
        await expect(page.get_by_text("1 field has an error.")).to_be_visible()
        await _assert_fits(page, width)
    await watched.assert_clean()


async def _assert_fits(page: Page, width: int) -> None:
    assert await serious(page) == [], (page.url, width)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"{page.url} is {wide} px wide on a screen of {width}"
