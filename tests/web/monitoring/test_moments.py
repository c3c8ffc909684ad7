"""Everything on a page is live, or says of which moment it is."""

import re

from signalbox.monitoring import keys
from signalbox.web.live.registry import Registry, parts_of
from signalbox.web.monitoring.connection_page import connection_head
from signalbox.web.monitoring.context import monitoring_context
from signalbox.web.monitoring.fragments import live_parts
from tests.web.sites import Elements, WebClient

AS_OF = re.compile(r"as of \d\d:\d\d:\d\d")
RABBIT = "rabbit-old"


async def fragment(web: WebClient, key: str, name: str) -> object:
    registry = Registry()
    registry.add(live_parts(web.simulation.monitor))
    registered = registry.fragment(key, name)
    assert registered is not None
    return registered[0].context(web.simulation.monitor, parts_of(key))


async def test_recent_changes_and_counts_are_live(web: WebClient) -> None:
    overview, connection = Elements(await web.page("/")), Elements(await web.page("/connections/kafka-prod"))
    assert (keys.OVERVIEW, "overview/changes") in overview.live
    assert (keys.OVERVIEW, "overview/counts") in overview.live
    assert (keys.connection("kafka-prod"), "connections/changes") in connection.live
    changed = web.simulation.monitor.changes()[0]
    rows = (await fragment(web, keys.OVERVIEW, "overview/changes")).rows  # type: ignore[attr-defined]
    assert rows[0].at == changed.at


async def test_what_is_not_live_in_a_list_says_of_which_moment_it_is(web: WebClient) -> None:
    text = Elements(await web.page("/groups?limit=14")).text
    assert re.search(r"counts as of \d\d:\d\d:\d\d", text)
    closing = re.search(r"more groups?, all ok.{0,30}", text)
    assert closing is not None
    assert AS_OF.search(closing.group())
    assert AS_OF.search(Elements(await web.page("/destinations")).text)


async def test_counts_in_the_heads_of_a_page_say_of_which_moment_they_are(web: WebClient) -> None:
    text = Elements(await web.page("/connections/kafka-prod")).text
    assert re.search(r"Groups 13, most severe first, as of \d\d:\d\d:\d\d", text)
    assert re.search(r"Destinations \d+, not ok first, then by rate, as of \d\d:\d\d:\d\d", text)
    assert re.search(
        r"Consumer groups \d+ known, as of \d\d:\d\d:\d\d",
        Elements(await web.page("/destinations/kafka-prod/payments")).text,
    )


async def test_the_page_of_a_broken_connection_stays_true_between_two_attempts(web: WebClient) -> None:
    simulation = web.simulation

    def head() -> object:
        context = monitoring_context(simulation.monitor)
        return connection_head(context, context.connections[RABBIT])

    before = head()
    simulation.now += 7
    assert head() == before


async def test_the_closing_rows_of_the_overview_count_whole_statuses(web: WebClient) -> None:
    """A row above may have another status by now, so a count of the others would count it twice or not at all."""
    summary = await fragment(web, keys.connection("kafka-prod"), "overview/summary-rows")
    texts = [row.text for row in summary.rows]  # type: ignore[attr-defined]
    assert texts == ["8 of 13 groups ok"]


async def test_counts_of_the_navigation_say_of_which_moment_they_are(web: WebClient) -> None:
    navigation = re.search(r'<div class="line-nav" title="counts as of \d\d:\d\d:\d\d UTC">', await web.page("/"))
    assert navigation is not None
