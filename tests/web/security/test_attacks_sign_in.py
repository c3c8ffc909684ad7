"""Attacks on sign-in: session fixation, old cookies, open redirects, user enumeration, timing, guessing."""

import re
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from argon2 import PasswordHasher
from typing_extensions import override

from signalbox.security.accounts import passwords
from signalbox.web import urls
from signalbox.web.monitoring import urls as monitoring_urls
from signalbox.web.security import urls as security_urls
from signalbox.web.settings import ServerSettings
from tests.support.simulation import Simulation
from tests.web.multi_user_site import (
    ANONYMOUS,
    ORIGIN,
    PASSWORD,
    RIGHTS,
    MultiUserSite,
    cookie_of,
    multi_user_site,
    two_connections,
)
from tests.web.walk import addresses, handlers

PLACES, NAMES = ("kafka-open",), ("orders", "viewer")
OPEN_ROUTES = {  # reachable without signing in
    "/sign-in",
    "/sign-in/sso",
    "/sign-in/sso/back",
    "/sign-out",
    "/set-up",
    "/join/{secret:str}",
    "/health/live",
    "/health/ready",
    "/static/{build:str}/{path:path}",
}
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    ".evil.example",
    "/\r\nLocation: https://evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/\u2028/evil.example",
    "/x" * 3000,
    "",
]


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MultiUserSite]:
    async with (
        two_connections(Simulation(tmp_path_factory.mktemp("sign-in"))) as simulation,
        multi_user_site(simulation) as opened,
    ):
        yield opened


async def is_signed_in(site: MultiUserSite, cookie: str) -> bool:
    async with site.client(Cookie=cookie) as client:
        page, api = await client.get(urls.home()), await client.get(urls.api("groups"))
    assert {page.status_code, api.status_code} in ({200}, {303, 401})
    return page.status_code == 200


async def test_a_chosen_session_cookie_is_not_accepted(site: MultiUserSite) -> None:
    other_users = site.users[await site.add_user(RIGHTS["viewer"])].cookie
    for fixed in ("signalbox=chosen", other_users):
        cookie = await site.sign_in("admin", Cookie=fixed)
        assert cookie != fixed
        assert (await is_signed_in(site, cookie), await is_signed_in(site, fixed)) == (True, False)
    for _ in range(2):
        async with site.client() as client:  # a page view creates no session
            assert "set-cookie" not in (await client.get(urls.sign_in())).headers


async def test_a_second_sign_in_ends_the_first_session(site: MultiUserSite) -> None:
    first = await site.sign_in("operator")
    second = await site.sign_in("operator", Cookie=first)
    assert (await is_signed_in(site, first), await is_signed_in(site, second)) == (False, True)


async def test_a_cookie_is_invalid_after_sign_out(site: MultiUserSite) -> None:
    cookie, other = [await site.sign_in("viewer") for _ in range(2)]
    async with site.client(Cookie=cookie) as client:
        answer = await client.post(security_urls.sign_out())
    assert cookie_of(answer) in {"signalbox=", 'signalbox=""'}
    assert (await is_signed_in(site, cookie), await is_signed_in(site, other)) == (False, True)


@pytest.mark.parametrize(
    "cookie", ["signalbox=", "signalbox=x" * 2000, "signalbox=%00", "signalbox=\xff", "; ;=;signalbox"]
)
async def test_a_malformed_cookie_is_not_a_session(site: MultiUserSite, cookie: str) -> None:
    async with site.client() as client:
        answer = await client.get(urls.home(), headers=[(b"Cookie", cookie.encode("latin-1"))])
    assert answer.headers["location"].startswith(urls.sign_in())


@pytest.mark.parametrize("to", ELSEWHERE)
async def test_sign_in_redirects_only_within_signalbox(site: MultiUserSite, to: str) -> None:
    async with site.client() as client:
        form = {"name": "viewer", "password": PASSWORD, "to": to}
        answer = await client.post(urls.sign_in(), data=form)
    async with site.client() as client:
        page = (await client.get(urls.sign_in(), params={"to": to[:2000]})).text
    async with site.client("viewer") as client:
        signed_in_already = await client.get(urls.sign_in(), params={"to": to[:2000]})
    [kept] = re.findall(r'name="to" value="([^"]*)"', page)
    for address in (answer.headers["location"], signed_in_already.headers["location"], kept):
        assert urlsplit(urljoin(ORIGIN, _as_browsers_parse(address))).netloc == "localhost"
        assert "evil" not in address or address.startswith("/%0d%0aLocation")  # an escaped path


def _as_browsers_parse(address: str) -> str:
    return re.sub(r"[\t\r\n]", "", address.strip()).replace("\\", "/")


async def test_sign_in_redirects_to_the_requested_page(site: MultiUserSite) -> None:
    async with site.client() as client:
        led = await client.get("/groups?q=a%20b&sort=name")
        to = httpx.URL(ORIGIN + led.headers["location"]).params["to"]
        answer = await client.post(urls.sign_in(), data={"name": "viewer", "password": PASSWORD, "to": to})
    assert answer.headers["location"] == "/groups?q=a%20b&sort=name"


async def test_unknown_name_and_wrong_password_get_the_same_answer(site: MultiUserSite) -> None:
    texts = set()
    for address, name in (("192.0.2.1", "viewer"), ("192.0.2.2", "nobody-such"), ("192.0.2.3", "NO NAME")):
        async with site.client(address=address) as client:
            answer = await client.post(urls.sign_in(), data={"name": name, "password": "wrong horse battery"})
        assert answer.status_code == 401
        random_parts = r'nonce="[^"]*"|nonce-[\w-]+'
        typed_text = r'value="[^"]*"'
        headers = {k: v for k, v in answer.headers.items() if k != "content-length"}
        texts.add(re.sub(f"{random_parts}|{typed_text}", "", f"{headers} {answer.text}"))
    assert len(texts) == 1


async def test_unknown_name_costs_as_much_as_a_wrong_password(
    site: MultiUserSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is hashed once at the same cost. Seconds are not compared: other tests run at the same time."""
    costs: list[str] = []

    class Counting(PasswordHasher):
        @override
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            costs.append(str(hash).split("$")[3])
            return super().verify(hash, password)

    known = await site.add_user(RIGHTS["viewer"])
    monkeypatch.setattr(passwords, "_hasher", Counting(time_cost=1, memory_cost=8, parallelism=1))
    for number, name in enumerate((known, "nobody-such", "NO NAME")):
        async with site.client(address=f"198.51.100.{number}") as client:
            answer = await client.post(urls.sign_in(), data={"name": name, "password": "wrong horse battery"})
        assert answer.status_code == 401
    assert len(costs) == 3
    assert len(set(costs)) == 1


async def test_guessing_locks_one_address_only(site: MultiUserSite) -> None:
    name = await site.add_user(RIGHTS["viewer"])
    statuses = []
    for _ in range(12):
        async with site.client(address="203.0.113.7", **{"X-Forwarded-For": "192.0.2.200"}) as client:
            answer = await client.post(urls.sign_in(), data={"name": name, "password": "wrong horse battery"})
            statuses.append(answer.status_code)
    assert statuses == [401] * 10 + [429] * 2
    assert await site.sign_in(name)


async def test_every_other_page_requires_sign_in(site: MultiUserSite) -> None:
    assert {route.path for route, handler in handlers(site.app).items() if handler.opt.get("no_sign_in")} == OPEN_ROUTES
    async with site.client(ANONYMOUS) as client:
        for address in addresses(site.app, PLACES, NAMES):
            answer = await client.get(address)
            if address.startswith((f"{urls.API}/", urls.METRICS)):
                assert answer.status_code == 401, address
            elif not address.startswith(("/sign-in", "/set-up", "/join/", "/health/", "/static/")):
                assert answer.headers["location"].startswith(urls.sign_in()), address


async def test_open_pages_reveal_nothing(site: MultiUserSite) -> None:
    revealing = re.compile("kafka-|canary|plain-|orders|admin|operator", re.IGNORECASE)
    async with site.client(ANONYMOUS) as client:
        for path in (urls.sign_in(), urls.set_up(), urls.join("wrong"), urls.HEALTH_READY, "/nowhere"):
            answer = await client.get(path)
            assert not revealing.search(re.sub("an admin|An admin|first admin", "", answer.text)), path


@pytest.mark.parametrize(("local", "leads_to"), [(True, None), (False, urls.set_up())])
async def test_without_users_only_this_machine_can_view(
    tmp_path_factory: pytest.TempPathFactory, *, local: bool, leads_to: str | None
) -> None:
    settings = ServerSettings() if local else ServerSettings(host="0.0.0.0", insecure_http=True)  # noqa: S104
    simulation = Simulation(tmp_path_factory.mktemp("none-yet"))
    async with (
        two_connections(simulation) as connected,
        multi_user_site(connected, tables=[settings], users={}) as empty,
    ):
        async with empty.client(ANONYMOUS) as client:
            for path in (
                urls.home(),
                monitoring_urls.groups(),
                monitoring_urls.connection("kafka-open"),
                urls.search(q="a"),
            ):
                answer = await client.get(path)
                assert answer.headers.get("location") in {
                    leads_to,
                    urls.home() if local else leads_to,  # of the search
                }, path
            assert (await client.get(urls.api("groups"))).status_code == (200 if local else 401)
            assert (await client.get(urls.METRICS)).status_code == (200 if local else 401)
            assert (await client.get(urls.set_up())).status_code == 200
            before = await empty.all_rows()
            assert (await client.post(security_urls.users(), data={"name": "eve", "role": "admin"})).status_code in {
                303,
                401,
                403,
            }
            assert await empty.all_rows() == before
        async with empty.client(ANONYMOUS, **{"X-Forwarded-For": "203.0.113.9"}) as client:  # forwarded by a proxy
            assert (await client.get(urls.home())).headers.get("location") == urls.set_up()


async def test_unauthenticated_visitors_are_viewers_at_most(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = ServerSettings(host="0.0.0.0", insecure_http=True, allow_unauthenticated=True)  # noqa: S104
    simulation = Simulation(tmp_path_factory.mktemp("unauthenticated"))
    async with two_connections(simulation) as connected, multi_user_site(connected, tables=[settings]) as open_site:
        async with open_site.client(ANONYMOUS) as client:
            assert (await client.get(monitoring_urls.groups())).status_code == 200
            assert (await client.get(security_urls.users())).headers["location"].startswith(urls.sign_in())
            assert (await client.get(urls.profile())).headers["location"].startswith(urls.sign_in())
            assert (await client.get(urls.api("users"))).status_code == 401
        async with open_site.client("one") as client:  # a signed-in user sees no more
            assert "canary" not in (await client.get(monitoring_urls.groups())).text
        async with open_site.client(ANONYMOUS, Authorization="Bearer sbx_wrong") as client:
            assert (await client.get(urls.api("groups"))).status_code == 401
