"""Somebody signs in by the company account, in a real browser, at a real provider."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page

from signalbox.security.oidc.service import CALLBACK_PATH
from tests.browser.conftest import Watched
from tests.support.oidc_provider import CLIENT, SECRET, OidcProvider
from tests.support.serving import Serving


@dataclass(frozen=True, slots=True)
class House:
    served: Serving
    provider: OidcProvider


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    provider = OidcProvider(tmp_path / "provider")
    served = Serving(
        tmp_path / "signalbox",
        f"""
        [oidc]
        issuer = "{provider.issuer}"
        client_id = "{CLIENT}"
        client_secret = "{SECRET}"
        scopes = ["openid", "profile", "groups"]

        [[oidc.roles]]
        value = "support"
        role = "viewer"

        [[oidc.roles]]
        value = "platform-*"
        role = "admin"
        payloads = true

        [security]
        key_file = "{tmp_path}/signalbox/signalbox.key"
        """,
    )
    provider.sends_back_to(served.url + CALLBACK_PATH)
    try:
        await provider.start()
        await served.process.start()
        yield House(served, provider)
    finally:
        await served.process.stop()
        await provider.process.stop()


async def sign_in(page: Page, name: str) -> None:
    """From our button through the provider's two pages, to where it leads back."""
    await page.get_by_role("link", name="Sign in with the company account").click()
    await page.locator("input[name=login]").fill(name)
    await page.locator("input[name=password]").fill("any")
    await page.locator("button[type=submit]").click()
    await page.locator("button[type=submit]").click()


async def test_the_claim_lets_in_and_shuts_out(house: House, watched: Watched) -> None:
    """Who is in the group comes in, back to the page that was asked for; who is not is told why."""
    page = watched.page
    watched.expected = ("401",)
    house.provider.knows({"ada": {"preferred_username": "ada", "groups": ["support"]}})
    await page.goto(f"{house.served.url}/connections?x=1")
    assert "/set-up" not in page.url
    await page.goto(f"{house.served.url}/sign-in?to=%2Fconnections")
    await sign_in(page, "ada")
    await page.wait_for_url(f"{house.served.url}/connections")
    assert await page.locator(".who").text_content() == "ada, viewer everywhere"

    house.provider.knows({"ada": {"preferred_username": "ada", "groups": ["strangers"]}})
    await page.goto(f"{house.served.url}/sign-in/company?to=%2F")
    await page.wait_for_url(f"{house.served.url}/sign-in/company/back**")
    assert "role" in (await page.locator(".notice").first.text_content() or "")
    await page.goto(f"{house.served.url}/connections")
    await page.wait_for_url(f"{house.served.url}/sign-in**")


async def test_an_admin_sees_what_the_claim_gives(house: House, watched: Watched) -> None:
    page = watched.page
    house.provider.knows({"grace": {"preferred_username": "grace", "groups": ["platform-eu"]}})
    await page.goto(f"{house.served.url}/sign-in?to=%2Fusers")
    await sign_in(page, "grace")
    await page.wait_for_url(f"{house.served.url}/users")
    assert "made by the company account" in await page.locator("tbody tr").first.inner_text()
    section = page.get_by_role("region", name="Company account")
    rows = [tuple(await row.locator("td").all_inner_texts()) for row in await section.locator("tbody tr").all()]
    assert rows == [
        ("support", "viewer everywhere"),
        ("platform-*", "admin everywhere, with payloads"),
        ("anything else", "no way in"),
    ]
    assert "the claim “groups”" in await section.inner_text()
