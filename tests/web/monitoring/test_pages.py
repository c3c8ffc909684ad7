"""Every page of monitoring in every state: its texts, its links, and no invented values."""

import re
from pathlib import Path

import pytest

from signalbox.brokers.model import BrokerKind
from tests.support.simulation import SimulatedConnection
from tests.web.sites import OK_GROUPS, Elements, WebClient, headline, row_of, simulation_in, web_client

PAGES = (
    "/",
    "/groups",
    "/destinations",
    "/connections",
    "/connections/kafka-prod",
    "/connections/rabbit-eu",
    "/connections/nats-edge",
    "/connections/rabbit-old",
    "/connections/kafka-new",
    "/connections/kafka-idle",
    "/groups/kafka-prod/settlement",
    "/groups/kafka-prod/exporter",
    "/groups/kafka-prod/secret",
    "/groups/rabbit-old/old-1",
    "/groups/nats-edge/SHIP%2Fprinter",
    "/destinations/kafka-prod/payments",
    "/destinations/rabbit-old/old-1",
)
MISSING_FEATURES = ("Alert", "Dead letters 0", "Saga", "Projection", "Sign in", "Retry", "Purge", "Event store", "Mute")


@pytest.mark.parametrize("address", PAGES)
async def test_a_page_is_complete(web: WebClient, address: str) -> None:
    html = await web.page(address)
    assert headline(html)
    text = Elements(html).text
    for placeholder in ("None", "nan", "N/A", "\u2014", "inf", "Undefined", "<", "{"):
        assert placeholder not in text, placeholder
    assert not re.search(r"<td[^>]*class=\"[^\"]*\bnum\b[^\"]*\"[^>]*>\s*</td>", html), "a figure's cell is empty"


async def test_every_link_works(web: WebClient) -> None:
    visited: set[str] = set()
    pending = ["/"]
    while pending:
        address = pending.pop()
        if address in visited:
            continue
        visited.add(address)
        html = await web.page(address)
        if address.startswith("/api/"):
            continue
        pending += [link for link in Elements(html).links if link.startswith("/") and "?sort=" not in link]
    assert len(visited) > 40
    assert {"/groups/kafka-prod/settlement", "/destinations/kafka-prod/payments", "/connections/rabbit-old"} <= visited


async def test_pages_show_no_feature_that_does_not_exist(web: WebClient) -> None:
    for address in PAGES:
        html = await web.page(address)
        text = Elements(html).text
        for feature in MISSING_FEATURES:
            assert feature not in text
        assert not re.search(r'<form[^>]*method="(?!get|dialog)', html)


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("settlement", "will lose data", "Partition 2 will lose data in 14 h"),
        ("indexer", "behind", "behind and losing ground: lag grows by 40 messages/s (440 in, 400 out)."),
        ("exporter", "stopped", "No members, no progress for at least 9 min 15 s. 7,000 messages are waiting."),
        ("scoring", "rebalancing", "Rebalancing for at least"),
        ("secret", "not permitted", "Signalbox is not permitted to read this group."),
        ("writer-3", "ok", "Keeping up, "),
    ],
)
async def test_a_group_page_states_its_status(web: WebClient, name: str, status: str, words: str) -> None:
    html = await web.page(f"/groups/kafka-prod/{name}")
    assert words in headline(html).replace("\u00a0", " ")
    assert f"</svg>{status}" in html


async def test_an_ok_group_with_equal_rates_keeps_up(web: WebClient) -> None:
    text = Elements(await web.page("/groups/kafka-prod/writer-3")).text
    assert "Time to catch up keeping up unread messages are recent" in text


async def test_the_overview_lists_what_needs_attention(web: WebClient) -> None:
    html = await web.page("/")
    down = "rabbit-old is down. "
    assert headline(html).startswith(f"{down}{17 - OK_GROUPS} of 18 consumer groups are not ok: 1 will lose data")
    text = Elements(html).text
    for name in ("exporter", "settlement", "rabbit-old", "nats-edge", "indexer"):
        assert name in text.split("Connections and groups")[0].split("Needs attention")[1]
    rows = ("will lose data settlement", "stopped exporter", "down rabbit-old", "behind indexer")
    assert sorted(rows, key=text.index) == list(rows)
    assert f"{OK_GROUPS} of 13 groups ok" in text
    assert "3 queues, all unknown" in text
    assert "They held 18 messages at the last update, 03:19:20." in text
    assert text.count("kafka-new") >= 2


async def test_data_on_an_unreachable_connection_is_unknown_not_zero(web: WebClient) -> None:
    for address in ("/groups?connection=rabbit-old", "/destinations?connection=rabbit-old", "/connections/rabbit-old"):
        row = row_of(await web.page(address), "old-1")
        assert "</svg>unknown" in row
        assert row.count("unknown") >= 2
        assert not re.search(r">\s*0\s*<", row)
    html = await web.page("/groups/rabbit-old/old-1")
    assert headline(html).startswith("Unknown since 03:19:20. At the last update:")
    assert "Data from 03:19:20." in html
    assert "Connection refused by broker-1:9092." in html


async def test_stale_data_is_marked_and_dated(web: WebClient) -> None:
    row = row_of(await web.page("/groups"), "SHIP/printer")
    assert 'class="is-stale"' in row
    assert "</svg>behind (stale)" in row
    assert '<span class="stale">' in row
    assert 'data-tone="caution"' in row
    html = await web.page("/groups/nats-edge/SHIP%2Fprinter")
    assert headline(html).startswith("As of 03:21:00: 3 min 43 s behind and losing ground")


async def test_partitions_are_sorted_by_severity(web: WebClient) -> None:
    html = await web.page("/groups/kafka-prod/settlement")
    table = html[html.index('id="partitions"') : html.index('id="members"')]
    numbers = re.findall(r'lead">(\d+)</td>', table)
    assert numbers == ["2", "1", "0", "3"]  # will lose data, stalled, then what is ok by number
    assert 'class="tracks"' in html
    assert "No progress on payments 1." in html


async def test_a_connection_page_states_problems_and_missing_permissions(web: WebClient) -> None:
    html = await web.page("/connections/kafka-prod")
    text = Elements(html).text
    assert "DESCRIBE on the cluster: groups may be hidden" in text
    assert "DESCRIBE on the group is missing" in text
    assert "4 internal or excluded names not shown" in text
    assert "OffsetFetch" in text
    assert "not running" in text
    assert "active controller" in text
    assert "_*" in text
    assert "TLS is not verified." in Elements(await web.page("/connections/rabbit-eu")).text
    assert headline(await web.page("/connections/rabbit-eu")).startswith("Memory alarm on a")
    assert headline(await web.page("/connections/kafka-new")) == "Connecting. No response yet."


async def test_an_unknown_name_suggests_similar_names(web: WebClient) -> None:
    html = await web.page("/groups/kafka-prod/settlemnt", status=404)
    assert headline(html) == "Group “settlemnt” was not found on kafka-prod."
    assert "Similar names: settlement." in html
    assert "Similar names: kafka-prod" in await web.page("/connections/kafka-pro", status=404)
    assert "Similar names: payments." in await web.page("/destinations/kafka-prod/payment", status=404)
    assert "There is no connection “nowhere”." in await web.page("/groups/nowhere/settlement", status=404)


async def test_a_never_read_connection_does_not_call_anything_deleted(web: WebClient) -> None:
    """After a restart while the broker is down, an open page must not call its group deleted."""
    html = await web.page("/groups/kafka-new/orders", status=503)
    assert headline(html) == "Cannot tell whether group “orders” exists: no data from kafka-new yet."
    assert "Connecting. No response yet. Reload this page when the connection is up." in html
    html = await web.page("/destinations/kafka-new/orders", status=503)
    assert headline(html).startswith("Cannot tell whether destination “orders” exists")
    assert "No data from kafka-new yet." in Elements(await web.page("/destinations")).text
    assert "no data yet" in Elements(await web.page("/connections/kafka-new")).text
    problem = (await web.client.get("/api/v1/groups/kafka-new/orders/history")).json()
    assert problem["status"] == 503
    assert problem["detail"].startswith("Cannot tell whether group “orders” exists")


async def test_the_window_is_in_the_url(web: WebClient) -> None:
    html = await web.page("/groups/kafka-prod/settlement?window=24h")
    assert 'aria-current="true">24 h</a>' in html
    assert 'data-window="86400"' in html
    refused = await web.page("/groups/kafka-prod/settlement?window=2h", status=400)
    assert headline(refused) == "window: expected one of 1h, 6h, 24h, 7d, got &#39;2h&#39;."


async def test_the_palette_finds_by_part_of_a_name(web: WebClient) -> None:
    html = await web.partial("/search?q=SETTLE")
    assert "<html" not in html
    assert Elements(html).links == ["/groups/kafka-prod/settlement"]
    nothing = await web.partial("/search?q=zzz")
    assert "Nothing matches" in nothing
    answer = await web.client.get("/search?q=settle")
    assert answer.headers["location"] == "/"


async def test_without_connections_every_page_says_how_to_add_one(tmp_path: Path) -> None:
    async with simulation_in(tmp_path) as simulation, web_client(simulation) as web:
        for address in ("/", "/groups", "/destinations", "/connections"):
            html = await web.page(address)
            assert headline(html).startswith("Nothing is connected yet.")
            assert "signalbox check" in html


async def test_the_navigation_counts_what_was_read_and_shows_no_zero_before(tmp_path: Path) -> None:
    async with simulation_in(tmp_path) as simulation, web_client(simulation) as web:
        unread = simulation.connect(SimulatedConnection("kafka-new", BrokerKind.KAFKA, [], answers=False))
        await simulation.run(10)
        assert navigation_counts(await web.page("/")) == {"Connections": "1", "Groups": None, "Destinations": None}
        unread.answers = True
        await simulation.run(10)
        assert navigation_counts(await web.page("/")) == {"Connections": "1", "Groups": "0", "Destinations": "0"}


def navigation_counts(html: str) -> dict[str, str | None]:
    side = html[html.index('<nav class="side"') : html.index("</nav>")]
    links = re.findall(r">(Connections|Groups|Destinations)(?:<span class=\"count\"[^>]*>([^<]*)</span>)?</a>", side)
    return {label: count or None for label, count in links}
