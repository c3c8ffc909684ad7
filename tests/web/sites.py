"""An in-process client of the pages of monitoring, and a simulation with every kind of failure."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import httpx
from litestar import Litestar
from typing_extensions import override

from signalbox.brokers.model import BrokerKind, Fault, GroupState, Node, RetentionLimits, Why
from signalbox.security.masking.settings import MaskingRuleSettings
from signalbox.web.settings import ServerSettings
from tests.support.simulation import SimulatedConnection, SimulatedGroup, Simulation
from tests.support.snapshots import cluster

OK_GROUPS = 8


@dataclass
class WebClient:
    """An HTTP client of the pages over a simulation."""

    simulation: Simulation
    app: Litestar
    client: httpx.AsyncClient

    async def page(self, url: str, *, status: int = 200) -> str:
        response = await self.client.get(url)
        assert response.status_code == status, f"{url}: {response.status_code}\n{response.text[:500]}"
        return response.text

    async def partial(self, url: str) -> str:
        """Request a partial as htmx does."""
        response = await self.client.get(url, headers={"HX-Request": "true", "HX-Request-Type": "partial"})
        assert response.status_code == 200
        return response.text


def build_application(
    simulation: Simulation, settings: ServerSettings | None = None, rules: Sequence[MaskingRuleSettings] = ()
) -> Litestar:
    return simulation.built([settings or ServerSettings(), *rules]).app


@asynccontextmanager
async def web_client(simulation: Simulation) -> AsyncIterator[WebClient]:
    app = build_application(simulation)
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield WebClient(simulation, app, client)


@asynccontextmanager
async def simulation_in(folder: Path) -> AsyncIterator[Simulation]:
    """Build a simulation with its own history database."""
    simulation = Simulation(folder)
    await simulation.database.upgrade()
    await simulation.series.start()
    try:
        yield simulation
    finally:
        await simulation.series.stop()
        await simulation.database.close()


async def simulate_failures(simulation: Simulation) -> None:
    """Simulate ten minutes with every kind of failure."""
    prod = simulation.connect(
        SimulatedConnection(
            "kafka-prod",
            BrokerKind.KAFKA,
            _failing_groups() + _healthy_groups(),
            retention=RetentionLimits(age_s=12 * 3600, policy="delete"),
        )
    )
    prod.excluded = 4
    prod.faults = (
        Fault(
            resource="group payout", why=Why.NOT_PERMITTED, detail="DESCRIBE on the group is missing", group="payout"
        ),
    )
    prod.health = cluster(
        simulation.now,
        under_replicated=3,
        missing_permissions=("DESCRIBE on the cluster: groups may be hidden",),
        nodes=(
            Node(id="1", address="kafka-1:9092", running=True, controller=True),
            Node(id="2", address="", running=False),
        ),
    )
    mails = SimulatedGroup("mails", "mails", [4], [4], [0])
    rabbit = simulation.connect(SimulatedConnection("rabbit-eu", BrokerKind.RABBITMQ, [mails], tls_verified=False))
    rabbit.health = cluster(simulation.now, product="RabbitMQ", alarms=("memory alarm on a: publishers are blocked",))
    edge = simulation.connect(
        SimulatedConnection("nats-edge", BrokerKind.NATS, [SimulatedGroup("SHIP/printer", "SHIP", [22], [13], [400])])
    )
    old = simulation.connect(
        SimulatedConnection(
            "rabbit-old", BrokerKind.RABBITMQ, [SimulatedGroup(f"old-{i}", f"old-{i}") for i in range(3)]
        )
    )
    simulation.connect(SimulatedConnection("kafka-new", BrokerKind.KAFKA, [], answers=False))
    simulation.connect(SimulatedConnection("kafka-idle", BrokerKind.KAFKA, []))
    await simulation.run(400)
    simulation.fail(old)
    await simulation.run(100)
    edge.answers = False
    await simulation.run(60)


def _failing_groups() -> list[SimulatedGroup]:
    return [
        SimulatedGroup(
            "settlement", "payments", [60] * 4, [60, 0, 10, 60], [3, 5000, 4000, 3], members=("settle-a", "settle-b")
        ),
        SimulatedGroup("indexer", "orders", [220] * 2, [200] * 2, [9000, 9000]),
        SimulatedGroup(
            "exporter", "ledger", [5] * 2, [0] * 2, [700, 700], (), {"state": GroupState.EMPTY, "member_count": 0}
        ),
        SimulatedGroup("scoring", "payments", [60] * 4, [60] * 4, [3] * 4, facts={"state": GroupState.REBALANCING}),
        SimulatedGroup(
            "secret", "payments", [60] * 4, [60] * 4, [3] * 4, facts={"why": Why.NOT_PERMITTED, "lag": None}
        ),
    ]


def _healthy_groups() -> list[SimulatedGroup]:
    return [SimulatedGroup(f"writer-{i}", "orders", [220] * 2, [220] * 2, [3, 3]) for i in range(OK_GROUPS)]


class Elements(HTMLParser):
    """The parts of a page: elements, links, visible text, and live fragments."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.handlers: set[str] = set()
        self.links: list[str] = []
        self.live: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._quiet = 0
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.names.add(tag)
        self.handlers |= {name for name in attributes if name.startswith("on") or name == "style"}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if "data-live" in attributes:
            self.live.append((attributes["data-live"], attributes["data-fragment"]))
        if tag in {"script", "style"}:
            self._quiet += 1

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._quiet -= 1

    @override
    def handle_data(self, data: str) -> None:
        if not self._quiet and data.strip():
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def headline(html: str) -> str:
    match = re.search(r"<h1>(.*?)</h1>", html, re.DOTALL)
    assert match, html[:300]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", match[1])).strip()


def row_of(html: str, name: str) -> str:
    """Return the table row with a link of this name."""
    rows: list[str] = re.findall(r"<tr.*?</tr>", html, re.DOTALL)
    return next(row for row in rows if f"<bdi>{name}</bdi></a>" in row)
