"""/api/v1 of accounts: the same rules as the pages; refusals are problem documents that OpenAPI declares."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from litestar.testing import TestClient

from signalbox.security.accounts.model import LINK_LIFETIME_S
from signalbox.web import urls
from tests.web.application import application
from tests.web.security.user_site import LINK, PASSWORD, Browser, UserSite, user_site_in

TOKEN = {"name": "grafana", "days": 7, "role": "viewer", "resource": "kafka-prod"}
RIGHTS = {
    "everywhere": {"role": "none", "payloads": False},
    "resources": {"kafka-prod": {"role": "viewer", "payloads": False}},
}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[UserSite]:
    async with user_site_in(tmp_path) as created:
        yield created


@pytest.fixture
async def ada(site: UserSite) -> Browser:
    return await site.first_admin()


async def test_a_user_from_invitation_to_removal(site: UserSite, ada: Browser) -> None:
    created = await ada.api("POST", "users", 201, json={"name": "Bob", "role": "viewer", "resource": "kafka-prod"})
    assert (created["name"], created["expires_at"]) == ("bob", site.simulation.now + LINK_LIFETIME_S)
    join = LINK.fullmatch(created["link"])
    assert join
    invited = await ada.api("GET", "users/bob")
    assert (invited["sign_in_method"], invited["rights"], invited["last_seen_at"]) == ("one-time link", RIGHTS, None)
    bob = await site.browser()
    await bob.submit(join[1], password=PASSWORD, again=PASSWORD)
    joined = await ada.api("GET", "users/bob")
    assert (joined["sign_in_method"], joined["sessions"], joined["link_expires_at"]) == ("password", 1, None)
    changed = await ada.api("PATCH", "users/bob", json={"everywhere": {"role": "operator"}, "reason": "on call"})
    assert changed["rights"]["everywhere"] == {"role": "operator", "payloads": False}
    assert changed["rights"]["resources"] == RIGHTS["resources"]
    assert changed["sessions"] == 0
    await bob.api("GET", "sessions", 401)
    changed = await ada.api(
        "PATCH", "users/bob", json={"resources": {"rabbit-eu": {"role": "admin", "payloads": True}}}
    )
    assert changed["rights"]["resources"] == {"rabbit-eu": {"role": "admin", "payloads": True}}
    assert [item["name"] for item in await ada.api("GET", "users")] == ["ada", "bob"]
    assert [item["name"] for item in await ada.api("GET", "users?q=BO")] == ["bob"]
    assert await ada.api("DELETE", "users/bob?reason=left", 204) is None
    await ada.api("GET", "users/bob", 404)


async def test_tokens_are_created_used_and_revoked(site: UserSite, ada: Browser) -> None:
    created = await ada.api("POST", "tokens", 201, json=TOKEN)
    assert created["token"]["hint"] == f"{created['secret'][:6]}\u2026{created['secret'][-2:]}"
    assert created["token"] in await ada.api("GET", "tokens")
    program = await site.browser(token=created["secret"])
    assert [item["name"] for item in await program.api("GET", "connections")] == ["kafka-prod"]
    assert len(await program.api("GET", "tokens")) == 1
    refused = await program.api("POST", "tokens", 409, json=TOKEN)
    assert refused["detail"].startswith("A token cannot create tokens")
    await program.api("GET", "users", 403)
    assert await program.api("DELETE", f"tokens/{created['token']['id']}", 204) is None
    await program.api("GET", "tokens", 401)
    assert await ada.api("GET", "tokens") == []


async def test_only_admins_see_tokens_of_other_users_and_only_owners_their_sessions(
    site: UserSite, ada: Browser
) -> None:
    bob = await site.invite(ada, "bob")
    created = await bob.api("POST", "tokens", 201, json=TOKEN)
    hers = await ada.api("POST", "tokens", 201, json=TOKEN)
    await bob.api("DELETE", f"tokens/{hers['token']['id']}", 404)
    assert "admin role everywhere" in (await bob.api("GET", "tokens?user=ada", 403))["detail"]
    assert [item["user"] for item in await ada.api("GET", "tokens?user=bob")] == ["bob"]
    await ada.api("GET", "tokens?user=nobody", 404)
    await ada.api("DELETE", f"tokens/{created['token']['id']}", 204)
    assert await bob.api("GET", "tokens") == []
    [session] = await ada.api("GET", "sessions")
    await bob.api("DELETE", f"sessions/{session['id']}", 404)
    assert (session["current"], session["browser"]) == (True, "Chromium on Linux")
    await ada.api("DELETE", f"sessions/{session['id']}", 204)
    await ada.api("GET", "sessions", 401)


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        ("POST", "users", {"name": "ada", "role": "viewer"}, (409, "A user named ada already exists.")),
        ("POST", "users", {"name": "bob", "role": "none"}, (400, "Invalid enum value 'none'")),
        ("POST", "users", {"name": "bob", "role": "viewer", "rights": 1}, (400, "unknown field `rights`")),
        ("PATCH", "users/ada", {"everywhere": {"role": "viewer"}}, (409, "ada is the last admin")),
        (
            "PATCH",
            "users/ada",
            {"resources": {"kafka-x": {"role": "viewer"}}},
            (409, "There is no connection kafka-x."),
        ),
        ("PATCH", "users/bob", {"reason": ""}, (404, "There is no user bob.")),
        ("DELETE", "users/ada", None, (409, "ada is the last admin")),
        ("POST", "tokens", {**TOKEN, "days": 91}, (400, "Expected `int` <= 90")),
        (
            "POST",
            "tokens",
            {**TOKEN, "resource": "kafka-x"},
            (409, "You have no access to a connection named kafka-x."),
        ),
        ("DELETE", "tokens/999", None, (404, "No valid token has the ID 999")),
        ("DELETE", "sessions/999", None, (404, "You have no such session.")),
    ],
)
async def test_refusals_have_a_reason_and_are_declared(
    ada: Browser, method: str, path: str, body: dict[str, object] | None, refusal: tuple[int, str]
) -> None:
    status, detail = refusal
    problem = await ada.api(method, path, status, json=body)
    assert detail in problem["detail"]
    document = (await ada.client.get(urls.OPENAPI)).json()
    kind, _, rest = path.partition("/")
    where = f"{urls.API}/{kind}" + {"": "", "999": f"/{{{kind[:-1]}}}"}.get(rest, "/{name}")
    assert str(status) in document["paths"][where][method.lower()]["responses"]


async def test_every_route_declares_its_refusals_as_problems(ada: Browser) -> None:
    document = (await ada.client.get(urls.OPENAPI)).json()
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        if path.startswith(f"{urls.API}/")
        for method, operation in methods.items()
    ]
    assert len(operations) == 30
    for path, method, operation in operations:
        assert operation["summary"], (path, method)
        refusals = {status: response for status, response in operation["responses"].items() if status >= "400"}
        assert {"400", "401", "429", "503"} <= set(refusals), (path, method)
        for response in refusals.values():
            assert list(response["content"]) == ["application/problem+json"], (path, method)
        if "{" in path:
            assert "404" in refusals, (path, method)
        if "/users" in path:
            assert "403" in refusals, (path, method)


def test_too_many_requests_is_a_problem_document() -> None:
    with TestClient(application(requests_per_s=0.001), base_url="http://127.0.0.1") as client:
        answer = client.get(f"{urls.API}/counted")
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    assert answer.json()["title"] == "Too Many Requests"


async def test_a_write_from_another_site_is_refused(ada: Browser) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    problem = await ada.api("DELETE", "users/ada", 403, headers=headers)
    assert "did not come from a page of Signalbox" in problem["detail"]
