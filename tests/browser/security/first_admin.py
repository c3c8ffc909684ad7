"""The first admin in a browser: by the printed link, or as a copy of the session for stories that only look."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.support.first_admin import PASSWORD, first_link
from tests.support.serving import Serving, serving


@dataclass(frozen=True)
class AdminSite:
    """A running Signalbox with an admin whose session several tests share."""

    served: Serving
    cookies: list[Any]

    async def open(self, page: Page, path: str) -> None:
        await page.context.add_cookies(self.cookies)
        await page.goto(self.served.url + path)


@asynccontextmanager
async def admin_site(browser: Browser, folder: Path, tables: str) -> AsyncIterator[AdminSite]:
    """Run `signalbox serve` with these tables of signalbox.toml and create the first admin."""
    async with serving(folder, tables) as served:
        context = await browser.new_context()
        await become_admin(served, await context.new_page())
        yield AdminSite(served, [*await context.cookies()])
        await context.close()


async def become_admin(served: Serving, page: Page) -> None:
    await page.goto(first_link(served))
    await page.get_by_label("User name").fill("ada")
    await choose_password(page, "Create admin and sign in")
    await expect(page.locator(".who")).to_have_text("ada, admin everywhere")


async def choose_password(page: Page, button: str) -> None:
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Repeat password").fill(PASSWORD)
    await page.get_by_role("button", name=button).click()
