"""Lists through their addresses: search, filters, order, pages, the part that htmx asks for, and why a list is empty."""

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest

from signalbox.brokers.model import BrokerKind
from tests.support.estate import Reader, Site
from tests.web.sites import Asked, Elements, asking, estate_in, headline

WELL = 117
SLOW = ("slow-a", "slow-b", "slow-c")


@pytest.fixture(scope="module")
async def asked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asked]:
    async with estate_in(tmp_path_factory.mktemp("lists")) as estate:
        well = [Reader(f"well-{i:03}", f"topic-{i % 9}", [10.0], [10.0], [float(i)], (f"m-{i}",)) for i in range(WELL)]
        slow = [Reader(name, "slow.topic", [50.0], [10.0], [4000.0 * (n + 1)]) for n, name in enumerate(SLOW)]
        estate.connect(Site("kafka-a", BrokerKind.KAFKA, [*well[:100], *slow]))
        estate.connect(Site("kafka-b", BrokerKind.KAFKA, well[100:]))
        await estate.run(150)
        async with asking(estate) as made:
            yield made


def names(html: str) -> list[str]:
    listed = html[html.index("<tbody>") : html.index("</tbody>")] if "<tbody>" in html else ""
    return re.findall(r'class="name"><a href="[^"]*"><bdi>(.*?)</bdi></a>', listed)


def button(html: str, words: str) -> str | None:
    found = re.search(rf'href="([^"]*)">{words}</a>', html)
    return None if found is None else unescape(found[1])


async def test_what_is_not_ok_comes_first_then_the_greatest_lag(asked: Asked) -> None:
    html = await asked.page("/groups")
    assert names(html)[:5] == ["slow-c", "slow-b", "slow-a", "well-116", "well-115"]
    assert "70 more groups, all ok" in Elements(html).text
    assert "1 to 50 of 120 groups, not ok first, then by lag" in Elements(html).text


async def test_the_pages_hold_every_group_once_there_and_back(asked: Asked) -> None:
    html = await asked.page("/groups")
    pages = [names(html)]
    while following := button(html, "Next"):
        html = await asked.page(following)
        pages.append(names(html))
    assert [len(page) for page in pages] == [50, 50, 20]
    assert len({name for page in pages for name in page}) == WELL + len(SLOW)
    back = button(html, "Previous")
    assert back is not None
    assert names(await asked.page(back)) == pages[1]


async def test_a_head_sorts_and_turns(asked: Asked) -> None:
    html = await asked.page("/groups?sort=name")
    assert names(html)[:2] == ["slow-a", "slow-b"]
    turned = unescape(re.findall(r'href="([^"]*)" data-dir="up"', html)[0])
    assert names(await asked.page(turned))[:2] == ["well-116", "well-115"]
    assert names(await asked.page("/groups?sort=lag&dir=up"))[:4] == ["slow-a", "slow-b", "slow-c", "well-000"]
    assert "aria-sort" in html


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("q=WELL-00", 10),
        ("q=topic-4", 13),
        ("q=m-77", 1),
        ("status=not-ok", 3),
        ("status=behind", 3),
        ("connection=kafka-b", 17),
        ("connection=kafka-b&status=not-ok", 0),
        ("kind=classic&q=slow", 3),
    ],
)
async def test_filters_narrow_and_are_shown_as_chosen(asked: Asked, query: str, count: int) -> None:
    html = await asked.page(f"/groups?{query}")
    assert len(names(html)) == count
    for key, value in (pair.split("=") for pair in query.split("&")):
        shown = f'name="q" value="{value}"' if key == "q" else f'<option value="{value}" selected>'
        assert shown in html
    assert ("Clear filters" in html) == (count == 0)


async def test_a_search_that_finds_nothing_names_the_nearest(asked: Asked) -> None:
    html = await asked.page("/groups?q=slowb&connection=kafka-a")
    told = Elements(html).text
    assert "None of 120 groups matches \u201c slowb \u201d on kafka-a." in told
    near = next(link for link in Elements(html).links if "q=slow-b" in link)
    assert names(await asked.page(near)) == ["slow-b"]


async def test_htmx_gets_the_list_alone_and_it_is_the_same(asked: Asked) -> None:
    part = await asked.part("/groups?q=slow")
    whole = await asked.page("/groups?q=slow")
    assert "<html" not in part
    assert part.lstrip().startswith('<section class="section stack" id="lister"')
    without = re.compile(r'hx-nonce="[^"]*"|data-version="[^"]*"|\s+')
    assert without.sub("", part) in without.sub("", whole)
    assert re.search(r'<form[^>]*hx-get="/groups"[^>]*hx-nonce="[^"]+"', part)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sort=colour", "sort: expected one of lag, time-lag, in, out, read, name, connection, got"),
        ("status=fine", "status: expected one of not-ok"),
        ("after=nonsense", "after: expected a cursor"),
        ("sort=name&after=WzAsMSwiYyIsIm4iXQ", "after: expected a cursor of the same sort order"),
        ("dir=left", "dir: expected one of down, up"),
        ("q=" + "x" * 400, "q: expected at most 300 characters"),
    ],
)
async def test_a_bad_address_names_its_key(asked: Asked, query: str, words: str) -> None:
    for path in ("/groups", "/destinations"):
        if "lag" in words and path == "/destinations":
            continue
        assert words in unescape(headline(await asked.page(f"{path}?{query}", status=400)))


async def test_destinations_are_listed_like_groups(asked: Asked) -> None:
    html = await asked.page("/destinations")
    assert headline(html).startswith("19 destinations, all ok.")
    assert names(html)[0] == "slow.topic"
    assert names(await asked.page("/destinations?q=topic-3&connection=kafka-a")) == ["topic-3"]
    assert names(await asked.page("/destinations?sort=name&dir=down"))[0] == "topic-8"
    assert "Did you mean" in await asked.page("/destinations?q=slowtopic")


async def test_a_list_draws_its_page_and_no_more(asked: Asked) -> None:
    html = await asked.page("/groups?limit=7")
    assert len(names(html)) == 7
    assert await asked.page("/groups?limit=100000", status=400)
