"""Hostile names in four real brokers: every page shows them, and none of them runs or breaks the layout."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import httpx
import pytest
from playwright.async_api import expect
from prometheus_client.parser import text_string_to_metric_families

from signalbox.servers.nats import NatsServer
from signalbox.servers.rabbitmq import RabbitServer
from signalbox.servers.sqs import SqsServer
from signalbox.web import markup, urls
from signalbox.web.monitoring import urls as monitoring_urls
from tests.browser.conftest import Watched
from tests.browser.harmless import assert_harmless, dialogs, visit
from tests.support.hostile import NAMES, TOO_LONG, Expected, HostileKafka, HostileNats, HostileRabbit, HostileSqs
from tests.support.kafka import KafkaUnderTest
from tests.support.serving import serving
from tests.support.waiting import eventually

SOON_MS = 20_000
KINDS = ("kafka", "rabbitmq", "nats", "sqs")
LINKS = """() => [...document.querySelectorAll('main a[href]')]
    .filter((a) => /^[/](groups|destinations)[/][^/]+[/]/.test(new URL(a.href).pathname) && a.querySelector('bdi'))
    .map((a) => [a.href, a.querySelector('bdi').textContent])"""


class Broker(Protocol):
    """The interface of each hostile broker."""

    def table(self) -> str: ...
    async def one_more(self) -> None: ...
    def expected(self) -> Expected: ...


@dataclass(frozen=True, slots=True)
class Site:
    """Signalbox with four brokers."""

    url: str
    brokers: Mapping[str, Broker]


@pytest.fixture(scope="module")
async def site(
    tmp_path_factory: pytest.TempPathFactory,
    kafka: KafkaUnderTest,
    rabbitmq_3: RabbitServer,
    nats_broker: NatsServer,
    elasticmq: SqsServer,
) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        brokers: Mapping[str, Broker] = {
            "kafka": await stack.enter_async_context(HostileKafka(kafka).there()),
            "rabbitmq": await stack.enter_async_context(HostileRabbit(rabbitmq_3).there()),
            "nats": await stack.enter_async_context(HostileNats(nats_broker).there()),
            "sqs": await stack.enter_async_context(HostileSqs(elasticmq).there()),
        }
        tables = "".join(broker.table() for broker in brokers.values())
        served = await stack.enter_async_context(serving(tmp_path_factory.mktemp("hostile"), tables))
        yield Site(served.url, brokers)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_api_returns_every_name_exactly_with_its_lag(site: Site, kind: str) -> None:
    expected = site.brokers[kind].expected()
    async with httpx.AsyncClient(base_url=site.url) as client:

        async def all_there() -> None:
            groups = (await client.get(urls.api("groups", connection=kind, limit=500))).json()["items"]
            assert {group["name"]: group["flow"]["lag"] for group in groups} == expected.groups
            destinations = (await client.get(urls.api("destinations", connection=kind, limit=500))).json()["items"]
            assert {destination["name"] for destination in destinations} == expected.destinations

        await eventually(all_there, within_s=25)
        for name, lag in expected.groups.items():
            one = await client.get(urls.api("groups", kind, name))
            assert (one.status_code, one.json()["name"], one.json()["flow"]["lag"]) == (200, name, lag)
            assert (await client.get(monitoring_urls.history(kind, name))).status_code == 200
        for name in expected.destinations:
            assert (await client.get(urls.api("destinations", kind, name))).json()["name"] == name


async def test_metrics_parse_and_return_every_name_exactly(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:

        async def all_there() -> None:
            text = (await client.get(urls.METRICS)).text
            lags = {
                (sample.labels["connection"], sample.labels["group"]): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == "signalbox_group_lag_messages"
            }
            assert lags == {
                (kind, name): lag
                for kind, broker in site.brokers.items()
                for name, lag in broker.expected().groups.items()
            }

        await eventually(all_there, within_s=25)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["groups", "destinations"])
async def test_every_link_of_a_list_opens_the_named_page(site: Site, watched: Watched, kind: str, what: str) -> None:
    opened_dialogs = dialogs(watched.page)
    expected = site.brokers[kind].expected()
    wanted = {_shown(name) for name in (expected.groups if what == "groups" else expected.destinations)}
    links = await _listed(watched, site, f"/{what}?connection={kind}", len(wanted))
    assert {text for _, text in links} == wanted
    for address, text in links:
        await visit(watched, address)
        assert await watched.page.locator(".verdict__name b bdi").text_content() == text
    assert opened_dialogs == []


@pytest.mark.parametrize(
    "path", ["/", "/connections", *(f"/connections/{kind}" for kind in KINDS), "/groups/kafka/" + "%3Cb%3E"]
)
async def test_overview_pages_show_hostile_names_harmlessly(site: Site, watched: Watched, path: str) -> None:
    opened_dialogs = dialogs(watched.page)
    watched.expected = ("404",)
    await visit(watched, site.url + path, status=404 if "%3C" in path else 200)
    assert opened_dialogs == []


@pytest.mark.parametrize("kind", KINDS)
async def test_the_socket_updates_every_row_whatever_its_name(site: Site, watched: Watched, kind: str) -> None:
    opened_dialogs = dialogs(watched.page)
    broker = site.brokers[kind]
    await _listed(watched, site, f"/groups?connection={kind}", len(broker.expected().groups))
    await expect(watched.page.locator("#live")).to_have_text("live", timeout=SOON_MS)
    await watched.page.evaluate("window.samePage = true")
    await broker.one_more()
    wanted = sorted(broker.expected().groups.values())

    async def moved() -> None:
        shown = await watched.page.locator("main tr[data-live] td.num.key").all_inner_texts()
        assert sorted(int(re.sub(r"\D", "", text)) for text in shown) == wanted

    await eventually(moved, within_s=SOON_MS / 1000)
    assert await watched.page.evaluate("window.samePage") is True
    await assert_harmless(watched)
    assert opened_dialogs == []


@pytest.mark.parametrize("which", [which for which in NAMES if which != "toml"])  # a line break cannot be typed
async def test_the_palette_finds_any_name_and_opens_it(site: Site, watched: Watched, which: str) -> None:
    name = NAMES[which]
    opened_dialogs = dialogs(watched.page)
    page = watched.page
    await page.goto(f"{site.url}/connections")
    await page.keyboard.press("Control+k")
    await page.locator("#palette input").fill(name)
    found = page.locator("#palette-found a", has=page.locator("bdi", has_text=_exactly(_shown(name)))).and_(
        page.locator('[href^="/groups/kafka/"]')
    )
    await expect(found).to_have_count(1, timeout=SOON_MS)
    await assert_harmless(watched)
    await found.click()
    await expect(page.locator(".verdict__name b bdi")).to_have_text(_exactly(_shown(name)))
    assert opened_dialogs == []


async def test_a_name_of_30000_characters_is_excluded_and_counted(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        assert TOO_LONG not in (await client.get(urls.api("groups", connection="kafka", limit=500))).text
        assert (await client.get(urls.api("connections", "kafka"))).json()["excluded"] > 0


async def test_a_refused_page_says_so_and_backs_off(site: Site, watched: Watched) -> None:
    page = watched.page
    opened: list[float] = []
    await page.goto(f"{site.url}/groups")
    await expect(page.locator("#live")).to_have_text("live", timeout=SOON_MS)
    page.on("websocket", lambda _: opened.append(time.monotonic()))
    await page.evaluate("""() => {
        document.querySelector('[data-live]').dataset.fragment = 'nothing';
        document.dispatchEvent(new CustomEvent('htmx:after:swap'));
    }""")
    await expect(page.get_by_text("The server refused it: unknown fragment")).to_be_visible(timeout=SOON_MS)

    async def four_times() -> None:
        assert len(opened) >= 4

    await eventually(four_times, within_s=SOON_MS / 1000)
    pauses = [after - before for before, after in pairwise(opened)]
    assert pauses[2] > 1.0, pauses  # the third is 4 s and jitter; without backoff each is half a second
    await expect(page.locator("#live")).to_have_text("not live")


async def test_each_check_detects_a_planted_fault(site: Site, watched: Watched) -> None:
    await watched.page.goto(f"{site.url}/connections")
    await assert_harmless(watched)
    for planted in (
        "window.pwned = 1",
        "document.body.firstElementChild.setAttribute('onclick', 'x')",
        "document.body.append(document.createElement('img'))",
        "document.getElementById('content').style.width = '3000px'",
    ):
        await watched.page.reload()
        await watched.page.evaluate(planted)
        with pytest.raises(AssertionError):
            await assert_harmless(watched)


async def _listed(watched: Watched, site: Site, path: str, count: int) -> list[tuple[str, str]]:
    """Open a list until it has `count` rows; return the URL and text of each link."""

    async def whole() -> list[tuple[str, str]]:
        await visit(watched, site.url + path)
        links = [(str(href), str(text)) for href, text in await watched.page.evaluate(LINKS)]
        assert len({text for _, text in links}) >= count
        return links

    return await eventually(whole, within_s=25)


def _shown(name: str) -> str:
    return markup.visible(name, markup.NAME_LENGTH_MAX, spaces=True)


def _exactly(text: str) -> re.Pattern[str]:
    """Match exactly this text; Playwright collapses white space."""
    return re.compile("^" + r"\s+".join(re.escape(word) for word in text.split()) + r"\s*$")
