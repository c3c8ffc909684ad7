"""Every page is clean: no console error, no CSP violation, no third-party request, no serious accessibility issue.

Each check is proved with a planted fault.
"""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from signalbox.brokers.model import DestinationSpec, Message
from signalbox.servers.nats import NatsServer
from signalbox.web import urls
from signalbox.web.monitoring import urls as monitoring_urls
from tests.browser.accessible import serious
from tests.browser.conftest import Watched
from tests.support.nats import nats_settings, opened
from tests.support.serving import serving
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory, nats_broker: NatsServer) -> AsyncIterator[str]:
    async with opened(nats_settings(nats_broker)) as broker:
        stream = "clean-<script"
        consumer = "reader'\"<img"
        await broker.ensure(
            [DestinationSpec(name=stream, groups=(consumer,)), DestinationSpec(name="clean-plain", groups=("reader",))]
        )
        for _ in range(5):
            await broker.publish(stream, Message(body=b"x"))
    connections = f"""
        [[connections]]
        name = "shop"
        kind = "nats"
        urls = ["{nats_broker.url}"]
        user = "{nats_broker.user}"
        password = "{nats_broker.password}"
        include = ["clean-*"]
        [[connections]]
        name = "away"
        kind = "nats"
        urls = ["nats://127.0.0.1:1"]
        timeout_s = 1
    """
    async with serving(tmp_path_factory.mktemp("clean"), connections) as served:
        yield served.url


PAGES = {
    "overview": urls.home(),
    "groups": monitoring_urls.groups(),
    "group": monitoring_urls.group("shop", "clean-<script/reader'\"<img"),
    "destinations": monitoring_urls.destinations(),
    "destination": monitoring_urls.destination("shop", "clean-<script"),
    "connections": monitoring_urls.connections(),
    "connection": monitoring_urls.connection("shop"),
    "connection down": monitoring_urls.connection("away"),
    "not found": monitoring_urls.group("shop", "nobody"),
}


async def _opened(page: Page, site: str, name: str) -> None:
    async def drawn() -> None:
        answer = await page.request.get(site + PAGES[name])  # not with the page: its console would log each 404
        assert answer.status == (404 if name == "not found" else 200)

    await eventually(drawn, within_s=20)
    await page.goto(site + PAGES[name])


@pytest.mark.parametrize("name", PAGES)
async def test_page_is_clean_and_accessible(site: str, watched: Watched, name: str) -> None:
    watched.expected = ("404 (Not Found)",) if name == "not found" else ()
    for scheme in ("light", "dark"):
        await watched.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await _opened(watched.page, site, name)
        assert await serious(watched.page) == []
    await watched.assert_clean()


@pytest.mark.parametrize("name", PAGES)
async def test_page_fits_a_phone(site: str, watched: Watched, name: str) -> None:
    watched.expected = ("404 (Not Found)",) if name == "not found" else ()
    await watched.page.set_viewport_size({"width": 360, "height": 780})
    await _opened(watched.page, site, name)
    wide = await watched.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360, f"the page is {wide} px wide on a screen of 360"
    assert await serious(watched.page) == []
    await watched.assert_clean()


async def test_a_planted_inline_script_is_blocked_and_detected(site: str, watched: Watched) -> None:
    await _opened(watched.page, site, "overview")
    await watched.page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener('securitypolicyviolation', resolve, { once: true });
            const script = document.createElement('script');
            script.textContent = 'window.planted = true';
            document.body.append(script);
        }).then(() => true)"""
    )
    assert await watched.page.evaluate("window.planted") is None
    assert any("script-src" in violation for violation in await watched.violations())


async def test_a_planted_accessibility_issue_is_detected(site: str, watched: Watched) -> None:
    await _opened(watched.page, site, "overview")
    await watched.page.evaluate("document.getElementById('content').append(document.createElement('button'))")
    assert any(fault.startswith("button-name") for fault in await serious(watched.page))


async def test_a_planted_third_party_request_is_detected(site: str, watched: Watched) -> None:
    await _opened(watched.page, site, "overview")
    await watched.page.evaluate("fetch('http://stranger.invalid/').catch(() => null)")
    assert watched.third_party_requests or await watched.violations()
