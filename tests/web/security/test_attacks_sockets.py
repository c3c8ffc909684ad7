"""Attacks on live sockets: other sites, hidden connections, and rights that change while a socket is open."""

import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from litestar.routes import WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from signalbox.monitoring import keys
from signalbox.monitoring.service import Monitor
from signalbox.security.accounts import actions
from signalbox.security.model import VIEWER_EVERYWHERE
from signalbox.web import urls
from signalbox.web.live import page as live_page
from signalbox.web.live.page import BAD_MESSAGE, NOT_PERMITTED, SIGNED_OUT, Watch
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.monitoring.fragments import live_parts
from signalbox.web.security import urls as security_urls
from signalbox.web.settings import ServerSettings
from tests.support.simulation import Simulation
from tests.web.multi_user_site import (
    ANONYMOUS,
    CANARY,
    HIDDEN,
    ONE_CONNECTION,
    ROOT_ACTOR,
    SHARED_GROUPS,
    VISIBLE,
    MultiUserSite,
    multi_user_site,
    two_connections,
)
from tests.web.server import RunningServer, close_reason, next_fragments, run_server, watch
from tests.web.sockets import socket


@pytest.fixture(scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[MultiUserSite, RunningServer]]:
    async with (
        two_connections(Simulation(tmp_path_factory.mktemp("sockets"))) as simulation,
        multi_user_site(simulation) as site,
        run_server(site.app) as server,
    ):
        yield site, server


def fragments() -> list[tuple[str, str]]:
    """Return every watchable (key prefix, fragment)."""
    live = live_parts(cast("Monitor", None))
    points = [(source.key_prefix, "points") for source in live.points]
    return [*((fragment.key_prefix, fragment.name) for fragment in live.fragments), *points]


def key_of(prefix: str, connection: str, name: str) -> str:
    return {
        "connection": keys.connection(connection),
        "group": keys.group(connection, name),
        "destination": keys.destination(connection, name),
    }.get(prefix, prefix)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1.evil.example"]
)
@pytest.mark.parametrize("who", ["admin", ANONYMOUS])
async def test_another_site_opens_no_socket(
    live: tuple[MultiUserSite, RunningServer], who: str | None, origin: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket(live, who, origin=origin):
            pass
    assert refused.value.response.status_code == 403


async def test_our_own_page_opens_a_socket(live: tuple[MultiUserSite, RunningServer]) -> None:
    async with socket(live, "one", origin=f"http://{live[1].host}") as client:
        assert set(json.loads(await client.recv())) == {"now", "build"}


@pytest.mark.parametrize("by", ["cookie", "token"])
async def test_every_key_of_a_hidden_connection_is_refused(live: tuple[MultiUserSite, RunningServer], by: str) -> None:
    keys_of_fragments = [(key_of(prefix, HIDDEN, SHARED_GROUPS[0]), name) for prefix, name in fragments()]
    of_hidden = [(key, name) for key, name in keys_of_fragments if HIDDEN in key]
    assert len(of_hidden) > 10
    for key, name in of_hidden:
        async with socket(live, "one", by=by) as client:
            await client.recv()
            await watch(client, (keys.OVERVIEW, "overview/head", "0.0"), (key, name, "0.0"))
            assert (await close_reason(client))[0] == NOT_PERMITTED, (key, name)


async def test_shared_fragments_reveal_nothing_of_a_hidden_connection(
    live: tuple[MultiUserSite, RunningServer],
) -> None:
    """Also right after a user who may view everything had them rendered."""
    wanted = [
        (key_of(prefix, VISIBLE, SHARED_GROUPS[0]), name, "0.0") for prefix, name in fragments() if name != "points"
    ]
    for who in ("viewer", "one", "viewer", "one"):
        async with socket(live, who) as client:
            await client.recv()
            await watch(client, *wanted)
            text = json.dumps(await next_fragments(client))
            assert (CANARY in text) is (who == "viewer")


async def test_a_shared_key_with_a_connection_suffix_renders_nothing(live: tuple[MultiUserSite, RunningServer]) -> None:
    """Its fragment would be cached for everyone who may view that connection."""
    key = f"{keys.OVERVIEW}/{VISIBLE}"
    for who in ("viewer", "one"):
        async with socket(live, who) as client:
            await client.recv()
            await watch(client, (key, "overview/head", "7.x"))
            assert [html for _, _, _, html in await next_fragments(client)] == [None]


async def test_a_visitor_has_no_socket(live: tuple[MultiUserSite, RunningServer]) -> None:
    async with socket(live, ANONYMOUS) as client:
        assert (await close_reason(client))[0] == SIGNED_OUT


async def test_an_invalid_token_has_no_socket(live: tuple[MultiUserSite, RunningServer]) -> None:
    to = f"ws://{live[1].host}{urls.LIVE}"
    async with connect(to, additional_headers={"Authorization": "Bearer sbx_wrong"}) as client:
        assert (await close_reason(client))[0] == SIGNED_OUT


@pytest.mark.parametrize("change", ["role", "sign out", "sessions ended", "removed"])
async def test_a_socket_closes_when_its_users_rights_change(
    live: tuple[MultiUserSite, RunningServer], change: str
) -> None:
    site, _ = live
    name = f"leaver-{change.replace(' ', '-')}"
    person = await site.add(name, VIEWER_EVERYWHERE)
    users, act = site.core.accounts.users, site.core.door.act
    user = await users.get_by_name(name)
    async with socket(live, name) as client, socket(live, "viewer") as other:
        for connection in (client, other):
            await connection.recv()
            await watch(connection, (keys.OVERVIEW, "overview/head", "0.0"))
            assert await next_fragments(connection)
        if change == "role":
            action = actions.change_rights(name, user.rights, ONE_CONNECTION, "")
            await act(ROOT_ACTOR, action, lambda permit: users.set_rights(permit, user, ONE_CONNECTION))
        elif change == "sign out":
            async with site.client(name) as browser:
                assert (await browser.post(security_urls.sign_out())).status_code == 303
        elif change == "sessions ended":
            sessions = site.core.accounts.sessions
            await act(ROOT_ACTOR, actions.end_sessions(name), lambda permit: sessions.end_all(permit, person.id))
        else:
            await act(ROOT_ACTOR, actions.remove_user(name, ""), lambda permit: users.remove(permit, user))
        assert await close_reason(client) == (SIGNED_OUT, "You were signed out, or your permissions changed.")
        site.simulation.feed.publish([keys.OVERVIEW])
        assert await next_fragments(other)
    async with socket(live, name) as client:
        assert (await close_reason(client))[0] == SIGNED_OUT  # the cookie opens no new socket


async def test_a_socket_closes_when_its_token_is_revoked(live: tuple[MultiUserSite, RunningServer]) -> None:
    site, _ = live
    person = await site.add("program", VIEWER_EVERYWHERE)
    tokens = site.core.accounts.tokens
    async with socket(live, "program", by="token") as client:
        await client.recv()
        await watch(client, (keys.OVERVIEW, "overview/head", "0.0"))
        await next_fragments(client)
        [token] = await tokens.list_all(person.id)
        action = actions.revoke_token(token)
        await site.core.door.act(ROOT_ACTOR, action, lambda permit: tokens.revoke(permit, token))
        assert (await close_reason(client))[0] == SIGNED_OUT


async def test_a_socket_closes_when_the_role_behind_its_token_changes(
    live: tuple[MultiUserSite, RunningServer],
) -> None:
    site, _ = live
    await site.add("exporter", VIEWER_EVERYWHERE)
    users, act = site.core.accounts.users, site.core.door.act
    user = await users.get_by_name("exporter")
    async with socket(live, "exporter", by="token") as client, socket(live, "viewer", by="token") as other:
        for connection in (client, other):
            await connection.recv()
            await watch(connection, (keys.OVERVIEW, "overview/head", "0.0"))
            assert await next_fragments(connection)
        action = actions.change_rights("exporter", user.rights, ONE_CONNECTION, "")
        await act(ROOT_ACTOR, action, lambda permit: users.set_rights(permit, user, ONE_CONNECTION))
        assert (await close_reason(client))[0] == SIGNED_OUT
        site.simulation.feed.publish([keys.OVERVIEW])
        assert await next_fragments(other)


async def test_a_page_without_a_sign_in_stays_open_whoever_signs_in(tmp_path: Path) -> None:
    """A wall display under allow_unauthenticated."""
    settings = ServerSettings(allow_unauthenticated=True)
    async with (
        two_connections(Simulation(tmp_path)) as simulation,
        multi_user_site(simulation, users={}, tables=[settings]) as site,
        run_server(site.app) as server,
        socket((site, server), ANONYMOUS) as wall,
    ):
        await wall.recv()
        await watch(wall, (keys.OVERVIEW, "overview/head", "0.0"))
        assert await next_fragments(wall)
        await site.add("first-admin", VIEWER_EVERYWHERE)
        await site.sign_in("first-admin")
        await site.core.accounts.changes.refresh()
        site.simulation.feed.publish([keys.OVERVIEW])
        assert await next_fragments(wall)


async def test_a_page_that_was_open_without_users_ends_with_the_first_one_and_says_why(tmp_path: Path) -> None:
    async with (
        two_connections(Simulation(tmp_path)) as simulation,
        multi_user_site(simulation, users={}) as site,
        run_server(site.app) as server,
        socket((site, server), ANONYMOUS) as page,
    ):
        await page.recv()
        await watch(page, (keys.OVERVIEW, "overview/head", "0.0"))
        assert await next_fragments(page)
        await site.add("first-admin", VIEWER_EVERYWHERE)
        ending = await close_reason(page)
        assert ending == (SIGNED_OUT, "The first user was created: this page requires signing in now.")


@pytest.mark.parametrize(
    "message", ['{"act": "purge"}', '{"watch": [], "act": "purge"}', '{"watch": {}}', "[]", "\x00"]
)
async def test_a_socket_accepts_only_watch(live: tuple[MultiUserSite, RunningServer], message: str) -> None:
    site, _ = live
    before = await site.all_rows()
    async with socket(live, "admin") as client:
        await client.recv()
        await client.send(message)
        assert (await close_reason(client))[0] == BAD_MESSAGE
    assert await site.all_rows() == before


async def test_one_socket_route_with_one_message(live: tuple[MultiUserSite, RunningServer]) -> None:
    routes = [route.path for route in live[0].app.routes if isinstance(route, WebSocketRoute)]
    assert routes == [urls.LIVE]
    assert Watch.__struct_fields__ == ("watch",)
    assert live_page._decoder.type is Watch


def test_these_tests_know_every_kind_of_key() -> None:
    assert {prefix for prefix, _ in fragments()} == {"overview", "connection", "group", "destination"}


def pages_live_keys(text: str) -> set[str]:
    return {html.unescape(key) for key in re.findall(r'data-live="([^"]*)"', text)}


async def test_no_page_watches_a_hidden_connection(live: tuple[MultiUserSite, RunningServer]) -> None:
    async with live[0].client("one") as browser:
        for path in (
            urls.home(),
            monitoring_urls.groups(),
            monitoring_urls.destinations(),
            monitoring_urls.connections(),
            monitoring_urls.connection(VISIBLE),
        ):
            keys_of_page: Any = pages_live_keys((await browser.get(path)).text)
            assert keys_of_page
            assert not [key for key in keys_of_page if HIDDEN in key]
