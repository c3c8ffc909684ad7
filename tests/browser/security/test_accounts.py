"""Accounts in a real browser: the first admin, an invitation, a change of roles, a password, a token."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from signalbox.brokers.model import DestinationSpec
from signalbox.servers.nats import NatsServer
from signalbox.web import urls
from signalbox.web.security import urls as security_urls
from tests.browser.accessible import serious
from tests.browser.conftest import CSP_LISTENER, Watched
from tests.browser.security.first_admin import AdminSite, admin_site, become_admin, choose_password
from tests.support.first_admin import PASSWORD
from tests.support.nats import nats_settings, opened
from tests.support.serving import Serving, serving

SOON_MS = 15_000
BETTER = "a better sentence to sign in"


@pytest.fixture
async def served(tmp_path: Path, nats_broker: NatsServer) -> AsyncIterator[Serving]:
    async with opened(nats_settings(nats_broker)) as broker:
        await broker.ensure([DestinationSpec(name="people-orders", groups=("reader",))])
    connections = f"""
        [[connections]]
        name = "shop"
        kind = "nats"
        urls = ["{nats_broker.url}"]
        user = "{nats_broker.user}"
        password = "{nats_broker.password}"
        include = ["people-*"]
    """
    async with serving(tmp_path / "signalbox", connections) as made:
        yield made


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[AdminSite]:
    """Signalbox for the stories that only look."""
    async with admin_site(browser, tmp_path_factory.mktemp("accounts"), "") as made:
        yield made


@pytest.fixture
async def other(browser: Browser) -> AsyncIterator[BrowserContext]:
    made = await browser.new_context(viewport={"width": 1440, "height": 900})
    await made.add_init_script(CSP_LISTENER)
    yield made
    await made.close()


async def test_an_open_page_of_an_invited_user_reports_a_change_of_roles(
    served: Serving, watched: Watched, other: BrowserContext
) -> None:
    ada = watched.page
    await become_admin(served, ada)
    await ada.goto(served.url + security_urls.users())
    await ada.get_by_role("textbox", name="User name").fill("bob")
    await ada.get_by_role("button", name="Create one-time link").click()
    link = (await ada.locator("#once").inner_text()).strip()
    guest = Watched(await other.new_page())
    guest.watch()
    bob = guest.page
    await _choose_password(bob, link)
    await expect(bob.locator("#live")).to_have_text("live", timeout=SOON_MS)
    await ada.get_by_role("link", name="Done").click()
    await ada.get_by_label("shop: operator").check()
    await ada.get_by_label("Reason").fill("on call this week")
    await ada.get_by_role("button", name="Save roles of bob").click()
    await expect(ada.get_by_text("Roles saved.")).to_be_visible()
    notice = bob.get_by_role("alert").filter(has_text="You were signed out, or your permissions changed.")
    await expect(notice).to_be_visible(timeout=SOON_MS)
    await expect(bob.locator("#live")).to_have_text("not live")
    await notice.get_by_role("link", name="Sign in").click()
    await _sign_in(bob, "bob", PASSWORD)
    await expect(bob.locator(".who")).to_have_text("bob, operator on shop; viewer elsewhere")
    await watched.assert_clean()
    await guest.assert_clean()


async def test_a_static_page_of_a_removed_user_reports_the_sign_out(
    served: Serving, watched: Watched, other: BrowserContext
) -> None:
    ada = watched.page
    await become_admin(served, ada)
    await ada.goto(served.url + security_urls.users())
    await ada.get_by_role("textbox", name="User name").fill("bob")
    await ada.get_by_role("button", name="Create one-time link").click()
    bob = await other.new_page()
    await _choose_password(bob, (await ada.locator("#once").inner_text()).strip())
    await bob.goto(served.url + urls.profile())
    await expect(bob.locator("#live")).to_have_text("not live")
    await ada.goto(served.url + security_urls.users("bob"))
    await ada.get_by_role("link", name="Remove bob…").click()
    await expect(ada.get_by_role("link", name="Cancel")).to_be_focused()
    await ada.get_by_label("Reason").fill("left")
    await ada.get_by_role("button", name="Remove user").click()
    await expect(ada.get_by_text("User removed")).to_be_visible()
    await expect(bob.get_by_text("You were signed out, or your permissions changed.")).to_be_visible(timeout=SOON_MS)
    await watched.assert_clean()


async def test_token_is_shown_once_copied_used_and_revoked(served: Serving, watched: Watched) -> None:
    page = watched.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.url)
    await become_admin(served, page)
    await page.goto(served.url + urls.profile())
    await page.get_by_label("Name", exact=True).fill("grafana")
    await page.get_by_label("Expires after").select_option("7")
    await page.get_by_role("button", name="Create token").click()
    secret = (await page.locator("#once").inner_text()).strip()
    await page.get_by_role("button", name="Copy token").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == secret
    assert secret not in page.url
    async with httpx.AsyncClient(base_url=served.url, headers={"Authorization": f"Bearer {secret}"}) as program:
        assert [one["name"] for one in (await program.get("/api/v1/connections")).json()] == ["shop"]
        await page.get_by_role("link", name="Done").click()
        assert secret not in await page.content()
        await page.get_by_role("link", name="Revoke… grafana").click()
        await page.get_by_role("button", name="Revoke token").click()
        await expect(page.get_by_text("Token revoked.")).to_be_visible()
        assert (await program.get("/api/v1/connections")).status_code == 401
    assert secret not in served.process.log.read_text()
    await watched.assert_clean()


async def test_new_password_replaces_the_old_one(served: Serving, watched: Watched) -> None:
    page = watched.page
    watched.expected = ("409 (Conflict)", "401 (Unauthorized)")
    await become_admin(served, page)
    await page.goto(served.url + urls.profile())
    for old, told in (
        ("not this one at all", "The current password is wrong."),
        (PASSWORD, "Password changed."),
    ):
        await page.get_by_label("Current password").fill(old)
        await page.get_by_label(re.compile("^New password")).fill(BETTER)
        await page.get_by_label("Repeat new password").fill(BETTER)
        await page.get_by_role("button", name="Change password", exact=True).click()
        await expect(page.get_by_text(told)).to_be_visible()
    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    await _sign_in(page, "ada", PASSWORD)
    await expect(page.get_by_text("Wrong user name or password")).to_be_visible()
    await _sign_in(page, "ada", BETTER)
    await expect(page.locator(".who")).to_have_text("ada, admin everywhere")
    await watched.assert_clean()


async def test_browser_keeps_the_chosen_theme(site: AdminSite, watched: Watched) -> None:
    page = watched.page
    await site.open(page, urls.profile())
    await expect(page.get_by_role("button", name="system", pressed=True)).to_be_visible()
    await page.get_by_role("button", name="dark", exact=True).click()
    await page.reload()
    await expect(page.get_by_role("button", name="dark", exact=True, pressed=True)).to_be_visible()
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    await page.get_by_role("button", name="system").click()
    await page.reload()
    assert await page.evaluate("document.documentElement.dataset.theme") is None


async def test_account_pages_are_accessible_and_fit_a_phone(served: Serving, watched: Watched) -> None:
    page = watched.page
    await become_admin(served, page)
    await page.goto(served.url + security_urls.users())
    await page.get_by_role("textbox", name="User name").fill("bob")
    await page.get_by_role("button", name="Create one-time link").click()
    await page.goto(served.url + urls.profile())
    await page.get_by_label("Name", exact=True).fill("grafana")
    await page.get_by_role("button", name="Create token").click()
    for address in (
        urls.profile(),
        security_urls.users(),
        security_urls.users("ada"),
        security_urls.users("bob"),
        security_urls.users("bob", "remove"),
    ):
        for scheme, width in (("light", 1440), ("dark", 1440), ("light", 360), ("dark", 360)):
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto(served.url + address)
            assert await serious(page) == [], (address, scheme, width)
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{address} is {wide} px wide on a screen of {width}"
    await watched.assert_clean()


async def test_a_phone_reaches_users_and_profile(site: AdminSite, watched: Watched) -> None:
    page = watched.page
    await page.set_viewport_size({"width": 360, "height": 780})
    await site.open(page, urls.home())
    bar = page.get_by_role("navigation", name="Sections")
    for way, address in (("Users", security_urls.users()), ("ada, admin everywhere", urls.profile())):
        await bar.get_by_text("More").click()
        assert await serious(page) == []
        await bar.get_by_role("link", name=way).click()
        await expect(page).to_have_url(site.served.url + address)
    await watched.assert_clean()


async def _choose_password(page: Page, link: str) -> None:
    await page.goto(link)
    await choose_password(page, "Set password and sign in")


async def _sign_in(page: Page, name: str, password: str) -> None:
    await page.get_by_label("User name").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
