"""Every write route goes through the door, checks permissions, and cannot be used from another site."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from litestar import Response, post
from litestar.di import NamedDependency

from signalbox.features.feature import Feature
from signalbox.security.accounts.service import Accounts
from signalbox.security.model import ADMIN_EVERYWHERE, OPERATOR_EVERYWHERE, VIEWER_EVERYWHERE
from signalbox.web import urls
from signalbox.web.app import UndeclaredWrite
from signalbox.web.feature import FeatureParts, Write
from signalbox.web.security import urls as security_urls
from signalbox.web.settings import ServerSettings
from tests.support.simulation import Simulation
from tests.web.multi_user_site import ANONYMOUS, ORIGIN, RIGHTS, MultiUserSite, multi_user_site, two_connections
from tests.web.walk import Route, addresses, handlers, writes
from tests.web.writes import (
    ALIASES,
    SAMPLES,
    TRIALS,
    Call,
    Sample,
    Who,
    assert_changes_nothing,
    assert_goes_through_the_door,
    only,
    send,
)

PLANTED = Route("POST", "/planted")
FOREIGN: tuple[Mapping[str, str], ...] = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:9999"},
    {"Origin": "http://localhost.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Referer": f"{ORIGIN}/users"},
    {},
)
WRITES_THAT_STAY = {  # in read-only mode
    Route("POST", "/sign-in"),
    Route("POST", "/sign-out"),
    Route("POST", "/join/{secret:str}"),
    Route("POST", "/profile/sessions"),
    Route("POST", "/profile/sessions/{session:int}/end"),
    Route("DELETE", "/api/v1/sessions/{session:int}"),
    Route("POST", "/audit/verify"),  # only reads, recorded in the log
    Route("POST", "/audit/export"),
}


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MultiUserSite]:
    async with (
        two_connections(Simulation(tmp_path_factory.mktemp("writes"))) as simulation,
        multi_user_site(simulation) as opened,
    ):
        yield opened


def each(*of: Who) -> pytest.MarkDecorator:
    chosen = [(route, sample) for route, sample in SAMPLES.items() if not of or sample.who in of]
    return pytest.mark.parametrize(("route", "sample"), chosen, ids=[f"{r.method} {r.path}" for r, _ in chosen])


async def test_every_write_route_has_a_sample(site: MultiUserSite) -> None:
    assert writes(site.app) == site.writes.keys()
    assert site.writes.keys() == set(SAMPLES) | set(TRIALS) | set(ALIASES), "add a sample to tests/web/writes.py"
    assert {route for route, action in site.writes.items() if action is None} == set(TRIALS)
    known = handlers(site.app)
    assert all(known[alias] is known[route] for alias, route in ALIASES.items())
    assert all(site.writes[alias] == site.writes[route] for alias, route in ALIASES.items())


@pytest.mark.parametrize("route", TRIALS, ids=str)
async def test_a_trial_changes_nothing_and_requires_an_admin(site: MultiUserSite, route: Route) -> None:
    before, intents = await site.all_rows(), await site.intents()
    async with site.client("admin") as client:
        assert (await send(client, route, TRIALS[route])).status_code == 200
    assert await site.intents() == intents
    for who in ("viewer", "operator", ANONYMOUS):
        async with site.client(who) as client:
            await assert_changes_nothing(site, await send(client, route, TRIALS[route]), before)


@each()
async def test_a_write_goes_through_the_door(site: MultiUserSite, route: Route, sample: Sample) -> None:
    await assert_goes_through_the_door(site, route, sample)


@each(Who.ADMINS)
@pytest.mark.parametrize("by", ["cookie", "token"])
async def test_admin_writes_require_an_admin_everywhere(
    site: MultiUserSite, route: Route, sample: Sample, by: str
) -> None:
    for who in ("viewer", "operator", "one", "gone", ANONYMOUS):
        call = await sample.make(site, "admin")
        before = await site.all_rows()
        async with site.client(who, by=by) as client:
            await assert_changes_nothing(site, await send(client, route, call), before)


@each(Who.SELF)
async def test_own_writes_require_sign_in_and_change_nothing_of_others(
    site: MultiUserSite, route: Route, sample: Sample
) -> None:
    owner, attacker = [await site.add_user(OPERATOR_EVERYWHERE) for _ in range(2)]
    call = await sample.make(site, owner)
    before = await site.all_rows()
    async with site.client(ANONYMOUS) as client:
        await assert_changes_nothing(site, await send(client, route, call), before)
    if call.path:  # the id of a row of the owner
        for by in ("cookie", "token"):
            async with site.client(attacker, by=by) as client:
                await assert_changes_nothing(site, await send(client, route, call), before)


@each()
async def test_another_site_cannot_write(site: MultiUserSite, route: Route, sample: Sample) -> None:
    who = await site.add_user(ADMIN_EVERYWHERE)
    call = await sample.make(site, who)
    before = await site.all_rows()
    for headers in FOREIGN:
        async with site.client(who) as client:
            client.headers.pop("Origin")
            client.headers.update(headers)
            answer = await send(client, route, call)
            assert answer.status_code == 403, headers
            assert "set-cookie" not in answer.headers
            assert await site.all_rows() == before


@each()
async def test_a_wrong_token_is_not_replaced_by_the_cookie(site: MultiUserSite, route: Route, sample: Sample) -> None:
    """A token lifts the same-origin check, so the token must be the one that signs in."""
    who = await site.add_user(ADMIN_EVERYWHERE)
    call = await sample.make(site, who)
    if sample.who is Who.ANYONE:
        return
    before = await site.all_rows()
    for token in ("sbx_wrong", "", "x" * 5000):
        async with site.client(who, Authorization=f"Bearer {token}") as client:
            await assert_changes_nothing(site, await send(client, route, call), before)


@each()
async def test_extra_form_fields_grant_nothing(site: MultiUserSite, route: Route, sample: Sample) -> None:
    who = await site.add_user(VIEWER_EVERYWHERE)
    call = await sample.make(site, who)
    more = {"role": "admin", "everywhere": "admin", "rights": "admin", "user": "1", "is_admin": "true", "id": "1"}
    edited = Call(call.path, {**more, **call.body})
    async with site.client(who) as client:
        await send(client, route, edited)
    assert (await site.core.accounts.users.get_by_name(who)).rights == VIEWER_EVERYWHERE


async def test_reads_change_nothing(site: MultiUserSite) -> None:
    before = await site.all_rows()
    for who in ("admin", "one", ANONYMOUS):
        async with site.client(who) as client:
            for address in addresses(site.app, ("kafka-open",), ("orders", "viewer", "1")):
                answer = await client.get(address)
                assert answer.status_code < 500, address
    assert await site.all_rows() == before


@post("/planted", include_in_schema=False, status_code=200)
async def planted(accounts: NamedDependency[Accounts]) -> Response[str]:
    """Change something without the door."""
    async with accounts.changes.begin():
        return Response("done")


def planting(*writes: Write) -> Feature:
    return Feature(name="planted", build=lambda _: FeatureParts(routes=[planted], writes=writes))


async def test_an_undeclared_write_fails_at_start(tmp_path: Path) -> None:
    async with two_connections(Simulation(tmp_path)) as simulation:
        with pytest.raises(UndeclaredWrite, match="/planted"):
            simulation.built(features=[planting()])


async def test_a_route_that_bypasses_the_door_is_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    feature = planting(Write("POST", "/planted", "plant"))
    simulation = Simulation(tmp_path_factory.mktemp("planted"))
    async with two_connections(simulation) as connected, multi_user_site(connected, features=[feature]) as bad:
        assert writes(bad.app) - set(SAMPLES) - set(TRIALS) - set(ALIASES) == {PLANTED}
        sample = Sample(only())
        with pytest.raises(AssertionError, match="bypasses the door"):
            await assert_goes_through_the_door(bad, PLANTED, sample)
        before = await bad.all_rows()
        async with bad.client("viewer") as client:
            with pytest.raises(AssertionError):
                await assert_changes_nothing(bad, await send(client, PLANTED, Call()), before)


async def test_read_only_mode_keeps_only_sign_in_and_own_sessions(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    simulation = Simulation(tmp_path_factory.mktemp("read-only"))
    async with two_connections(simulation) as connected:
        async with multi_user_site(connected, users={"admin": ADMIN_EVERYWHERE, "viewer": RIGHTS["viewer"]}) as before:
            person = before.users["admin"]
            link = await before.create_link("viewer")
        async with multi_user_site(connected, tables=[ServerSettings(read_only=True)], users={}) as site:
            site.users["admin"] = person
            assert writes(site.app) == WRITES_THAT_STAY | set(TRIALS)
            kept = await site.all_rows()
            async with site.client("admin") as client:
                for route in set(SAMPLES) - WRITES_THAT_STAY:
                    call = Call({"name": "viewer", "token": 1, "secret": link}, {"x": "y"})
                    assert (await send(client, route, call)).status_code in {404, 405}, route
                form = {"password": "another horse entirely", "again": "another horse entirely"}
                answer = await client.post(urls.join(link), data=form)
                assert (answer.status_code, "read-only" in answer.text) == (403, True)
                assert await site.all_rows() == kept
                assert (await client.post(security_urls.sign_out())).status_code == 303
            assert await site.sign_in("admin")
