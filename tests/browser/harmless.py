"""Check that a page is harmless: no injected script ran, no element broke out, nothing widened the layout."""

from playwright.async_api import Page

from tests.browser.conftest import Watched
from tests.support.waiting import eventually

WIDE, NARROW = 1440, 390
PLANTED = """() => {
    const handlers = [...document.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => /^(on|hx-on)/i.test(a.name)));
    const foreign = document.querySelectorAll('img, iframe, object, embed, style, base, form[action^="javascript"], a[href^="javascript"], a[href^="data"]');
    return [window.pwned ?? null, handlers.length, foreign.length];
}"""
WIDTH = """(width) => [document.documentElement.scrollWidth, [...document.querySelectorAll('main *')]
    .filter((e) => e.getBoundingClientRect().right > width + 1).slice(-6)
    .map((e) => `${e.parentElement.tagName}.${e.parentElement.className} > ${e.tagName}.${e.className}`)]"""


async def visit(watched: Watched, address: str, *, status: int = 200) -> None:
    """Open a page at both widths and check that it is harmless."""
    page = watched.page
    await page.set_viewport_size({"width": WIDE, "height": 900})
    answer = await page.goto(address)
    assert answer is not None
    assert answer.status == status, address
    await page.wait_for_load_state("load")
    await assert_harmless(watched)
    await page.set_viewport_size({"width": NARROW, "height": 844})
    await assert_harmless(watched, width=NARROW)
    await page.set_viewport_size({"width": WIDE, "height": 900})


async def assert_harmless(watched: Watched, *, width: int = WIDE) -> None:
    pwned, handlers, foreign = await watched.page.evaluate(PLANTED)
    assert (pwned, handlers, foreign) == (None, 0, 0), watched.page.url

    async def fits() -> None:
        wide, outside = await watched.page.evaluate(WIDTH, width)
        assert wide <= width, f"{watched.page.url} is {wide} px wide on a screen of {width}: {outside}"

    await eventually(fits, within_s=3)  # a chart resizes a moment after the window
    await watched.assert_clean()


def dialogs(page: Page) -> list[str]:
    """Record every dialog that the page opens, and close it."""
    opened: list[str] = []

    async def close(dialog: object) -> None:
        opened.append(str(dialog))

    page.on("dialog", close)
    return opened
