"""Lists by URL: search, filters, sort order, paging, the htmx partial, and empty states."""

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest

from signalbox.brokers.model import BrokerKind
from tests.support.simulation import SimulatedConnection, SimulatedGroup
from tests.web.sites import Elements, WebClient, headline, simulation_in, web_client

OK_COUNT = 117
SLOW = ("slow-a", "slow-b", "slow-c")


@pytest.fixture(scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebClient]:
    async with simulation_in(tmp_path_factory.mktemp("lists")) as simulation:
        ok = [
            SimulatedGroup(f"up-{i:03}", f"topic-{i % 9}", [10.0], [10.0], [float(i)], (f"m-{i}",))
            for i in range(OK_COUNT)
        ]
        slow = [SimulatedGroup(name, "slow.topic", [50.0], [10.0], [4000.0 * (n + 1)]) for n, name in enumerate(SLOW)]
        simulation.connect(SimulatedConnection("kafka-a", BrokerKind.KAFKA, [*ok[:100], *slow]))
        simulation.connect(SimulatedConnection("kafka-b", BrokerKind.KAFKA, ok[100:]))
        await simulation.run(150)
        async with web_client(simulation) as client:
            yield client


def names(html: str) -> list[str]:
    listed = html[html.index("<tbody>") : html.index("</tbody>")] if "<tbody>" in html else ""
    return re.findall(r'class="name"><a href="[^"]*"><bdi>(.*?)</bdi></a>', listed)


def button(html: str, words: str) -> str | None:
    match = re.search(rf'href="([^"]*)">{words}</a>', html)
    return None if match is None else unescape(match[1])


async def test_groups_that_are_not_ok_come_first_then_the_highest_lag(web: WebClient) -> None:
    html = await web.page("/groups")
    assert names(html)[:5] == ["slow-c", "slow-b", "slow-a", "up-116", "up-115"]
    assert "70 more groups, all ok" in Elements(html).text
    assert "1 to 50 of 120 groups, not ok first, then by lag" in Elements(html).text


async def test_paging_shows_every_group_once_and_back(web: WebClient) -> None:
    html = await web.page("/groups")
    pages = [names(html)]
    while following := button(html, "Next"):
        html = await web.page(following)
        pages.append(names(html))
    assert [len(page) for page in pages] == [50, 50, 20]
    assert len({name for page in pages for name in page}) == OK_COUNT + len(SLOW)
    back = button(html, "Previous")
    assert back is not None
    assert names(await web.page(back)) == pages[1]


async def test_a_column_head_sorts_and_reverses(web: WebClient) -> None:
    html = await web.page("/groups?sort=name")
    assert names(html)[:2] == ["slow-a", "slow-b"]
    turned = unescape(re.findall(r'href="([^"]*)" data-dir="up"', html)[0])
    assert names(await web.page(turned))[:2] == ["up-116", "up-115"]
    assert names(await web.page("/groups?sort=lag&dir=up"))[:4] == ["slow-a", "slow-b", "slow-c", "up-000"]
    assert "aria-sort" in html


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("q=UP-00", 10),
        ("q=topic-4", 13),
        ("q=m-77", 1),
        ("status=not-ok", 3),
        ("status=behind", 3),
        ("connection=kafka-b", 17),
        ("connection=kafka-b&status=not-ok", 0),
        ("kind=classic&q=slow", 3),
    ],
)
async def test_filters_apply_and_are_shown_as_selected(web: WebClient, query: str, count: int) -> None:
    html = await web.page(f"/groups?{query}")
    assert len(names(html)) == count
    for key, value in (pair.split("=") for pair in query.split("&")):
        expected = f'name="q" value="{value}"' if key == "q" else f'<option value="{value}" selected>'
        assert expected in html
    assert ("Clear filters" in html) == (count == 0)


async def test_an_empty_search_suggests_similar_names(web: WebClient) -> None:
    html = await web.page("/groups?q=slowb&connection=kafka-a")
    text = Elements(html).text
    assert "None of 120 groups matches \u201c slowb \u201d on kafka-a." in text
    near = next(link for link in Elements(html).links if "q=slow-b" in link)
    assert names(await web.page(near)) == ["slow-b"]


async def test_the_htmx_partial_equals_the_list_of_the_page(web: WebClient) -> None:
    part = await web.partial("/groups?q=slow")
    whole = await web.page("/groups?q=slow")
    assert "<html" not in part
    assert '>Kind: <select name="kind">' in part
    assert part.lstrip().startswith('<section class="section stack" id="lister"')
    without = re.compile(r'hx-nonce="[^"]*"|data-version="[^"]*"|\s+')
    assert without.sub("", part) in without.sub("", whole)
    assert re.search(r'<form[^>]*hx-get="/groups"[^>]*hx-nonce="[^"]+"', part)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sort=color", "sort: expected one of lag, time-lag, in, out, updated, name, connection, got"),
        ("status=fine", "status: expected one of not-ok"),
        ("after=nonsense", "after: expected a cursor"),
        ("sort=name&after=WzAsMSwiYyIsIm4iXQ", "after: expected a cursor from the same sort order"),
        ("dir=left", "dir: expected one of down, up"),
        ("q=" + "x" * 400, "q: expected at most 300 characters"),
    ],
)
async def test_an_invalid_parameter_is_named(web: WebClient, query: str, words: str) -> None:
    for path in ("/groups",) if "lag" in words else ("/groups", "/destinations"):
        assert words in unescape(headline(await web.page(f"{path}?{query}", status=400)))


async def test_destinations_are_listed_as_groups_are(web: WebClient) -> None:
    html = await web.page("/destinations")
    assert headline(html).startswith("19 destinations. One is not ok.")
    assert names(html)[0] == "slow.topic"
    assert names(await web.page("/destinations?q=topic-3&connection=kafka-a")) == ["topic-3"]
    assert names(await web.page("/destinations?sort=name&dir=down"))[0] == "topic-8"
    assert "Did you mean" in await web.page("/destinations?q=slowtopic")


async def test_a_list_is_limited_to_its_page(web: WebClient) -> None:
    html = await web.page("/groups?limit=7")
    assert len(names(html)) == 7
    assert await web.page("/groups?limit=100000", status=400)
