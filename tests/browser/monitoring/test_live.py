"""Live pages in a browser: messages change the figures of an open page, through restarts of the broker and of Signalbox."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from signalbox.brokers.model import DestinationSpec, Message
from signalbox.brokers.nats.adapter import NatsBroker
from signalbox.servers.nats import NatsServer, nats_server
from signalbox.web.monitoring import urls
from tests.browser.conftest import Watched
from tests.support.nats import nats_settings, opened
from tests.support.serving import Serving, serving
from tests.support.waiting import eventually

SOON_MS = 15_000
AFTER_A_RESTART_MS = 40_000
WHILE_STOPPED = ("WebSocket connection", "ERR_CONNECTION_REFUSED")  # what Chromium logs while Signalbox is stopped


@dataclass(frozen=True, slots=True)
class LiveSetup:
    """A broker, Signalbox, and a client that publishes and reads."""

    server: NatsServer
    served: Serving
    broker: NatsBroker

    async def publish(self, count: int) -> None:
        for number in range(count):
            await self.broker.publish("orders", Message(body=str(number).encode()))

    async def read(self, count: int) -> None:
        deliveries = self.broker.receive("orders", "invoices")
        for _ in range(count):
            delivery = await anext(deliveries)
            await delivery.ack()
        await deliveries.aclose()

    def group(self) -> str:
        return self.served.url + urls.group("shop", "orders/invoices")


@pytest.fixture
async def setup(tmp_path: Path) -> AsyncIterator[LiveSetup]:
    async with nats_server(folder=tmp_path / "nats") as server, opened(nats_settings(server)) as broker:
        await broker.ensure([DestinationSpec(name="orders", groups=("invoices",))])
        connections = f"""
            [[connections]]
            name = "shop"
            kind = "nats"
            urls = ["{server.url}"]
            user = "{server.user}"
            password = "{server.password}"
            timeout_s = 2
        """
        async with serving(tmp_path / "signalbox", connections) as served:
            yield LiveSetup(server, served, broker)


def fact(page: Page, name: str) -> Locator:
    box = page.locator("dl.facts > div", has=page.locator("dt", has_text=re.compile(f"^{name}$")))
    return box.locator("dd.figure").first


async def test_messages_change_the_lag_of_an_open_page_without_a_reload(setup: LiveSetup, watched: Watched) -> None:
    page = watched.page
    await setup.publish(37)
    await _open_group(setup, page)
    await page.evaluate("window.signalboxSamePage = true")
    await expect(fact(page, "Lag")).to_have_text("37", timeout=SOON_MS)
    await setup.read(12)
    await expect(fact(page, "Lag")).to_have_text("25", timeout=SOON_MS)
    await setup.publish(1_204)
    await expect(fact(page, "Lag")).to_have_text("1,229", timeout=SOON_MS)
    assert await page.evaluate("window.signalboxSamePage") is True
    await watched.assert_clean()


async def test_a_stopped_broker_is_down_and_its_figures_stay_until_it_is_back(
    setup: LiveSetup, watched: Watched
) -> None:
    page = watched.page
    await setup.publish(21)
    await _open_group(setup, page)
    await expect(fact(page, "Lag")).to_have_text("21", timeout=SOON_MS)
    watcher = await page.context.new_page()
    await watcher.goto(setup.served.url + urls.connection("shop"))
    await setup.server.kill()
    await expect(watcher.get_by_role("main")).to_contain_text(
        re.compile("down", re.IGNORECASE), timeout=AFTER_A_RESTART_MS
    )
    await expect(fact(page, "Lag")).to_have_text("21")  # the last known figure stays; it is not zeroed
    await setup.server.start()
    await eventually(lambda: setup.publish(1), within_s=20)
    await expect(fact(page, "Lag")).to_have_text(re.compile("^2[2-9]$"), timeout=AFTER_A_RESTART_MS)
    await watched.assert_clean()


async def test_a_page_stays_open_through_a_restart_of_signalbox(setup: LiveSetup, watched: Watched) -> None:
    page = watched.page
    watched.expected = WHILE_STOPPED
    await setup.publish(17)
    await _open_group(setup, page)
    await expect(fact(page, "Lag")).to_have_text("17", timeout=SOON_MS)
    await page.evaluate("window.signalboxSamePage = true")
    await setup.served.process.kill()
    await expect(page.get_by_text("Live updates stopped at")).to_be_visible(timeout=SOON_MS)
    await setup.publish(6)
    await setup.served.process.start()
    await expect(fact(page, "Lag")).to_have_text("23", timeout=AFTER_A_RESTART_MS)
    await expect(page.get_by_text("Live updates stopped at")).to_be_hidden()
    assert await page.evaluate("window.signalboxSamePage") is True
    await watched.assert_clean()


async def test_signalbox_restarted_while_the_broker_is_down_calls_nothing_deleted(
    setup: LiveSetup, watched: Watched
) -> None:
    page = watched.page
    watched.expected = WHILE_STOPPED
    await setup.publish(19)
    await _open_group(setup, page)
    await expect(fact(page, "Lag")).to_have_text("19", timeout=SOON_MS)
    head = page.locator("[data-fragment='groups/head']")
    await setup.served.process.kill()
    await setup.server.kill()
    await setup.served.process.start()
    await expect(head).to_have_attribute("title", re.compile("shop has not been read"), timeout=AFTER_A_RESTART_MS)
    await expect(fact(page, "Lag")).to_have_text("19")
    await expect(page.get_by_title("gone")).to_have_count(0)
    another = await page.context.new_page()
    answer = await another.goto(setup.group())
    assert answer is not None
    assert answer.status == 503
    await expect(another.locator("h1")).to_contain_text("no data from shop yet")
    await expect(another.locator(".side a", has_text="Groups")).to_have_text("Groups")  # no count: it is unknown
    await setup.server.start()
    await expect(head).not_to_have_attribute("title", re.compile("not been read"), timeout=AFTER_A_RESTART_MS)
    await expect(fact(page, "Lag")).to_have_text("19")
    await watched.assert_clean()


async def _open_group(setup: LiveSetup, page: Page) -> None:
    async def known() -> None:
        assert (await page.request.get(setup.group())).ok  # not with the page: its console would log each 404

    await eventually(known, within_s=20)
    await page.goto(setup.group())
    await expect(page.locator("#live")).to_have_text("live", timeout=SOON_MS)
