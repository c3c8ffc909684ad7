"""A pushed fragment equals the partial on the page, and has no htmx attributes."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from signalbox.kernel.feed import Version
from signalbox.monitoring.model import Points
from signalbox.web.live.registry import CHANGED, POINTS, Fragment, Registry, parts_of
from signalbox.web.monitoring.fragments import live_parts
from signalbox.web.rendering import Part
from tests.support.simulation import Simulation
from tests.web.monitoring.test_pages import PAGES
from tests.web.sites import Elements, WebClient

WATCHED_MAX = 200


def registry_over(simulation: Simulation) -> Registry:
    registry = Registry()
    registry.add(live_parts(simulation.monitor))
    return registry


def fragment_of(registry: Registry, key: str, name: str) -> Fragment[Any]:
    registered = registry.fragment(key, name)
    assert registered is not None
    return registered[0]


def normalized(html: str) -> str:
    """Remove versions and white space."""
    return re.sub(r"\s+", " ", re.sub(r'data-version="[^"]*"', "", html)).strip()


@pytest.mark.parametrize("address", PAGES)
async def test_a_fragment_equals_the_part_of_the_page(web: WebClient, address: str) -> None:
    registry = registry_over(web.simulation)
    html = await web.page(address)
    live = Elements(html).live
    assert live
    assert len(set(live)) <= WATCHED_MAX
    page = normalized(html)
    for key, name in live:
        assert registry.knows(key, name), (key, name)
        if name in {CHANGED, POINTS}:
            continue
        fragment = fragment_of(registry, key, name)
        value = fragment.context(web.simulation.monitor, parts_of(key))
        assert value is not None
        rendered = web.app.state.renderer.fragment(Part(fragment.template, fragment.variable, value), Version(7, 1))
        assert "hx-" not in rendered
        assert normalized(rendered) in page, (key, name)
        assert len(re.findall(r"data-live=", rendered)) == 1, "a fragment is one element"


async def test_a_deleted_thing_has_no_fragment(web: WebClient) -> None:
    registry = registry_over(web.simulation)
    for key, name in (("group/kafka-prod/gone", "groups/row"), ("destination/kafka-prod/gone", "destinations/row")):
        assert fragment_of(registry, key, name).context(web.simulation.monitor, parts_of(key)) is None


async def test_every_list_page_watches_for_list_changes(web: WebClient) -> None:
    for address, key in (("/groups", "groups"), ("/destinations", "destinations"), ("/connections", "connections")):
        assert (key, CHANGED) in Elements(await web.page(address)).live


async def test_a_lost_connection_publishes_every_key_on_it(web: WebClient) -> None:
    keys = ("group/kafka-idle/none", "group/rabbit-eu/mails", "destination/rabbit-eu/mails", "connection/rabbit-eu")
    watching = web.simulation.feed.subscribe(keys)
    site = next(site for site in web.simulation.simulated if site.name == "rabbit-eu")
    web.simulation.fail(site)
    changed = await watching.changes()
    web.simulation.feed.unsubscribe(watching)
    assert set(changed) == set(keys) - {"group/kafka-idle/none"}


async def test_chart_points_continue_from_a_time(web: WebClient) -> None:
    registry = registry_over(web.simulation)
    registered = registry.points("group/kafka-prod/indexer")
    assert registered is not None
    source = cast("Callable[..., Awaitable[Points]]", registered[0].read)
    whole = await source(web.simulation.monitor, ("kafka-prod", "indexer"), None)
    rest = await source(web.simulation.monitor, ("kafka-prod", "indexer"), whole.at[-3])
    assert rest.at == whole.at[-2:]
    assert rest.lag == whole.lag[-2:]
