"""The web on PostgreSQL: every write, sign-in, tokens, and the pages of stored data.

The other tests run on SQLite. These run each path once where text, numbers, transactions and drivers differ.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote_plus, urlencode

import httpx
import pytest

from signalbox.monitoring import keys
from signalbox.security.audit.chain import Verification
from signalbox.security.model import ADMIN_EVERYWHERE, VIEWER_EVERYWHERE
from signalbox.servers.postgres import PostgresServer
from signalbox.web import urls
from signalbox.web.live.page import SIGNED_OUT
from signalbox.web.security import urls as security_urls
from tests.support.database import settings
from tests.support.postgres import new_database
from tests.support.simulation import Simulation
from tests.web.multi_user_site import ANONYMOUS, PASSWORD, VISIBLE, MultiUserSite, multi_user_site, two_connections
from tests.web.security.user_site import visible_text
from tests.web.server import RunningServer, close_reason, next_fragments, run_server, watch
from tests.web.sites import headline
from tests.web.sockets import socket
from tests.web.walk import PARAMETER, Route, addresses
from tests.web.writes import SAMPLES, Call, Sample, Who, assert_changes_nothing, assert_goes_through_the_door, send

RULE = {"source": "kafka-open/orders", "what": "$.email", "how": "hide", "sample": '{"email": "a@b.example", "n": 1}'}
STORABLE = "\U0001f469\u200d\U0001f680 caf\u00e9 \u05e9\u05dc \u202eevil\u2066 '\\%_\" $1 :x"
UNSTORABLE = ("nul\0 escape\x1b", "half\ud800")  # PostgreSQL text cannot store these
HOSTILE = (STORABLE, *UNSTORABLE)
NUMBERS = (2**31, 2**63, 10**30, -1)  # an id has 31 bits, a row of the log 63
ROUTES = pytest.mark.parametrize(("route", "sample"), SAMPLES.items(), ids=[f"{r.method} {r.path}" for r in SAMPLES])


@pytest.fixture(scope="module")
async def live(postgres: PostgresServer) -> AsyncIterator[tuple[MultiUserSite, RunningServer]]:
    async with (
        new_database(postgres) as url,
        two_connections(Simulation(settings(url))) as simulation,
        multi_user_site(simulation) as site,
        run_server(site.app) as server,
    ):
        yield site, server


@pytest.fixture
def site(live: tuple[MultiUserSite, RunningServer]) -> MultiUserSite:
    return live[0]


@pytest.fixture
async def admin(site: MultiUserSite) -> AsyncIterator[httpx.AsyncClient]:
    async with site.client("admin") as client:
        yield client


async def page(client: httpx.AsyncClient, address: str, status: int = 200) -> str:
    answer = await client.get(address)
    assert answer.status_code == status, f"{address}: {answer.status_code} {answer.text[:500]}"
    return answer.text


@ROUTES
async def test_a_write_goes_through_the_door(site: MultiUserSite, route: Route, sample: Sample) -> None:
    await assert_goes_through_the_door(site, route, sample)


@ROUTES
async def test_a_write_of_another_user_changes_nothing(site: MultiUserSite, route: Route, sample: Sample) -> None:
    if sample.who is Who.ANYONE:
        return
    call = await sample.make(site, await site.add_user(ADMIN_EVERYWHERE))
    before = await site.all_rows()
    own = sample.who is Who.SELF and not call.path  # every user may do that to their own account
    async with site.client(ANONYMOUS if own else "viewer") as client:
        await assert_changes_nothing(site, await send(client, route, call), before)


async def test_sign_in_and_sign_out(site: MultiUserSite) -> None:
    name = await site.add_user(VIEWER_EVERYWHERE)
    async with site.client() as browser:
        wrong = await browser.post(urls.sign_in(), data={"name": name, "password": "another one"})
        assert (wrong.status_code, "Wrong user name or password" in wrong.text) == (401, True)
    cookie = await site.sign_in(name)
    async with site.client(Cookie=cookie) as browser:
        assert f"Signed in as {name}, viewer everywhere." in headline(await page(browser, urls.profile()))
        left = await browser.post(security_urls.sign_out())
        assert left.headers["location"] == urls.sign_in()
    async with site.client(Cookie=cookie) as browser:
        assert (await browser.get(urls.profile())).headers["location"] == urls.sign_in(to=urls.profile())
    assert await site.sign_in(name) != cookie


async def test_a_token_records_its_last_use_and_is_refused_once_revoked(site: MultiUserSite) -> None:
    name = await site.add_user(VIEWER_EVERYWHERE)
    async with site.client(name) as browser:
        sent = await browser.post(
            urls.profile("tokens"), data={"name": "grafana", "days": 7, "role": "viewer", "on": VISIBLE}
        )
        [secret] = set(re.findall(r"sbx_[\w-]{40,}", sent.text))
        assert [token["last_used_at"] for token in (await browser.get(urls.api("tokens"))).json()] == [None, None]
        async with site.client(Authorization=f"Bearer {secret}") as program:
            seen = (await program.get(urls.api("connections"))).json()
            assert [item["name"] for item in seen] == [VISIBLE]
            [_, used] = (await browser.get(urls.api("tokens"))).json()
            assert (used["name"], used["last_used_at"]) == ("grafana", site.simulation.now)
            assert "viewer on kafka-open" in visible_text(await page(browser, urls.profile()))
            await browser.post(urls.profile("tokens", str(used["id"]), "revoke"))
            assert (await program.get(urls.api("connections"))).status_code == 401


async def test_users_are_listed_and_searched(site: MultiUserSite, admin: httpx.AsyncClient) -> None:
    name = await site.add_user(VIEWER_EVERYWHERE)
    for query, others in (({"q": name.upper()}, False), ({"show": "admin"}, True)):
        [lister] = re.findall(r'id="lister".*?</section>', await page(admin, security_urls.users(**query)), re.DOTALL)
        listed = re.findall(r"<bdi>([^<]+)</bdi></a>", lister)
        assert ("admin" in listed, name in listed) == (others, not others)
    assert f"<bdi>{name}</bdi></a>" in await page(admin, security_urls.users(name, q=name))
    named = [item["name"] for item in (await admin.get(urls.api("users"))).json()]
    assert named == sorted(named)
    assert name in named
    await page(admin, security_urls.users("is-not-there"), 404)


async def test_audit_log_is_searched_opened_verified_and_exported(
    site: MultiUserSite, admin: httpx.AsyncClient
) -> None:
    name = await site.add_user(VIEWER_EVERYWHERE)
    for text in (f"100% {STORABLE}", "nothing"):
        await admin.post(security_urls.users(name, "roles"), data={"role/*": "viewer", "reason": text})
    removed = await admin.post(security_urls.users(name, "remove"), data={"reason": f"100% {STORABLE}"})
    assert removed.headers["location"] == security_urls.users(done="removed")
    for query, expected in (
        ({"q": f"100% {STORABLE}"}, True),
        ({"q": "100_"}, False),
        ({"q": name.upper(), "actor": "admin", "action": "remove user"}, True),
        ({"actor": "admin", "outcome": "refused"}, False),
    ):
        listed = await page(admin, security_urls.audit(**query))
        assert (f"remove user {name}" in visible_text(listed)) is expected, query
    [line] = (await admin.get(urls.api("audit", action="remove user", q=name))).json()["items"]
    assert (line["reason"], line["outcome"], line["outcome_row"]) == (f"100% {STORABLE}", "done", line["row"] + 1)
    opened = await page(admin, security_urls.audit(row=line["row"]))
    assert line["hash"] in opened
    assert (await admin.post(security_urls.audit("verify"))).status_code == 303
    assert "is intact" in headline(await page(admin, security_urls.audit()))
    sent = await admin.post(security_urls.audit("export"), data={"when": "all", "action": "remove user", "q": name})
    assert [row["kind"] for row in map(json.loads, sent.text.splitlines())] == ["intent", "outcome"]
    everything = await admin.post(security_urls.audit("export"), data={"when": "all"})
    rows = [json.loads(row)["row"] for row in everything.text.splitlines()]
    assert rows == list(range(1, len(rows) + 1))


async def test_a_masking_rule_is_tested_added_moved_and_removed(admin: httpx.AsyncClient) -> None:
    result = visible_text((await admin.post(security_urls.masking("trial"), data=RULE)).text)
    assert "1 of 2 fields masked" in result
    for name in ("first of two", STORABLE):
        sent = await admin.post(security_urls.masking("rules"), data={**RULE, "name": name, "reason": STORABLE})
        assert sent.headers["location"] == security_urls.masking("rules", name, done="added")

    async def order() -> list[str]:
        rules = (await admin.get(urls.api("masking-rules"))).json()["items"]
        return [rule["name"] for rule in rules if rule["name"] in {"first of two", STORABLE}]

    assert await order() == ["first of two", STORABLE]
    await admin.post(security_urls.masking("rules", STORABLE, "move"), data={"number": 1, "reason": "it is wider"})
    assert await order() == [STORABLE, "first of two"]
    assert "email" in await page(admin, security_urls.masking("rules", STORABLE))
    for name in ("first of two", STORABLE):
        await admin.post(security_urls.masking("rules", name, "remove"), data={"reason": "not needed"})
    assert await order() == []


async def test_a_revoked_session_closes_its_live_page(live: tuple[MultiUserSite, RunningServer]) -> None:
    site, _ = live
    name = await site.add_user(VIEWER_EVERYWHERE)
    async with socket(live, name) as client, site.client(Cookie=await site.sign_in(name)) as elsewhere:
        await client.recv()
        await watch(client, (keys.OVERVIEW, "overview/head", "0.0"))
        assert await next_fragments(client)
        assert (await elsewhere.post(urls.profile("sessions"))).status_code == 303
        assert (await close_reason(client))[0] == SIGNED_OUT


async def send_raw(client: httpx.AsyncClient, route: Route, call: Call) -> httpx.Response:
    """Call a route as `send` does, also with lone surrogates: a form encodes them as bytes, JSON escapes them."""
    path = PARAMETER.sub(lambda match: _segment(str(call.path[match[1]])), route.path)
    if path.startswith(urls.API):
        content, kind = json.dumps(dict(call.body)), "application/json"
    else:
        content, kind = urlencode(call.body, errors="surrogatepass"), "application/x-www-form-urlencoded"
    query = f"?{urlencode(call.query, errors='surrogatepass')}" if call.query else ""
    return await client.request(route.method, path + query, content=content, headers={"Content-Type": kind})


def _segment(name: str) -> str:
    return quote_plus(name, safe="", errors="surrogatepass").replace("+", "%20")


def with_hostile_values(call: Call) -> Iterator[Call]:
    """Yield the call with each of its texts and numbers replaced by hostile ones."""
    for part in ("path", "body", "query"):
        for key, value in getattr(call, part).items():
            for bad in _bad(value):
                yield replace(call, **{part: {**getattr(call, part), key: bad}})


def _bad(value: object) -> tuple[object, ...]:
    if isinstance(value, int):
        return NUMBERS
    if isinstance(value, Mapping):
        return tuple({**value, text: value.get("role")} for text in HOSTILE)
    if isinstance(value, list):
        return tuple([text] for text in HOSTILE)
    return tuple(f"{value}{text}" for text in HOSTILE)


@ROUTES
async def test_hostile_text_in_a_write_is_stored_or_refused(site: MultiUserSite, route: Route, sample: Sample) -> None:
    who = await site.add_user(ADMIN_EVERYWHERE)
    at = 0
    while at < len(
        calls := list(with_hostile_values(await sample.make(site, who)))
    ):  # an earlier call may have removed the target
        call, at = calls[at], at + 1
        async with site.client(who) as client:
            answer = await send_raw(client, route, call)
            assert answer.status_code < 500, f"{call}: {answer.status_code} {answer.text[:300]}"


async def test_hostile_text_in_a_url_is_searched_or_refused(site: MultiUserSite, admin: httpx.AsyncClient) -> None:
    requests = list(addresses(site.app, (VISIBLE, *HOSTILE), HOSTILE[:2]))
    of_audit = ("q", "actor", "action", "resource", "older", "row", "when", "outcome", "limit")
    for path in (security_urls.audit(), urls.api("audit")):
        requests += [f"{path}?{key}={quote_plus(text, errors='surrogatepass')}" for key in of_audit for text in HOSTILE]
        requests += [f"{path}?{key}={number}" for key in ("row", "older") for number in NUMBERS]
        requests += [f"{path}?older={number}-{number}" for number in (0, 10**18 - 1, 10**18)]
    requests += [f"{urls.api('tokens')}?user={quote_plus(text, errors='surrogatepass')}" for text in HOSTILE]
    for address in requests:
        answer = await admin.get(address)
        assert answer.status_code < 500, f"{address}: {answer.status_code} {answer.text[:300]}"


async def test_hostile_text_before_sign_in_is_refused(site: MultiUserSite) -> None:
    agent = STORABLE.encode().decode("latin-1")
    name = await site.add_user(VIEWER_EVERYWHERE)
    async with site.client(**{"User-Agent": agent}) as browser:
        for text in HOSTILE:
            for form in ({"name": text, "password": PASSWORD}, {"name": name, "password": text}):
                answer = await send_raw(browser, Route("POST", urls.sign_in()), Call(body=form))
                assert answer.status_code == 401, answer.text[:300]
            assert (await browser.get(f"/join/{_segment(text)}")).status_code == 404
        assert (await browser.post(urls.sign_in(), data={"name": name, "password": PASSWORD})).status_code == 303
    for secret in HOSTILE:
        sent = secret.encode("utf-8", "surrogatepass").replace(b"\0", b"").decode("latin-1")
        async with site.client(Authorization=f"Bearer {sent}") as program:
            assert (await program.get(urls.api("connections"))).status_code == 401
        async with site.client(Cookie=f"signalbox={sent}") as browser:
            assert (await browser.get(urls.profile())).status_code == 303


async def test_the_audit_log_is_intact_after_all_other_tests(site: MultiUserSite) -> None:
    """Runs last: the hashes cover what PostgreSQL returns."""
    verification: Verification = await site.core.audit.verify(None)
    assert verification.is_intact
