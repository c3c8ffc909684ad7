"""The audit log in a real browser: search, an open row, verification, and a tampered row."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from signalbox.security.errors import RequestRejected
from signalbox.storage.engine import Database
from signalbox.storage.settings import DatabaseSettings
from signalbox.web.security import urls
from tests.browser.accessible import serious
from tests.browser.conftest import Watched
from tests.browser.security.first_admin import become_admin
from tests.support.audit import AuditedDoor, actor, drop_triggers, run_sql
from tests.support.commands import signalbox
from tests.support.database import settings
from tests.support.hostile import NAMES
from tests.support.serving import Serving, serving

SOON_MS = 15_000


@dataclass(frozen=True)
class Site:
    """A running Signalbox, and a second process on its database."""

    served: Serving
    folder: Path
    kept: DatabaseSettings
    book: AuditedDoor

    def at(self, address: str) -> str:
        return self.served.url + address


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    folder = tmp_path / "signalbox"
    kept = settings(f"sqlite+aiosqlite:///{folder}/signalbox.db")
    async with serving(folder, "") as served:
        database = Database(kept)
        yield Site(served, folder, kept, AuditedDoor(database))
        await database.close()


async def test_an_admin_searches_the_log_and_opens_a_row(site: Site, watched: Watched) -> None:
    page = watched.page
    for letter in range(60):
        await site.book.act("own", target=f"letter {letter}", by=actor("billing-lead"))
    await _purge(site)
    await become_admin(site.served, page)
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Audit log").click()
    await expect(page.locator("h1")).to_contain_text("not verified since Signalbox started.")
    rows = page.locator("#lister tbody tr[id]")
    await expect(rows).to_have_count(50)
    await page.get_by_role("link", name="Older").click()
    await page.get_by_role("link", name="Newest").click()

    await expect(page).to_have_url(site.at(urls.audit()))
    await expect(page.locator("#live")).to_have_text("not live")  # its scripts run
    await page.keyboard.press("/")
    await page.keyboard.type("invoices")
    await expect(rows).to_have_count(1, timeout=SOON_MS)
    await expect(page).to_have_url(site.at(urls.audit(q="invoices")))
    purge, detail = page.get_by_role("link", name="purge"), page.locator("tr.detail")
    await purge.click()
    await expect(detail.get_by_text("they were tests")).to_be_visible()
    await expect(detail.locator(".tree")).to_have_text(re.compile(r"letters:\s*154"))
    await expect(purge).to_have_attribute("aria-expanded", "true")
    assert "row=" in page.url
    await page.reload()
    await expect(detail).to_be_visible()
    await purge.click()
    await expect(detail).to_have_count(0)
    await watched.assert_clean()


async def test_a_tampered_row_is_found_by_the_page_and_by_the_cli(site: Site, watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    await _purge(site)
    await become_admin(site.served, page)
    await page.goto(site.at(urls.audit()))
    verify = page.get_by_role("button", name="Verify now")
    await verify.click()
    await expect(page.locator("h1")).to_contain_text("The audit log is intact up to row")
    head = await _saved(page, page.get_by_role("link", name="Download signed head"), tmp_path / "head.json")

    await drop_triggers(site.kept)
    await run_sql(site.kept, "UPDATE audit SET actor = 'logistics-lead' WHERE action = 'purge' AND kind = 'intent'")
    [(row,)] = await run_sql(site.kept, "SELECT CAST(row AS TEXT) FROM audit WHERE actor = 'logistics-lead'")
    await verify.click()
    await expect(page.locator("h1")).to_contain_text(f": Row {row} was changed after it was written.")
    chain = page.get_by_role("region", name="Broken chain")
    await expect(chain.get_by_role("alert")).to_contain_text("Intact: rows 1 to 2.")
    await expect(chain.get_by_text("now says: purge by logistics-lead")).to_be_visible()
    await chain.get_by_role("link", name=str(row), exact=True).click()
    await expect(page.locator("tr.detail").get_by_text(re.compile("^changed, found at"))).to_be_visible()

    everything = chain.get_by_role("button", name="Export for investigation")
    export = await _saved(page, everything, tmp_path / "audit.ndjson")
    key = json.loads(await asyncio.to_thread(head.read_text))["public_key"]
    words = ("--export", str(export), "--head", str(head), "--public-key", key)
    ran = await signalbox("audit", "verify", *words, folder=tmp_path)
    assert ran.code == 1, ran.all
    assert f"Row {row} was changed after it was written." in ran.out
    await watched.assert_clean()


async def _purge(site: Site) -> None:
    await site.book.act("purge", target="invoices.dlq", reason="they were tests", parameters={"letters": 154})


async def _saved(page: Page, presses: Locator, file: Path) -> Path:
    async with page.expect_download() as download:
        await presses.click()
    await (await download.value).save_as(file)
    return file


async def test_hostile_rows_keep_the_page_accessible_and_within_a_phone(site: Site, watched: Watched) -> None:
    page = watched.page
    await become_admin(site.served, page)
    for name in NAMES.values():
        by = actor(name[:200])
        with pytest.raises(RequestRejected):
            await site.book.act(
                name, by=by, target=name, resource=name, reason=name, parameters={name: [name, {name: 1}]}, run=_fails
            )
    [(row,)] = await run_sql(site.kept, "SELECT MAX(row) FROM audit WHERE kind = 'intent'")
    await drop_triggers(site.kept)
    await run_sql(site.kept, "UPDATE audit SET detail = detail || target, agent = target, request = target")
    await page.goto(site.at(urls.audit()))
    await page.get_by_role("button", name="Verify now").click()
    for address in (urls.audit(), urls.audit(row=int(str(row))), urls.audit(q="there is none of these")):
        for scheme, width in (("light", 1440), ("dark", 1440), ("light", 360), ("dark", 360)):
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto(site.at(address))
            assert await serious(page) == [], (address, scheme, width)
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{address} is {wide} px wide on a screen of {width}"
    assert await page.evaluate("window.pwned") is None
    await watched.assert_clean()


async def _fails(_: object) -> None:
    raise RequestRejected("It failed: ")
