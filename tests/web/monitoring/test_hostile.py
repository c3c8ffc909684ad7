"""Hostile names and texts from a broker are harmless on every page and in the API."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from signalbox.brokers.model import Why
from signalbox.web import markup, urls
from signalbox.web.monitoring import urls as monitoring_urls
from tests.support.hostile_simulation import hostile_site
from tests.web.hostile_names import HOSTILE
from tests.web.sites import Elements, WebClient, simulation_in, web_client

HIDDEN = re.compile("[\x00-\x08\x0e-\x1f\u200b\u202a-\u202e\u2066-\u2069]")
VALUES = re.compile(r'(?:data-live|value)="[^"]*"')  # sent back verbatim by scripts and forms; never displayed
NAMES = [name for name in HOSTILE.values() if len(name) <= 249]


@pytest.fixture(scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebClient]:
    async with simulation_in(tmp_path_factory.mktemp("hostile")) as simulation:
        hostile_site(simulation, "kafka-a", NAMES)
        await simulation.run(120)
        async with web_client(simulation) as client:
            yield client


async def harmless(web: WebClient, address: str, names: set[str]) -> str:
    html = await web.page(address)
    page = Elements(html)
    assert not page.names & {"img", "iframe", "object", "embed"}
    assert not page.handlers
    assert html.count("<script") == html.count('nonce="') - html.count("hx-nonce") == 3
    assert not HIDDEN.search(VALUES.sub("", html))
    assert all(link.startswith("/") or link in {"", "#content"} for link in page.links)
    assert "49" not in re.sub(r"\d{3,}|x{9,}", "", page.text) or "7*7" not in str(names)
    return html


@pytest.mark.parametrize("address", ["/", "/groups", "/destinations", "/connections", "/connections/kafka-a"])
async def test_a_list_of_hostile_names_is_harmless(web: WebClient, address: str) -> None:
    html = await harmless(web, address, set(NAMES))
    if address in {"/groups", "/destinations"}:
        for name in NAMES:
            assert str(markup.name(name)) in html


@pytest.mark.parametrize("name", NAMES, ids=[key for key in HOSTILE if len(HOSTILE[key]) <= 249])
async def test_the_pages_of_a_hostile_name_exist_and_are_harmless(web: WebClient, name: str) -> None:
    for address in (monitoring_urls.group("kafka-a", name), monitoring_urls.destination("kafka-a", name)):
        html = await harmless(web, address, {name})
        assert str(markup.name(name)) in html
        refused = await web.page(address.replace("kafka-a", "kafka-b"), status=404)
        assert not HIDDEN.search(refused)
        assert not Elements(refused).handlers
    listed = (await web.client.get("/api/v1/groups", params={"q": name[:200]})).json()
    assert name in [item["name"] for item in listed["items"]]
    response = await web.client.get(urls.api("groups", "kafka-a", name))
    assert (response.status_code, response.json()["name"]) == (200, name)
    assert response.json()["members"][0]["client"] in {name, "b"}


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "\u202egnp", '" onfocus="x', "{{7*7}}", "%00", "a" * 300]
)
async def test_search_text_is_harmless(web: WebClient, text: str) -> None:
    for path in ("/groups", "/destinations"):
        html = (await web.client.get(path, params={"q": text})).text
        assert not Elements(html).handlers
        assert "<script>alert" not in html
    results = (await web.client.get("/search", params={"q": text}, headers={"HX-Request-Type": "partial"})).text
    assert not Elements(results).handlers
    assert "script" not in Elements(results).names


async def test_the_diagram_cuts_a_long_name(web: WebClient) -> None:
    longest = next(name for name in NAMES if name == "x" * 249)
    html = await web.page(monitoring_urls.group("kafka-a", longest))
    diagram = html[html.index('class="tracks"') : html.index("</section>", html.index('class="tracks"'))]
    visible = re.sub(r"<title>.*?</title>|aria-label=\"[^\"]*\"", "", diagram)
    assert "x" * 61 not in visible


async def test_a_headline_quotes_the_broker_harmlessly(web: WebClient) -> None:
    site = web.simulation.simulated[0]
    note = "<b onclick=x>\u202eno</b>"
    site.readers = [replace(site.readers[0], facts={"why": Why.NO_ANSWER, "lag": None, "notes": (note,)})]
    await web.simulation.run(10)
    html = await web.page(monitoring_urls.group("kafka-a", site.readers[0].name))
    assert "&lt;b onclick=x&gt;" in html
    assert not Elements(html).handlers
