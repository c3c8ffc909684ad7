"""A feature is one value: the test adds the toy feature to the lists for bootstrap, the command line and the configuration."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from signalbox.bootstrap import build
from signalbox.cli import command_line
from signalbox.config import ConfigurationError, load
from signalbox.features import FEATURES
from signalbox.features.monitoring import MONITORING
from signalbox.features.security import SECURITY
from signalbox.resources import TEMPLATES
from signalbox.storage.engine import Database
from signalbox.web.app import WebOptions
from signalbox.web.live.page import NOT_PERMITTED
from tests.support.assets import whole_assets
from tests.support.database import settings
from tests.support.security import core_over
from tests.support.simulation import Simulation
from tests.toy.feature import TOY, ToySettings
from tests.web.multi_user_site import HIDDEN, MultiUserSite, multi_user_site, two_connections
from tests.web.server import close_reason, next_fragments, run_server, watch
from tests.web.sockets import socket

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
OPTIONS = WebOptions(
    assets=whole_assets(), templates=(Path(__file__).parent / "templates", TEMPLATES), requests_per_s=1e9
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[MultiUserSite]:
    async with (
        two_connections(Simulation(tmp_path)) as simulation,
        multi_user_site(simulation, features=[TOY], options=OPTIONS) as opened,
    ):
        yield opened


async def test_its_page_is_in_the_navigation_with_a_badge(site: MultiUserSite) -> None:
    async with site.client("operator") as client:
        assert (await client.post("/toy/ring")).status_code == 303
        html = (await client.get("/groups")).text
        assert '<a href="/toy">Bells<span class="count" data-tone="danger">1</span></a>' in html
        html = (await client.get("/toy")).text
        assert '<a href="/toy" aria-current="page">Bells' in html
        assert "1 rings</p>" in html


async def test_the_palette_finds_its_entities_and_its_page(site: MultiUserSite) -> None:
    async with site.client("viewer") as client:
        assert 'href="/toy"' in (await client.get("/search?q=DIN", headers=PARTIAL)).text
        pages = (await client.get("/search?q=bel", headers=PARTIAL)).text
        assert "Pages" in pages
        assert 'href="/toy"' in pages
        assert 'href="/toy"' not in (await client.get("/search?q=payments", headers=PARTIAL)).text


async def test_its_metrics_follow_those_of_the_other_features(site: MultiUserSite) -> None:
    async with site.client("operator") as client:
        await client.post("/toy/ring")
        await client.post("/toy/ring")
    async with site.client("viewer", by="token") as client:
        text = (await client.get("/metrics")).text
    assert "toy_rings_total 2\n" in text
    assert "signalbox_group_lag_messages{" in text


async def test_its_write_checks_the_role_and_is_in_the_audit_log(site: MultiUserSite) -> None:
    async with site.client("viewer") as client:
        assert (await client.post("/toy/ring")).status_code == 403
    async with site.client("operator") as client:
        await client.post("/toy/ring")
    assert (await site.intents())[-1] == ("ring bell", "operator")


async def test_its_expected_error_gets_its_status_and_advice(tmp_path: Path) -> None:
    async with two_connections(Simulation(tmp_path)) as simulation:
        cracked = [ToySettings(sound="crack")]
        async with (
            multi_user_site(simulation, features=[TOY], options=OPTIONS, tables=cracked) as site,
            site.client("admin") as client,
        ):
            answer = await client.post("/toy/ring")
    assert answer.status_code == 418
    assert "The bell is cracked." in answer.text
    assert "Buy a new bell." in answer.text


async def test_its_fragment_is_live_only_for_users_who_may_see_its_resource(site: MultiUserSite) -> None:
    async with run_server(site.app) as server:
        live = (site, server)
        async with socket(live, "one") as client:
            await client.recv()  # the greeting
            await watch(client, ("bell/kafka-open", "toy/bell", "7.0"))
            async with site.client("operator") as operator:
                await operator.post("/toy/ring")
            assert "1 rings" in (await next_fragments(client))[0][3]
        async with socket(live, "one") as client:
            await client.recv()  # the greeting
            await watch(client, (f"bell/{HIDDEN}", "toy/bell", "7.0"))
            assert (await close_reason(client))[0] == NOT_PERMITTED


async def test_its_service_starts_with_the_others_and_counts_for_readiness(tmp_path: Path) -> None:
    core = core_over(Database(settings(f"sqlite+aiosqlite:///{tmp_path}/signalbox.db")))
    built = build(core, (MONITORING, SECURITY, TOY), options=OPTIONS)
    [bell] = [service for service in built.services if service.name == "the bell"]
    async with run_server(built.app) as server, httpx.AsyncClient(base_url=f"http://{server.host}") as client:
        assert bell.healthy()
        assert (await client.get("/health/ready")).status_code == 200
        await bell.stop()
        assert (await client.get("/health/ready")).status_code == 503
    assert not bell.healthy()


def test_its_verb_is_a_verb_of_signalbox(tmp_path: Path) -> None:
    config = tmp_path / "signalbox.toml"
    config.write_text('[toy]\nsound = "dong"\n', encoding="utf-8")
    line = command_line([*FEATURES, TOY])
    assert "bell     Say how the bell sounds" in CliRunner().invoke(line, ["--help"]).stdout
    assert CliRunner().invoke(line, ["bell", "--config", str(config)]).stdout == "dong\n"
    assert "bell" not in CliRunner().invoke(command_line(FEATURES), ["--help"]).stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[toy]\nsond = "ding"', "did you mean sound?"),
        ('[toy]\nsound = ""', "toy.sound: expected a sound such as ding"),
        ('[tyo]\nsound = "ding"', "did you mean toy?"),
    ],
)
def test_its_table_has_diagnostics(tmp_path: Path, text: str, expected: str) -> None:
    config = tmp_path / "signalbox.toml"
    config.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load(config, {}, features=[*FEATURES, TOY])
    assert expected in str(raised.value)
