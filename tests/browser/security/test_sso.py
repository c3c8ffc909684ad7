"""Single sign-on in a real browser, at a real provider."""

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
class SsoSite:
    served: Serving
    provider: OidcProvider


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[SsoSite]:
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
        yield SsoSite(served, provider)
    finally:
        await served.process.stop()
        await provider.process.stop()


async def sign_in(page: Page, name: str) -> None:
    """Sign in through the provider's two pages."""
    await page.get_by_role("link", name="Sign in with SSO").click()
    await page.locator("input[name=login]").fill(name)
    await page.locator("input[name=password]").fill("any")
    await page.locator("button[type=submit]").click()
    await page.locator("button[type=submit]").click()


async def test_the_claim_grants_or_denies_access(site: SsoSite, watched: Watched) -> None:
    """A user of the group reaches the requested page; another user is refused with the reason."""
    page = watched.page
    watched.expected = ("401",)
    site.provider.knows({"ada": {"preferred_username": "ada", "groups": ["support"]}})
    await page.goto(f"{site.served.url}/connections?x=1")
    assert "/set-up" not in page.url
    await page.goto(f"{site.served.url}/sign-in?to=%2Fconnections")
    await sign_in(page, "ada")
    await page.wait_for_url(f"{site.served.url}/connections")
    assert await page.locator(".who").text_content() == "ada, viewer everywhere"

    site.provider.knows({"ada": {"preferred_username": "ada", "groups": ["strangers"]}})
    await page.goto(f"{site.served.url}/sign-in/sso?to=%2F")
    await page.wait_for_url(f"{site.served.url}/sign-in/sso/back**")
    assert "role" in (await page.locator(".notice").first.text_content() or "")
    await page.goto(f"{site.served.url}/connections")
    await page.wait_for_url(f"{site.served.url}/sign-in**")


async def test_users_page_shows_the_roles_of_the_claim(site: SsoSite, watched: Watched) -> None:
    page = watched.page
    site.provider.knows({"grace": {"preferred_username": "grace", "groups": ["platform-eu"]}})
    await page.goto(f"{site.served.url}/sign-in?to=%2Fusers")
    await sign_in(page, "grace")
    await page.wait_for_url(f"{site.served.url}/users")
    assert "created by single sign-on" in await page.locator("tbody tr").first.inner_text()
    section = page.get_by_role("region", name="Single sign-on")
    rows = [tuple(await row.locator("td").all_inner_texts()) for row in await section.locator("tbody tr").all()]
    assert rows == [
        ("support", "viewer everywhere"),
        ("platform-*", "admin everywhere, unmasked payloads"),
        ("anything else", "no access"),
    ]
    assert "the “groups” claim" in await section.inner_text()
